"""Shared fixtures: a small detector, and files of showers that cost nothing."""

import contextlib
import io
import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

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


def pytest_terminal_summary(terminalreporter):
    """Say how many tests were skipped, by reason."""
    skipped = [report.longrepr for report in terminalreporter.getreports("skipped")]
    reasons = Counter(str(found[2]).removeprefix("Skipped: ") for found in skipped if isinstance(found, tuple))
    terminalreporter.write_line(f"{sum(reasons.values())} tests were skipped")
    for reason, n in reasons.most_common():
        terminalreporter.write_line(f"  {n}: {reason}")


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


def weak_toy_showers(detector):
    """Training and selection showers of the same kind, e- of 100 MeV to 2 GeV, which every kind of model takes."""
    showers = toy_showers(detector, 200, seed=1)
    incidents = Incidents.make("e-", 0.1 * showers.incidents.energy, shower_id=showers.incidents.shower_id)
    weak = Showers(detector, incidents, 0.1 * showers.energies, showers.provenance)
    return weak[:150], weak[150:]


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
    local = 4
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
def exported(tmp_path_factory):
    """Exports a training once for all test processes, since an export takes many seconds."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent

    def make(name, train):
        from caloforge.export import ExportSummary, export

        path, told = folder / f"{name}.onnx", folder / f"{name}.json"
        with FileLock(folder / f"{name}.lock"):
            if not told.exists():
                said = io.StringIO()
                with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                    summary = export(train(), path)
                told.write_text(json.dumps([asdict(summary), said.getvalue()]))
        summary, text = json.loads(told.read_text())
        return path, ExportSummary(**summary), text

    return make


@pytest.fixture(scope="session")
def toy_export(toy_run, exported):
    """The exported model of `toy_run`, the summary of the export, and all it printed."""
    return exported("toy", lambda: toy_run)


@pytest.fixture(scope="session")
def toy_onnx(toy_export):
    """The exported model of `toy_run`."""
    return toy_export[0]


@pytest.fixture(scope="session")
def tiny_configs():
    """A tiny config of every kind of model."""
    from caloforge.models.caloflow.config import CaloFlowConfig, CaloFlowStudentConfig, Logits, MaskedFlowConfig
    from caloforge.models.config_types import FlowConfig
    from caloforge.models.coupling_flow.config import CouplingFlowConfig, DistilledConfig
    from caloforge.models.fast_ar.config import FastArConfig
    from caloforge.models.gan_3d.config import (
        DiscriminatorConfig,
        DownBlockConfig,
        Gan3DConfig,
        GeneratorConfig,
        UpBlockConfig,
    )
    from caloforge.models.vae.config import VAEConfig
    from caloforge.models.wgan.config import WGANConfig

    flow, brief = FlowConfig(blocks=2, hidden=8, bins=4), FlowConfig(blocks=1, hidden=4, bins=2)
    first = MaskedFlowConfig(blocks=1, hidden=8, depth=3, bins=4)
    masked = MaskedFlowConfig(blocks=2, hidden=16, bins=4)
    cube, half = (3, 3, 3), (2, 2, 2)
    up = (UpBlockConfig(channels=6, kernel=cube), UpBlockConfig(channels=4, kernel=cube, up=half))
    down = (DownBlockConfig(channels=4, kernel=cube, join=half), DownBlockConfig(channels=4, kernel=cube))
    gan = {"generator": GeneratorConfig(start=4, blocks=up), "discriminator": DiscriminatorConfig(blocks=down)}
    return {
        "caloflow": CaloFlowConfig(layers=first, cells=masked.model_copy(update={"depth": 2})),
        "caloflow-student": CaloFlowStudentConfig(layers=first, cells=masked, columns=Logits(noise="5 keV")),
        "coupling-flow": CouplingFlowConfig(layers=flow, cells=flow, local=4),
        "distilled": DistilledConfig(layers=flow, hidden=8, blocks=1, local=4),
        "fast-ar": FastArConfig(layers=brief, widths=(4, 6), blocks=(0, 1), embedding=4, mixtures=2),
        "gan-3d": Gan3DConfig(noise=6, **gan),
        "vae": VAEConfig(latent=4, hidden=(16, 8)),
        "wgan-gp": WGANConfig(latent=4, hidden=(16, 16)),
    }


@pytest.fixture(scope="session")
def detector_for(small, uniform):
    """The small detector that a kind of model can learn."""
    return lambda kind: uniform if kind in ("fast-ar", "gan-3d") else small


@pytest.fixture(scope="session")
def tiny_training(tiny_configs, detector_for, tmp_path_factory):
    """Trains a tiny model of a kind for a moment, on e- of 100 MeV to 2 GeV; its run directory."""

    def make(kind, **training):
        from caloforge.training import TrainingConfig, train

        config = tiny_configs[kind]
        run, teacher = tmp_path_factory.mktemp(kind) / "run", None
        if wanted := getattr(config, "learns_from", None):
            shared = config.model_dump(include={"columns"})
            teacher = make(wanted, model=tiny_configs[wanted].model_dump() | shared)
        schedule = {"steps": 2, "batch": 32, "evaluate_every": 2}
        model = training.pop("model", config.model_dump())
        learning = {"model": model, "training": schedule | training, "teacher": teacher and str(teacher)}
        train(TrainingConfig.build(learning, kind), *weak_toy_showers(detector_for(kind)), run, quiet=True)
        return run

    return make


@pytest.fixture(scope="session")
def tiny_onnx(tiny_training, toy_onnx, exported):
    """Exports a tiny model of a kind, each kind once."""
    return lambda kind: toy_onnx if kind == "coupling-flow" else exported(kind, lambda: tiny_training(kind))[0]
