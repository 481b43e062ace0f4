import numpy as np
import pytest
import torch
from pydantic import ValidationError

from caloforge.detector import Detector
from caloforge.models import Batch, build
from caloforge.models.config_types import FlowConfig
from caloforge.models.coupling_flow.config import CouplingFlowConfig
from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.flows.edges import KAPPA
from caloforge.models.flows.neighbourhoods import layout
from caloforge.showers import Incidents, Showers
from caloforge.showers.domain import Domain

TINY = CouplingFlowConfig(layers=FlowConfig(blocks=2, hidden=8, bins=4), cells=FlowConfig(blocks=2, hidden=8, bins=4))


@pytest.fixture(scope="module")
def fitted(small, toy):
    showers = toy(small, 500, seed=11)
    torch.manual_seed(12)
    model = build(TINY, small, Domain.of(showers.incidents))
    model.fit(showers)
    return model, showers


def test_layers_sum_to_flow_one(fitted, small):
    model, showers = fitted
    energy = Batch.of(showers).incidents["energy"]
    noise = torch.randn(500, model.noise_size, generator=torch.Generator().manual_seed(13))
    with torch.no_grad():
        cells = model.sample(noise, energy=energy)
        drawn = model.layer_flow.inverse(noise[:, : sum(model.sizes)], model.conditions(energy=energy))
        layers = model.shares.inverse(drawn[:, :4], energy)
        layers = torch.where(layers >= small.threshold, layers, 0.0)
    sums = torch.from_numpy(small.sum_layers(cells.numpy())).float()
    assert ((sums - layers).abs() <= torch.where(layers < 0.05, 0.05, 1e-5 * layers + 1e-6)).all()


def test_the_first_range_of_a_cell_is_that_of_no_hit(fitted):
    model, _ = fitted
    first = torch.cat([block.masses[0] for block in model.cell_flow.couplings[:2]])
    torch.testing.assert_close(
        first.sort().values, torch.sigmoid(KAPPA * model.hits.edge).sort().values, rtol=0, atol=1e-4
    )
    energies = torch.tensor([1.0, 3.0]) * model.hits.threshold
    scores = model.hits(energies[:, None].expand(-1, len(first)), torch.zeros(2, len(first)))
    torch.testing.assert_close(model.hits.scores_at([1.0, 3.0]), scores, rtol=0, atol=1e-4)


def test_layers_stay_empty_as_often_as_they_are(small, toy):
    """A third of the showers are empty in the last layer, which else holds at least 5 MeV."""
    showers = toy(small, 600, seed=14)
    energies = showers.energies.copy()
    last = small.layers[2].slice
    energies[:, last] *= 5.0 / energies[:, last].sum(1).min()
    energies[::3, last] = 0.0
    torch.manual_seed(15)
    model = build(TINY, small, Domain.of(showers.incidents))
    model.fit(Showers(small, showers.incidents, energies))
    with torch.no_grad():
        for block in model.layer_flow.couplings:  # the identity
            block.network[-1].weight.zero_()
            block.network[-1].bias.zero_()
        energy = Batch.of(showers).incidents["energy"].repeat(10, 1)
        cells = model.sample(torch.randn(6000, model.noise_size), energy=energy)
    drawn = small.sum_layers(cells.numpy())
    assert (drawn[:, :2] > 0).all()
    assert (drawn[:, 2] == 0).mean() == pytest.approx(1 / 3, abs=0.025)  # four standard errors
    seen = np.where(energies >= small.threshold, energies, 0)[:, last].sum(1)
    assert drawn[:, 2][drawn[:, 2] > 0].min() > 0.5 * seen[seen > 0].min()


def test_cells_stay_empty_where_the_readout_has_no_threshold(small, toy):
    detector = Detector.from_toml(small.toml.replace('threshold = "0.01 MeV"', ""))
    showers = toy(detector, 500, seed=11)
    energies = np.where(showers.energies > np.quantile(showers.energies, 0.7), showers.energies, 0).astype(np.float32)
    showers = Showers(detector, showers.incidents, energies)
    torch.manual_seed(12)
    model = build(TINY, detector, Domain.of(showers.incidents))
    model.fit(showers)
    with torch.no_grad():
        cells = model.sample(torch.randn(500, model.noise_size), energy=Batch.of(showers).incidents["energy"])
    assert 0.2 < float((cells > 0).float().mean()) < 0.4


def test_training_with_empty_layers_and_showers(small, toy):
    showers = toy(small, 200, seed=14)
    energies = showers.energies.copy()
    energies[::2, 17:] = 0.0
    energies[0] = 0.0
    showers = Showers(small, showers.incidents, energies)
    torch.manual_seed(15)
    model = build(TINY, small, Domain.of(showers.incidents))
    model.fit(showers)
    loss = model.loss(Batch.of(showers))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_any_number_of_layers_and_cells():
    cylinder = Detector.load("pbwo4-cylinder")
    random = np.random.default_rng(16)
    energies = random.gamma(0.2, 5.0, (20, cylinder.n_cells)).astype(np.float32)
    showers = Showers(cylinder, Incidents.make("e-", random.uniform(1e3, 2e3, 20)), energies)
    model = build(TINY, cylinder, Domain.of(showers.incidents))
    model.fit(showers[:20])
    with torch.no_grad():
        cells = model.sample(torch.randn(2, model.noise_size), energy=torch.tensor([[1e3], [2e3]]))
    assert cells.shape == (2, 13824)
    assert torch.isfinite(cells).all()


def test_one_layer(toy):
    toml = Detector.load("clic-ecal").toml.replace("copies = 25", "").replace("25,\n    25", "3,\n    3")
    detector = Detector.from_toml(toml)
    assert len(detector.layers) == 1
    showers = toy(detector, 100, seed=17)
    torch.manual_seed(18)
    model = build(TINY, detector, Domain.of(showers.incidents))
    model.fit(showers)
    batch = Batch.of(showers)
    loss = model.loss(batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert any(p.grad.abs().max() > 0 for p in model.parameters())
    before = float(loss.detach())
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(20):
        optimiser.zero_grad()
        torch.manual_seed(18)
        loss = model.loss(batch)
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < before - 0.01
    with torch.no_grad():
        cells = model.sample(torch.randn(100, model.noise_size), energy=batch.incidents["energy"])
    assert 0.5 < float(cells.sum() / batch.cells.sum()) < 1.5


@pytest.mark.parametrize(("blocks", "plain"), [(4, 2), (4, 4), (1, 1)])
def test_plain_blocks_have_no_splines_and_keep_their_edges(blocks, plain):
    flow = FlowConfig(blocks=blocks, plain=plain, hidden=8)
    found = CouplingFlow(6, 1, **flow.model_dump(), edges=2).couplings
    assert [block.bins for block in found] == [6] * (blocks - plain) + [0] * plain
    ranges = [3, 3, 0, 0][:blocks]
    bent = [17] * (blocks - plain) + [2] * plain
    assert [block.shape[0] for block in found] == [sum(pair) for pair in zip(bent, ranges, strict=True)]


REFUSED = [
    ({"cells": {"blocks": 2, "hidden": 8, "plain": 3}}, "plain = 3 is more than the 2 blocks"),
    ({"seeing": 1}, "seeing = 1 needs local"),
    ({"local": 4, "seeing": 5}, "seeing = 5 is more than the 4 blocks"),
    ({"local": 4, "seeing": 1, "heads": "shared"}, "seeing goes with heads = 'own'"),
    ({"slim": True}, "slim needs local"),
    ({"edges": [3.0, 10.0]}, "must ascend from 1"),
    ({"edges": [1.0, 10.0, 3.0]}, "must ascend from 1"),
    ({"edges": [1.0, float("inf")]}, "finite"),
]


@pytest.mark.parametrize(("config", "message"), REFUSED)
def test_refuses_what_does_not_go_together(config, message):
    with pytest.raises(ValidationError, match=message):
        CouplingFlowConfig.model_validate(config)


def test_density_of_a_flow_without_splines_is_that_of_the_map(small):
    torch.manual_seed(3)
    flow = CouplingFlow(small.n_cells, 2, blocks=5, plain=5, hidden=8, depth=1, bins=2, layout=layout(small), local=6,
                        seeing=2, slim=True, edges=2, data=True).double()  # fmt: skip
    flow.set_edges(torch.stack([torch.zeros(small.n_cells), torch.ones(small.n_cells)]).double())
    x, conditions = torch.randn(4, small.n_cells).double(), torch.randn(4, 2).double()
    z, log_slope = flow(x, conditions)
    torch.testing.assert_close(flow.inverse(z, conditions), x)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None], conditions[:1])[0][0], x[0])
    torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_slope[0].detach())


@pytest.mark.parametrize("slim", [False, True])
def test_noise_of_empty_cells_is_hidden_from_the_cells_that_are_drawn_last(small, slim):
    torch.manual_seed(4)
    flow = CouplingFlow(small.n_cells, 2, blocks=4, plain=2, hidden=8, depth=1, bins=2, layout=layout(small), local=6,
                        slim=slim, edges=2, data=True).requires_grad_(False)  # fmt: skip
    flow.set_edges(torch.stack([torch.zeros(small.n_cells), torch.ones(small.n_cells)]))
    last, others = (len(side) for side in layout(small).splits[0])
    conditions, empty, hit = torch.randn(20, 2), -torch.rand(2, 20, others), torch.rand(2, 20, others)
    near, next_one = flow.couplings[:2]
    quiet, other_noise, hits, others_hit = (near._network_outputs(k, conditions) for k in (*empty, *hit))
    for a, b in zip(quiet, other_noise, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert all((a != b).any() for a, b in zip(hits, others_hit, strict=True))
    assert all((a != b).any() for a, b in zip(hits, quiet, strict=True))
    noise = -torch.rand(2, 20, last)
    assert (
        next_one._network_outputs(noise[0], conditions)[0] != next_one._network_outputs(noise[1], conditions)[0]
    ).any()
