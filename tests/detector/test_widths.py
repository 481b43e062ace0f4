"""Plates have the widths in x and in y that the detector names."""

import numpy as np
import pytest

from caloforge.detector import Detector, preset_names
from caloforge.detector.draw import draw
from caloforge.detector.symmetry import count_symmetries
from caloforge.errors import InputError

BLOCK = """
name = "block"
WIDTH
[[layer]]
plates = [{material = "G4_PbWO4", thickness = "220 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [9, 6], size = ["25 mm", "25 mm"]}
"""
PRESETS = {
    "atlas-barrel": (600, 600),
    "calogan-ecal": (240, 240),
    "clic-ecal": (62.5, 62.5),
    "fcc-lar": (205.2, 204.7),
    "par04-siw": (400, 400),
    "pbwo4-cylinder": (120, 120),
    "sdhcal": (480, 480),
}


def block(width=""):
    return Detector.from_toml(BLOCK.replace("WIDTH", width), "block.toml")


def test_plates_are_as_wide_as_the_cells_by_default():
    assert block().half_widths == (112.5, 75.0)
    assert block().face == "+-112.5 mm in x, +-75 mm in y"


def test_one_length_is_a_square_and_two_are_x_and_y():
    assert block('half_width = "150 mm"').half_widths == (150.0, 150.0)
    two = block('half_width = ["15 cm", "90 mm"]')
    assert two.half_widths == (150.0, 90.0)
    assert Detector.from_toml(two.toml) == two
    assert two.hash != block().hash
    assert block('half_width = ["150 mm", "15 cm"]').hash == block('half_width = "150 mm"').hash


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_as_wide_as_before(name):
    assert Detector.load(name).half_widths == pytest.approx(PRESETS[name])


@pytest.mark.parametrize(
    ("width", "said"),
    [
        ('"100 mm"', "half_width 100 mm is less than the cells' 112.5 mm in x"),
        ('["120 mm", "70 mm"]', "half_width 70 mm is less than the cells' 75 mm in y"),
        ('["1 m", "1 m", "1 m"]', "half_width is one length, or two for x and y"),
        ('["1 m", "-1 m"]', "half_width is one length, or two for x and y"),
        ("[]", "half_width is one length, or two for x and y"),
        ("150", "length '150' has no unit"),
        ('"2 km"', "unit 'km' of length '2 km' is unknown"),
    ],
)
def test_refuses_other_widths(width, said):
    with pytest.raises(InputError) as error:
        block(f"half_width = {width}")
    assert said in str(error.value)


def test_a_disc_has_one_radius():
    text = BLOCK.replace(
        '"cartesian", n = [9, 6], size = ["25 mm", "25 mm"]', '"cylindrical", n = [4, 2], r_max = "9 mm"'
    )
    with pytest.raises(InputError, match="half_width is their radius, one length"):
        Detector.from_toml(text.replace("WIDTH", 'half_width = ["20 mm", "30 mm"]'))
    disc = Detector.from_toml(text.replace("WIDTH", 'half_width = "20 mm"'))
    np.testing.assert_allclose(disc.distance_to_side([0, 12, 20], [0, 16, 15]), [20, 0, -5])


def test_distance_to_the_nearest_side():
    x, y = np.array([0, 110, -112.5, 0, 113]), np.array([0, 0, 10, -74, 0])
    np.testing.assert_allclose(block().distance_to_side(x, y), [75, 2.5, 0, 1, -0.5])


def test_square_cells_in_rectangular_plates_do_not_swap():
    cells = BLOCK.replace("[9, 6]", "[6, 6]")
    square, rectangle = (cells.replace("WIDTH", w) for w in ("", 'half_width = ["150 mm", "90 mm"]'))
    assert [count_symmetries(Detector.from_toml(text)) for text in (square, rectangle)] == [8, 4]


@pytest.mark.parametrize("width", ["", 'half_width = ["150 mm", "90 mm"]', 'half_width = "1 m"'])
def test_draws_the_outline_of_the_plates(width, tmp_path):
    pytest.importorskip("matplotlib")
    draw(block(width), tmp_path / "block.svg")
    assert "C3" not in (text := (tmp_path / "block.svg").read_text())
    assert "#d62728" in text  # the outline's colour, used nowhere else
    assert ("150 mm in x" in text) == ("150" in width)
