"""A model of hexagonal pads through C++, beside `tests/detector/test_hexagonal.py`: no line of C++ knows hexagons."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tests.attack import graphs

from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators.learned import LearnedSimulator

PADS = """
name = "pads"
[readout]
frame = "shower"
[[layer]]
copies = 2
plates = [{material = "G4_Si", thickness = "9 mm"}]
counts = ["G4_Si"]
cells = {kind = "hexagonal", size = "12 mm", width = "100 mm"}
"""


def test_pads_are_simulated_and_placed(build: Path, run_program: Callable[..., str], tmp_path: Path) -> None:
    """The host's half reads the table of pads, and the particle is taken away from the axis, too."""
    path, detector = tmp_path / "pads.onnx", Detector.from_toml(PADS)
    path.write_bytes(graphs.model(detector, *graphs.good()).SerializeToString())
    told = run_program(build / "tests" / "caloforge_host_probe", "learned", path, 11, 20000, 5, 30, 20, 0).split()
    python = LearnedSimulator(path).simulate(Incidents.make("e-", 2e4, shower_id=5), 7).energies[0]
    assert len(told) == detector.n_cells == 2 * detector.layers[0].cells.n_cells
    np.testing.assert_allclose(np.array(told, float), python, rtol=1e-4)
