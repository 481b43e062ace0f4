import numpy as np
import pytest
import torch

from caloforge.models.parts.layer_scores import LayerScores, cell_cut
from caloforge.showers import Incidents
from caloforge.showers.domain import Domain


@pytest.fixture(scope="module")
def sample():
    """Responses whose width falls from 20 % at 1 GeV to 2 % at 100 GeV, layers whose shares drift; 26 cells."""
    random = np.random.default_rng(1)
    energy = np.exp(random.uniform(np.log(1e3), np.log(1e5), 4000))
    response = 0.2 * np.exp(random.normal(0, 0.2 * np.sqrt(1e3 / energy)))
    layers = np.stack([0.05 * np.ones(4000), random.uniform(0.2, 0.3, 4000), 0.1 * np.log10(energy)], 1)
    layers *= (response * energy / layers.sum(1))[:, None]
    shares = random.uniform(0.5, 1.5, (4000, 26))
    cells = np.concatenate(
        [_scaled(shares[:, a:b], layers[:, i]) for i, (a, b) in enumerate(((0, 8), (8, 17), (17, 26)))], 1
    )
    return torch.from_numpy(cells.astype(np.float32)), torch.from_numpy(energy.astype(np.float32))[:, None]


def _scaled(shares, energy):
    return shares * (energy / shares.sum(1))[:, None]


@pytest.fixture(scope="module")
def fitted(small, sample):
    cells, energy = sample
    scores = LayerScores(small, Domain.of(Incidents.make("gamma", energy.double().numpy()[:, 0])))
    scores.fit(cells, energy)
    return scores


def test_scores_are_standard_normal_at_every_energy(fitted, sample):
    cells, energy = sample
    scores = fitted(cells, energy)[:, 0]
    for part in scores[energy[:, 0].argsort()].chunk(4):
        assert part.mean().abs() < 5 / np.sqrt(1000)
        assert abs(part.std() - 1) < 5 / np.sqrt(2000)


def test_layers_round_trip(fitted, sample):
    cells, energy = sample
    back = fitted.inverse(fitted(cells, energy), energy)
    inner = fitted(cells, energy).abs().max(1).values < 4
    assert inner.float().mean() > 0.99
    assert (back / fitted.sums(cells) - 1)[inner].abs().max() < 1e-3


def test_as_many_layers_are_empty_as_in_the_showers(small, sample):
    cells, energy = sample
    cells = cells.clone()
    cells[::4, :8] = 0.0
    scores = LayerScores(small, Domain.of(Incidents.make("gamma", energy.double().numpy()[:, 0])))
    scores.fit(cells, energy)
    back = scores.inverse(scores(cells, energy), energy)
    empty = cells[:, :8].sum(1) == 0
    assert torch.equal(back[:, 0] == 0, empty)
    drawn = scores.inverse(torch.randn(4000, 3, generator=torch.Generator().manual_seed(4)), energy)
    assert float((drawn[:, 0] == 0).float().mean()) == pytest.approx(0.25, abs=0.07)


def test_empty_showers_have_scores(fitted, sample):
    cells, energy = sample
    assert torch.isfinite(fitted(torch.zeros_like(cells[:3]), energy[:3])).all()


def test_one_energy_is_fitted_too(small, sample):
    cells, energy = sample
    same = torch.full_like(energy, 1e4)
    scores = LayerScores(small, Domain.of(Incidents.make("gamma", same.double().numpy()[:, 0])))
    scores.fit(cells / energy * 1e4, same)
    found = scores(cells / energy * 1e4, same)
    assert (found.std(0) - 1).abs().max() < 0.1


def test_cells_share_out_their_layers(fitted):
    weights = torch.rand(200, 26, generator=torch.Generator().manual_seed(2)) ** 8
    layers = torch.rand(200, 3, generator=torch.Generator().manual_seed(3)) * 10
    layers[:20, 1] = 0.0
    cells = fitted.distribute(weights, layers, 0.01)
    assert ((cells == 0) | (cells >= 0.01)).all()
    assert (cells == 0).float().mean() > 0.1
    assert ((fitted.sums(cells) - layers).abs() <= 1e-5 * layers).all()
    hit = cells[:, :8] > 0
    ratio = (cells[:, :8] / weights[:, :8])[:, :, None] / (cells[:, :8] / weights[:, :8])[:, None]
    assert (ratio[hit[:, :, None] & hit[:, None]] - 1).abs().max() < 1e-4


def test_the_cut_is_the_threshold_where_there_is_one(small):
    assert cell_cut(small) == 0.01
