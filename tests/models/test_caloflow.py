import pytest
import torch

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.models import Batch, build
from caloforge.models.caloflow.config import CaloFlowConfig, CaloFlowStudentConfig, Logits, MaskedFlowConfig, Scores
from caloforge.showers import Incidents, Showers
from caloforge.showers.domain import Domain

TINY = {"layers": MaskedFlowConfig(blocks=2, hidden=12, bins=4), "cells": MaskedFlowConfig(blocks=2, hidden=10, bins=4)}
COLUMNS = [Logits(), Scores()]


def made(config, showers, seed=12):
    torch.manual_seed(seed)
    model = build(config, showers.detector, Domain.of(showers.incidents))
    model.fit(showers)
    return model


@pytest.fixture(scope="module")
def showers(small, toy):
    return toy(small, 400, seed=11)


@pytest.fixture(scope="module", params=COLUMNS, ids=["logits", "scores"])
def teacher(request, showers):
    return made(CaloFlowConfig(**TINY, columns=request.param), showers)


def noise_for(model, n):
    return torch.randn(n, model.noise_size, generator=torch.Generator().manual_seed(13))


def test_layers_sum_to_flow_one(teacher, showers, small):
    energy, noise = Batch.of(showers).incidents["energy"], noise_for(teacher, 400)
    with torch.no_grad():
        cells = teacher.sample(noise, energy=energy)
        drawn = teacher.layer_flow.inverse(noise[:, :3], teacher.conditions(energy=energy))
        layers = teacher.layers.inverse(drawn, energy)
    sums = torch.from_numpy(small.sum_layers(cells.numpy())).float()
    hit = layers > small.readout.threshold
    assert ((sums - layers).abs() <= 1e-4 * layers + 1e-6)[hit].all()
    assert hit.float().mean() > 0.9


def test_cells_are_dealt_within_their_layers(small, showers):
    """As in the authors' code: reversed and at random in turn, and no cell leaves its layer."""
    cells = MaskedFlowConfig(blocks=4, hidden=10, bins=4)
    orders = made(CaloFlowConfig(**TINY | {"cells": cells}), showers).cell_flow.orders
    layer = torch.from_numpy(small.cell_layer)
    assert (layer[orders] == layer).all()
    first = int((layer == 0).sum())
    assert orders[0].equal(torch.arange(small.n_cells))
    assert orders[1, :first].equal(torch.arange(first).flip(0))
    assert orders.unique(dim=0).shape[0] == 3  # blocks 1 and 3 reverse alike
    assert orders.sort(1).values.equal(torch.arange(small.n_cells).expand(4, -1))


def test_columns_come_back_as_the_showers(teacher, showers):
    """Latent numbers of Geant4-like showers, sampled again, give their layers and cells."""
    batch = Batch.of(showers[:100])
    with torch.no_grad():
        columns, conditions = teacher.features(batch)
        size = teacher.conditions.size
        for_layers, _ = teacher.layer_flow(conditions[:, size:], conditions[:, :size])
        latent = teacher.to_latent(columns, conditions).points[-1]
        cells = teacher.sample(torch.cat([for_layers, latent], 1), energy=batch.incidents["energy"])
    bright = batch.cells > 0.01 * batch.cells.sum(1, keepdim=True)
    assert (cells / batch.cells - 1)[bright].abs().max() < 0.01


@pytest.mark.parametrize("columns", COLUMNS, ids=["logits", "scores"])
def test_training_with_empty_layers_and_showers(small, toy, columns):
    showers = toy(small, 200, seed=14)
    energies = showers.energies.copy()
    energies[::2, 17:] = 0.0
    energies[0] = 0.0
    model = made(CaloFlowConfig(**TINY, columns=columns), Showers(small, showers.incidents, energies))
    loss = model.loss(Batch.of(Showers(small, showers.incidents, energies)))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


@pytest.mark.parametrize("copies", [1, 5])
def test_any_number_of_layers(toy, copies):
    toml = f"""
    name = "stack"
    [[layer]]
    copies = {copies}
    plates = [{{material = "G4_Pb", thickness = "2 mm"}}, {{material = "G4_lAr", thickness = "4 mm"}}]
    counts = ["G4_lAr"]
    cells = {{kind = "cartesian", n = [2, 2], size = ["40 mm", "40 mm"]}}
    """
    showers = toy(Detector.from_toml(toml), 100, seed=17)
    model = made(CaloFlowConfig(**TINY), showers)
    model.loss(Batch.of(showers)).backward()
    with torch.no_grad():
        cells = model.sample(noise_for(model, 2), energy=torch.tensor([[2e3], [1e4]]))
    assert torch.isfinite(cells).all()


def test_teacher_and_student_start_from_what_is_shared(teacher, showers):
    """As wide as its teacher, the student starts with its networks; flow I and the transforms are the teacher's."""
    student = made(CaloFlowStudentConfig(**TINY, columns=teacher.config.columns), showers[:50], seed=99)
    student.domain = teacher.domain
    student.initialise_from(teacher)
    ours, theirs = student.state_dict(), teacher.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert {name.split(".")[0] for name, _ in student.named_parameters()} == {"cell_flow"}


@pytest.mark.parametrize("larger", [{"hidden": 33}, {"depth": 2}])
def test_a_larger_student_keeps_its_own_networks(teacher, showers, larger):
    wider = TINY | {"cells": TINY["cells"].model_copy(update=larger)}
    student = made(CaloFlowStudentConfig(**wider, columns=teacher.config.columns), showers)
    before = student.cell_flow.state_dict()
    kept = {name: value.clone() for name, value in before.items()}
    student.initialise_from(teacher)
    assert all(torch.equal(kept[name], value) for name, value in student.cell_flow.state_dict().items())
    assert torch.equal(student.layer_flow.blocks[0].outputs, teacher.layer_flow.blocks[0].outputs)


def test_teachers_of_another_size_are_refused(showers):
    teacher = made(CaloFlowConfig(**TINY), showers)
    sizes = TINY | {"cells": MaskedFlowConfig(blocks=3, hidden=10, bins=4)}
    with pytest.raises(InputError, match=r"cells\.blocks = 3 must be its teacher's, 2"):
        made(CaloFlowStudentConfig(**sizes), showers).initialise_from(teacher)
    with pytest.raises(InputError, match="columns"):
        made(CaloFlowStudentConfig(**TINY, columns=Scores()), showers).initialise_from(teacher)


def test_teachers_of_other_incidents_or_kinds_are_refused(showers):
    teacher = made(CaloFlowConfig(**TINY), showers)
    old = showers.incidents
    others = Showers(showers.detector, Incidents.make("e+", 2 * old.energy, shower_id=old.shower_id), showers.energies)
    student = made(CaloFlowStudentConfig(**TINY), others)
    with pytest.raises(InputError, match="other incidents"):
        student.initialise_from(teacher)
    with pytest.raises(InputError, match="kind 'caloflow'"):
        student.initialise_from(student)


@pytest.mark.parametrize("noise", ["0 MeV", "-1 keV"])
def test_noise_must_be_positive(noise):
    with pytest.raises(InputError, match="noise: energy must be positive"):
        CaloFlowConfig.build({"columns": {"kind": "logits", "noise": noise}}, "toy")
