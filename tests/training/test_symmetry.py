import numpy as np
import pytest
import torch

from caloforge.detector import Detector, symmetries
from caloforge.models import Batch, build
from caloforge.models.config_types import FlowConfig
from caloforge.models.coupling_flow.config import CouplingFlowConfig
from caloforge.showers import Incidents, Showers
from caloforge.showers.domain import Domain, network_inputs
from caloforge.training import TrainingConfig
from caloforge.training.loop import _open
from caloforge.training.run import TrainingFolder
from caloforge.training.seeding import seeded
from caloforge.training.symmetry import random_symmetry
from caloforge.training.trainer import Trainer

TINY = FlowConfig(blocks=2, hidden=8, bins=4)
TOML = 'model = {kind = "coupling-flow", cells = {blocks = 1, hidden = 4}}\ntraining = {batch = 200}'


def trainer(showers, selection, run):
    config = TrainingConfig.read(TOML, "toy")
    run.mkdir(exist_ok=True)
    _open(config, showers, selection, run, resume=False)
    return Trainer(config, showers, selection, TrainingFolder(run))


def test_batches_show_every_symmetry(small, toy, tmp_path):
    showers = toy(small, 200, seed=1)
    made = trainer(showers, toy(small, 20, seed=2), tmp_path / "run")
    with seeded(1, 0, "training"):
        batch = made._draw(0)
    permutations = torch.from_numpy(symmetries(small))
    seen = set()
    energies = torch.from_numpy(showers.incidents.energy).float()
    for cells, energy in zip(batch.cells, batch.incidents["energy"][:, 0], strict=True):
        original = made.batches._all.cells[(energies == energy).nonzero()[0, 0]]
        kinds = [i for i, p in enumerate(permutations) if torch.equal(original[p], cells)]
        assert kinds
        seen |= set(kinds)
    assert seen == set(range(len(permutations)))


def test_tilted_showers_have_no_symmetry(small, toy, tmp_path):
    showers, selection = toy(small, 200, seed=1), toy(small, 20, seed=2)
    old = showers.incidents
    tilted = Incidents.make("e+", old.energy, theta=0.3, shower_id=old.shower_id)
    made = trainer(Showers(small, tilted, showers.energies), selection, tmp_path / "run")
    assert made.symmetry is None


@pytest.mark.parametrize("name", ["calogan-ecal", "par04-siw"])
def test_directions_move_with_the_cells(name):
    """Each shower is one hit in the direction of its particle, and stays so."""
    detector = Detector.load(name)
    x, y = detector.cell_centres[:, :2].T
    hit = np.random.default_rng(0).choice(np.flatnonzero(np.hypot(x, y) > 1), 300)
    theta, phi = np.full(300, 0.3), np.arctan2(y[hit], x[hit]) % (2 * np.pi)
    incidents = Incidents.make("e+", np.full(300, 1e4), theta=theta, phi=phi)
    cells = torch.zeros(300, detector.n_cells)
    cells[torch.arange(300), torch.from_numpy(hit)] = 1.0
    domain = Domain.of(incidents).model_copy(update={"phi": (0.0, 2 * np.pi)})
    torch.manual_seed(1)
    move = random_symmetry(detector, domain, torch.device("cpu"))
    moved = move(Batch(cells, {name: torch.from_numpy(v) for name, v in network_inputs(incidents).items()}))
    now, azimuth = moved.cells.argmax(1).numpy(), moved.incidents["phi"][:, 0].numpy()
    assert (now != hit).mean() > 0.5
    assert (detector.cell_layer[now] == detector.cell_layer[hit]).all()
    difference = np.arctan2(y[now], x[now]) - azimuth
    np.testing.assert_allclose(np.sin(difference), 0, atol=1e-5)
    assert (np.cos(difference) > 0).all()
    assert azimuth.min() >= 0
    assert azimuth.max() <= 2 * np.pi + 1e-6


def test_marginals_of_all_azimuths_are_pooled():
    detector = Detector.load("par04-siw")
    config = CouplingFlowConfig(layers=TINY, cells=TINY, local=4, heads="shared")
    ranges = {"pdgs": (11,), "energy": (1e3, 1e4), "theta": (0.0, 0.5), "position": ((0, 0), (0, 0), (0, 0))}
    of_all, of_half = (build(config, detector, Domain(**ranges, phi=(0.0, end))) for end in (2 * np.pi, np.pi))
    assert len(of_all.symmetry_classes.unique()) == 45 * 9
    assert len(of_half.symmetry_classes.unique()) == detector.n_cells
