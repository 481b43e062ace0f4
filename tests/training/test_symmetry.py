import torch

from caloforge.detector import symmetries
from caloforge.showers import Incidents, Showers
from caloforge.training import TrainingConfig
from caloforge.training.loop import _open
from caloforge.training.run import TrainingFolder
from caloforge.training.seeding import seeded
from caloforge.training.trainer import Trainer

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
    assert made.symmetries is None
