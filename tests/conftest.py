"""Shared fixtures: a small detector, and files of showers that cost nothing."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.showers import Incidents, Showers

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

UNIFORM = """
name = "uniform"
[readout]
threshold = "0.01 MeV"
[[layer]]
copies = 4
plates = [{material = "G4_PbWO4", thickness = "50 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [4, 4], size = ["20 mm", "20 mm"]}
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


@pytest.fixture(scope="session")
def uniform() -> Detector:
    """Four layers of the same 4 x 4 cells."""
    return Detector.from_toml(UNIFORM)


def toy_showers(detector, n, *, seed, first_id=0):
    """Showers of no physics but the right looks: sparse, falling off sideways, sums close to the incident energy."""
    random = np.random.default_rng(seed)
    energy = random.uniform(1000.0, 20000.0, n)
    radius = np.hypot(*detector.cell_centres[:, :2].T)
    profile = np.exp(-radius / 15.0) * np.interp(
        detector.cell_layer, np.linspace(0, len(detector.layers) - 1, 3), [0.3, 1.0, 0.1]
    )
    cells = random.gamma(0.05 * np.outer(energy, profile / profile.sum()) + 1e-3)
    cells *= (0.99 * energy / cells.sum(1))[:, None] * random.normal(1.0, 0.002, (n, 1))
    incidents = Incidents.make("e+", energy, shower_id=np.arange(first_id, first_id + n))
    return Showers(detector, incidents, cells.astype(np.float32), {"simulator": "toy", "seed": seed})


@pytest.fixture(scope="session")
def toy():
    """The maker of toy showers."""
    return toy_showers


@pytest.fixture(scope="session")
def toy_run(small, tmp_path_factory):
    """Run directory of a small coupling flow, trained for a moment."""
    from caloforge.training import TrainingConfig, train

    text = """
    [model]
    kind = "coupling-flow"
    layers = {blocks = 2, hidden = 8, bins = 4}
    cells = {blocks = 2, hidden = 16, bins = 4}
    [training]
    steps = 20
    batch = 64
    evaluate_every = 10
    learning_rate = 0.01
    """
    run = tmp_path_factory.mktemp("toy") / "run"
    showers = toy_showers(small, 400, seed=1)
    train(TrainingConfig.read(text, "toy"), showers[:300], showers[300:], run, quiet=True)
    return run


@pytest.fixture(scope="session")
def toy_export(toy_run):
    """The exported model of `toy_run`, the summary of the export, and all it printed."""
    from caloforge.export import export

    path, said = toy_run.parent / "toy.onnx", io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        summary = export(toy_run, path)
    return path, summary, said.getvalue()


@pytest.fixture(scope="session")
def toy_onnx(toy_export):
    """The exported model of `toy_run`."""
    return toy_export[0]
