"""Shared fixtures: a small detector, and files of showers that cost nothing."""

from pathlib import Path

import pytest

from caloforge.detector import Detector

SHARED = Path(__file__).parents[2] / "shared"

SMALL = """
name = "small"
[readout]
threshold = "0.01 MeV"
[[layer]]
repeat = 5
plates = [{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}]
counts = ["G4_Pb", "G4_lAr"]
cells = {kind = "cartesian", n = [2, 4], size = ["80 mm", "40 mm"]}
[[layer]]
copies = 2
repeat = 10
plates = [{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}]
counts = ["G4_Pb", "G4_lAr"]
cells = {kind = "cartesian", n = [3, 3], size = ["50 mm", "50 mm"]}
"""


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference figures and samples beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the repository: reference figures are not there")
    return SHARED


@pytest.fixture(scope="session")
def small() -> Detector:
    """Two kinds of layers, 26 cells."""
    return Detector.from_toml(SMALL)
