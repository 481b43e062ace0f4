import numpy as np
import pytest
import scipy.stats
import torch

from caloforge.models.parts.transforms import LayerShapes, LayerShares, logistic


@pytest.fixture(scope="module")
def showers(small, toy):
    return toy(small, 3000, seed=3)


@pytest.fixture(scope="module")
def cells(showers):
    return torch.from_numpy(showers.energies)


def test_logistic_keeps_its_accuracy_at_small_shares():
    x = torch.linspace(-80, 80, 1001)
    expected = torch.sigmoid(x.double())
    assert (logistic(x) / expected - 1).abs().max() < 1e-6


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


def test_shapes_of_empty_layers_are_noise(small, cells):
    torch.manual_seed(5)
    cells = cells.clone()
    cells[::2, small.layers[1].slice] = 0.0
    transform = LayerShapes(small, hit_only=True)
    transform.fit(cells)
    scores = transform(cells)
    empty = scores[::2, 5:10].double()
    assert scipy.stats.kstest(empty.flatten().numpy(), "norm").pvalue > 1e-4
    again = transform(cells)
    assert (again[::2, 5:10] != scores[::2, 5:10]).all()
    hits = transform.inverse(scores)[:, 1, 0]
    assert hits[1::2].min() > 0.9  # layers with hits have at least one
    assert (scores.std(0) - 1).abs().max() < 0.1


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


def test_shapes_count_faint_and_isolated_hits(small):
    """Two bright neighbours, a bright hit alone and a faint one alone."""
    transform = LayerShapes(small, kinds=True)
    grid = torch.arange(small.n_cells)[small.layers[1].slice].view(3, 3)
    one = torch.zeros(1, small.n_cells)
    one[0, grid[0, :2]] = one[0, grid[-1, -1]] = 1e3 * transform.threshold
    one[0, grid[-1, 0]] = 2 * transform.threshold
    free = transform._free(one).view(3, 7)
    assert free[:, :3].floor().tolist() == [[0, 0, 0], [4, 1, 2], [0, 0, 0]]


def test_shapes_of_empty_showers_have_a_density(small):
    torch.manual_seed(6)
    free = LayerShapes(small)._free(torch.zeros(100, small.n_cells))
    assert torch.isfinite(free).all()
    assert all(len(column.unique()) > 90 for column in free.T)
