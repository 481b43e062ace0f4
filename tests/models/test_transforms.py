import numpy as np
import pytest
import torch

from caloforge.detector import symmetries
from caloforge.models.transforms import HitCells, LayerShapes, LayerShares, NormalScores, logistic, to_normal


@pytest.fixture(scope="module")
def showers(small, toy):
    return toy(small, 3000, seed=3)


@pytest.fixture(scope="module")
def cells(showers):
    return torch.from_numpy(showers.energies)


def test_scores_are_normal_and_round_trip():
    generator = torch.Generator().manual_seed(1)
    columns = [torch.randn(4000, generator=generator).exp(), 1e-3 * torch.rand(4000, generator=generator)]
    transform = NormalScores(2)
    transform.fit(columns, torch.zeros(2))
    values = torch.stack(columns, 1)
    scores = transform(values)
    assert scores.mean(0).abs().max() < 0.05
    assert (scores.std(0) - 1).abs().max() < 0.05
    assert ((transform.inverse(scores) - values).abs() / values.std(0)).max() < 1e-5
    wide = torch.linspace(-5, 5, 101)[:, None].expand(-1, 2)
    assert (transform(transform.inverse(wide)) - wide).abs().max() < 1e-2


def test_scores_grow_through_ties():
    transform = NormalScores(1)
    transform.fit([torch.cat([torch.zeros(500), torch.ones(500)])], torch.zeros(1))
    grid = torch.linspace(-4, 4, 401)[:, None]
    assert (torch.diff(transform.inverse(grid), dim=0) > 0).all()


def test_normal_quantiles():
    assert float(to_normal(torch.tensor(0.975))) == pytest.approx(1.95996, abs=1e-4)
    assert torch.isfinite(to_normal(torch.tensor([0.0, 1.0]))).all()


def test_logistic_keeps_its_accuracy_at_small_shares():
    x = torch.linspace(-80, 80, 1001)
    expected = torch.sigmoid(x.double())
    assert (logistic(x) / expected - 1).abs().max() < 1e-6


def test_hits_round_trip(small, cells):
    transform = HitCells(small.n_cells, 0.01)
    transform.fit(cells, torch.arange(small.n_cells))
    uniform = torch.rand(cells.shape, generator=torch.Generator().manual_seed(2))
    scores = transform(cells, uniform)
    expected = torch.where(cells >= 0.01, cells, 0.0)
    back = transform.inverse(scores)
    assert ((back > 0) == (expected > 0)).all()
    assert ((back - expected).abs() <= 1e-4 * expected).all()
    hit = back > 0
    again = transform(back, uniform)
    assert (again - scores)[hit].abs().max() < 1e-3
    assert (again - scores)[~hit].abs().max() < 1e-6
    assert (scores.mean(0)).abs().max() < 0.15
    assert (scores.std(0) - 1).abs().max() < 0.15


def test_symmetric_cells_share_their_scores(small, cells):
    permutations = torch.from_numpy(symmetries(small))
    transform = HitCells(small.n_cells, 0.01)
    transform.fit(cells, permutations.min(0).values)
    for permutation in permutations:
        assert torch.equal(transform.quantiles.values[:, permutation], transform.quantiles.values)


def test_cells_that_are_never_hit_stay_empty():
    transform = HitCells(2, 0.01)
    cells = torch.tensor([[0.0, 5.0], [0.0, 7.0], [0.0, 0.0]]).repeat(200, 1)
    transform.fit(cells, torch.arange(2))
    drawn = transform.inverse(torch.randn(2000, 2, generator=torch.Generator().manual_seed(3)))
    assert (drawn[:, 0] > 0).float().mean() < 0.01
    assert (drawn[:, 1] > 0).float().mean() == pytest.approx(2 / 3, abs=0.06)


def test_shares_round_trip(small, showers, cells):
    layers = torch.from_numpy(small.sum_layers(cells.numpy()).astype(np.float32))
    energy = torch.from_numpy(showers.incidents.energy).float()[:, None]
    transform = LayerShares(len(small.layers), 1.0, 0.01)
    transform.fit(layers, energy)
    scores = transform(layers, energy)
    assert ((transform.inverse(scores, energy) - layers).abs() <= 1e-5 * layers + 1e-4).all()
    normal = torch.randn(500, 3, generator=torch.Generator().manual_seed(4))
    assert (transform(transform.inverse(normal, energy[:500]), energy[:500]) - normal).abs().max() < 0.02
    total = transform.inverse(normal, energy[:500]).sum(1)
    response = layers.sum(1) / energy[:, 0]
    ratio = total / energy[:500, 0]
    assert ratio.median() == pytest.approx(float(response.median()), rel=0.02)


def test_shapes_tell_hits_centre_and_width(small, cells):
    torch.manual_seed(5)
    transform = LayerShapes(small)
    transform.fit(cells)
    scores = transform(cells)
    assert scores.shape == (len(cells), 15)
    assert (scores.std(0) - 1).abs().max() < 0.1
    one = torch.zeros(1, small.n_cells)
    one[0, :2] = 5.0
    hits, x, y, width_x, width_y = transform._free(one)[0, :5].tolist()
    assert 2 <= hits <= 3
    assert (x, y) == pytest.approx((-40.0, -40.0), abs=0.1)
    assert (width_x, width_y) == pytest.approx((0.0, 20.0), abs=1.0)


def test_shapes_with_radius_and_back(small, cells):
    torch.manual_seed(5)
    transform = LayerShapes(small, radius=True)
    transform.fit(cells)
    torch.manual_seed(6)
    back = transform.inverse(transform(cells))
    torch.manual_seed(6)
    free = transform._free(cells).unflatten(1, (3, 6))
    assert ((back - free).abs() / free.std(0)).max() < 1e-3
    layer = small.layers[0].slice
    radius = torch.from_numpy(small.cell_centres[layer, :2]).float().norm(dim=1)
    mean = (cells[:, layer] @ radius) / cells[:, layer].sum(1)
    bright = cells[:, layer].sum(1) > 100
    torch.testing.assert_close(back[bright, 0, 5], mean[bright], rtol=1e-2, atol=0.1)


def test_shapes_of_empty_showers_have_a_density(small):
    torch.manual_seed(6)
    free = LayerShapes(small)._free(torch.zeros(100, small.n_cells))
    assert torch.isfinite(free).all()
    assert all(len(column.unique()) > 90 for column in free.T)
