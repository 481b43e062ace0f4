"""Text and pictures of `caloforge detectors NAME`."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from caloforge.detector import Detector, preset_names
from caloforge.detector.describe import describe, summarise
from caloforge.detector.draw import draw
from caloforge.errors import InputError


def text(detector):
    console = Console(file=io.StringIO(), width=200)
    console.print(describe(detector))
    return console.file.getvalue()


def test_numbers_of_the_calogan_detector():
    numbers = summarise(Detector.load("calogan-ecal"))
    assert numbers.depth_x0 == pytest.approx(80 * (2 / 5.612 + 4 / 140.0), rel=1e-3)
    assert numbers.depth_interaction == pytest.approx(80 * (2 / 175.9 + 4 / 857.4), rel=2e-3)
    assert numbers.moliere == pytest.approx(36, abs=1.5)
    assert numbers.sampling_fraction == numbers.mip_fraction == 1


def test_sampling_fraction_of_silicon_in_tungsten():
    numbers = summarise(Detector.load("clic-ecal"))
    assert numbers.mip_fraction == pytest.approx(0.5 * 3.877 / (0.5 * 3.877 + 3.5 * 22.1), rel=1e-2)
    assert numbers.sampling_fraction == pytest.approx(0.0185, rel=0.03)  # Geant4: 0.0185 +- 0.0002, no leakage


@pytest.mark.parametrize("name", preset_names())
def test_describes_every_preset(name):
    said = text(Detector.load(name))
    for word in (name, "X0", "interaction lengths", "Moliere radius", "symmetries", "cell size"):
        assert word in said


def test_describes_a_detector_of_unknown_matter(small):
    other = Detector.from_toml(small.toml.replace("G4_Pb", "G4_UNOBTAINIUM"))
    assert "material 'G4_UNOBTAINIUM' are unknown here" in text(other)


@pytest.mark.parametrize(("name", "suffix"), [("calogan-ecal", "png"), ("pbwo4-cylinder", "svg")])
def test_draws(name, suffix, tmp_path):
    imread = pytest.importorskip("matplotlib.image").imread
    path = tmp_path / f"picture.{suffix}"
    draw(Detector.load(name), path)
    if suffix == "svg":
        lines = [element for element in ElementTree.parse(path).iter() if element.tag.endswith("path")]
        assert len(lines) > 24  # the walls of 24 rings alone
        return
    pixels = imread(path)[..., :3]
    assert 0.02 < (pixels.max(axis=2) < 0.5).mean() < 0.5  # dark lines on white
    assert len(np.unique((pixels * 255).astype(int).reshape(-1, 3), axis=0)) > 10


def test_refuses_a_picture_it_cannot_write(small, tmp_path):
    with pytest.raises(InputError, match=r"\.png, \.pdf, \.svg"):
        draw(small, tmp_path / "picture.docx")
