"""Detectors: presets, cells on their flat axis, and errors that say what is wrong."""

import math
import random
from importlib.resources import files

import numpy as np
import pytest

from caloforge.detector import Detector, preset_names
from caloforge.detector.describe import describe
from caloforge.errors import InputError

CELLS = {"calogan-ecal": 504, "clic-ecal": 15625, "pbwo4-cylinder": 13824, "fcc-lar": 6555, "sdhcal": 110592,
         "par04-siw": 45 * 16 * 9, "atlas-barrel": 7 * 3 + 56 * 3 + 7 * 7 + 4 * 7}  # fmt: skip
PLAIN = """
name = "plain"
[readout]
threshold = "0.01 MeV"
[[layer]]
copies = 3
plates = [{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}]
counts = ["G4_lAr"]
cells = {kind = "cartesian", n = [4, 2], size = ["10 mm", "30 mm"]}
"""


@pytest.mark.parametrize("name", preset_names())
def test_presets_load_and_keep_their_identity_through_toml(name):
    detector = Detector.load(name)
    again = Detector.from_toml(detector.toml)
    assert again == detector
    assert again.toml == detector.toml
    assert detector.name == name
    assert detector.spec.description
    assert detector.n_cells == CELLS[name]
    assert detector.n_cells < 120_000


def test_flat_cells_run_layer_x_y():
    detector = Detector.from_toml(PLAIN)
    assert detector.n_cells == 24
    assert detector.depth == 18
    np.testing.assert_allclose(detector.cell_centres[0], [-15, -15, 3])
    np.testing.assert_allclose(detector.cell_centres[1], [-15, 15, 3])
    np.testing.assert_allclose(detector.cell_centres[2], [-5, -15, 3])
    np.testing.assert_allclose(detector.cell_centres[8], [-15, -15, 9])
    np.testing.assert_array_equal(detector.cell_layer, np.repeat([0, 1, 2], 8))


def test_rings_run_phi_r():
    detector = Detector.load("pbwo4-cylinder")
    x, y, z = detector.cell_centres.T
    assert np.hypot(x, y)[1] == pytest.approx(7.5)
    assert math.degrees(math.atan2(y[24], x[24])) == pytest.approx(22.5)
    assert z[24 * 24] == pytest.approx(15)
    assert detector.is_cylinder


@pytest.mark.parametrize("name", preset_names())
def test_cell_volumes_fill_the_grids(name):
    detector = Detector.load(name)
    for layer in detector.layers[:3]:
        cells = layer.cells
        area = (
            math.prod(cells.n) * math.prod(cells.size) if cells.kind == "cartesian" else math.pi * cells.half_extent**2
        )
        assert detector.cell_volumes[layer.slice].sum() == pytest.approx(area * (layer.z_max - layer.z_min))


def test_sum_layers():
    detector = Detector.from_toml(PLAIN)
    energies = np.arange(48, dtype=np.float32).reshape(2, 24)
    np.testing.assert_allclose(detector.sum_layers(energies), energies.reshape(2, 3, 8).sum(2))


def test_identity_is_in_the_content_not_in_the_words():
    detector = Detector.from_toml(PLAIN)
    assert Detector.from_toml('description = "x"\n' + PLAIN) == detector
    assert Detector.from_toml(PLAIN.replace("2 mm", "0.2 cm")) == detector
    assert Detector.from_toml(PLAIN.replace("2 mm", "3 mm")) != detector
    assert len({detector, Detector.from_toml(PLAIN)}) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"2 mm"', '"2"', "length '2' has no unit"),
        ('"2 mm"', '"2 mn"', "unit 'mn' of length '2 mn' is unknown; did you mean 'm"),
        ('"2 mm"', '"2 GeV"', "unit 'GeV' of length"),
        ('"2 mm"', '"-2 mm"', "greater than 0"),
        ('"2 mm"', '"nan mm"', "not finite"),
        ('"2 mm"', "2", "length '2' has no unit"),
        ("copies", "copeis", "unknown key 'layer.0.copeis'; did you mean 'copies'"),
        ("thickness", "thicknes", "did you mean 'thickness'"),
        ('counts = ["G4_lAr"]', 'counts = ["G4_Ar"]', "'G4_Ar', which is not the material of any plate"),
        ('counts = ["G4_lAr"]', "counts = []", "counts"),
        ("n = [4, 2]", "n = [4]", "n"),
        ("n = [4, 2]", "n = [0, 2]", "greater than or equal to 1"),
        ("n = [4, 2]", "n = [9999, 9999]", "cells are more than the 10000000 allowed"),
        ("copies = 3", "copies = 3\nrepeat = 10000\n", None),
        ("copies = 3", "copies = 9999\nrepeat = 10000\n", "plates are more than the 100000 allowed"),
        ('kind = "cartesian"', 'kind = "hexagonal"', "unknown key 'layer.0.cells.n'; known: kind, size, width"),
        ("[readout]", 'half_width = "20 mm"\n[readout]', "half_width 20 mm is less than the cells' 30 mm in y"),
        ("[readout]", '[readout]\nframe = "window"', "frame 'window' needs cartesian cells and centre_layer"),
        ("n = [4, 2]", "n = [4, 2], grid = [8, 8]", "cells.grid is for frame 'window' only"),
        ("[readout]", "[readout]\nsampling_fraction = 1.5", "less than or equal to 1"),
        ('name = "plain"', 'name = "pl ain"', "name"),
        ("[readout]", "[readout", "not valid TOML"),
        ("copies = 3", 'copies = 3\nbirks = "0.1"', "Birks' constant '0.1' has no unit"),
        (
            "copies = 3",
            'copies = 3\nbirks = "0.1 mm"',
            "constant '0.1 mm' is unknown; did you mean 'mm/MeV'",
        ),
        ('counts = ["G4_lAr"]', 'counts = ["G4_lAr", "G4_Pb"]\nbirks = "0.1 mm/MeV"', "birks belongs to one material"),
        ("copies = 3", 'copies = 3\ntime_gate = "150 mm"', "unit 'mm' of time '150 mm'"),
        ("copies = 3", 'copies = 3\ntime_gate = "0 ns"', "greater than 0"),
        ("copies = 3", "copies = 3\nweight = 0", "greater than 0"),
        ("copies = 3", 'copies = 3\nthreshold = "-0.5 MIP"', "threshold '-0.5 MIP' is negative"),
        ("copies = 3", 'copies = 3\nthreshold = "half a MIP"', "threshold 'half a MIP' is not a number with a unit"),
        ("copies = 3", 'copies = 3\nthreshold = "0.5"', "threshold '0.5' has no unit"),
        ('"0.01 MeV"', '"0.5 MIP"', "unit 'MIP' of energy '0.5 MIP' is unknown"),
        ("[readout]", '[material.own]\ndensity = "1 g/cm3"\nelements = {C = 0.5}\n[readout]', "sum to 1"),
    ],
)
def test_errors_name_the_key_and_the_nearest_right_thing(old, new, message):
    text = PLAIN.replace(old, new)
    if message is None:
        assert Detector.from_toml(text).depth > 0
        return
    with pytest.raises(InputError, match=r"plain\.toml") as error:
        Detector.from_toml(text, "plain.toml")
    assert message in str(error.value)
    assert str(error.value).count("\n") < 3


@pytest.mark.parametrize("edges", ['"5 mm"', '"0 mm", "5 mm", "5 mm"', '"0 mm", "9 mm", "5 mm"', '"-1 mm", "5 mm"'])
def test_rings_that_overlap_are_refused(edges):
    cells = f'{{kind = "cylindrical", n = [4, 2], r_edges = [{edges}]}}'
    with pytest.raises(InputError, match="r_edges"):
        Detector.from_toml(PLAIN.split("cells =")[0] + f"cells = {cells}\n")


def test_unknown_preset_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'calogan-ecal'"):
        Detector.load("calogan_ecal")
    with pytest.raises(InputError, match=r"cannot read nowhere\.toml"):
        Detector.load("nowhere.toml")


INSERTS = [
    '"',
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    '"1 parsec"',
    "[[layer]]",
    "\x00",
    "é",
    "9" * 5000,
]


def mutate(text, rng):
    """Cut, insert, replace characters or digits, move lines: one to three times."""
    for _ in range(rng.randint(1, 3)):
        at, kind = rng.randrange(len(text)), rng.randrange(5)
        if kind == 0:
            text = text[:at] + text[at + rng.randint(1, 20) :]
        elif kind == 1:
            text = text[:at] + rng.choice(INSERTS) + text[at:]
        elif kind == 2:
            text = text[:at] + chr(rng.randrange(1, 0x300)) + text[at + 1 :]
        elif kind == 3:
            digit = rng.choice([i for i, c in enumerate(text) if c.isdigit()] or [0])
            text = text[:digit] + rng.choice(["0", "-", "9999", "1e5", "."]) + text[digit + 1 :]
        else:
            lines = text.split("\n")
            lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
            text = "\n".join(lines)
        text = text or " "
    return text


def test_mutated_files_give_a_detector_or_a_clear_error():
    rng = random.Random(7)
    presets = [(files("caloforge.detector") / "presets" / f"{name}.toml").read_text() for name in preset_names()]
    outcomes = []
    for _ in range(300):
        try:
            detector = Detector.from_toml(mutate(rng.choice(presets), rng))
            assert len(detector.cell_centres) == len(detector.cell_volumes) == detector.n_cells
            describe(detector)
            outcomes.append("built")
        except InputError as error:
            outcomes.append(str(error))
    refused = [outcome for outcome in outcomes if outcome != "built"]
    assert 10 < len(refused) < 290
    assert all(0 < len(message) < 600 for message in refused)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("n = [4, 2]", "n = 5", "two numbers are needed, n = [5, 5]"),
        ("n = [4, 2]", "n = [4, 2], grid = 7", "two numbers are needed, grid = [7, 7]"),
        ('size = ["10 mm", "30 mm"]', 'size = "10 mm"', 'two lengths are needed, size = ["10 mm", "10 mm"]'),
    ],
)
def test_one_value_for_a_pair_is_told_how_pairs_are_written(old, new, said):
    assert old in PLAIN
    with pytest.raises(InputError) as error:
        Detector.from_toml(PLAIN.replace(old, new))
    assert said in str(error.value)
