"""Tilted layers: the moments that were drawn, from weights that have others."""

import pytest
import torch

from caloforge.models.fast_ar.tilt import LIMIT, moments, target_means, tilted

LINE = torch.linspace(-1, 1, 11)
GRID = torch.cartesian_prod(LINE, LINE)


def layer(x, y, width, seed):
    """Shares (1, 1, cells) of a layer about (x, y), each cell with its own fluctuation."""
    noise = torch.randn(len(GRID), generator=torch.Generator().manual_seed(seed))
    profile = -((GRID - torch.tensor([x, y])).norm(dim=1) / width)
    return torch.softmax(profile + 0.5 * noise, 0)[None, None]


def test_layers_get_the_moments_of_another():
    features = moments(GRID)
    target, drawn = layer(0.05, -0.1, 0.25, 1), layer(0.0, 0.0, 0.3, 2)
    means = target @ features
    before, after = ((shares @ features - means).abs().max() for shares in (drawn, tilted(drawn, features, means)))
    assert after < 0.2 * before
    assert tilted(drawn, features, means).sum() == pytest.approx(1.0, abs=1e-5)


def test_a_layer_that_fits_stays():
    drawn = layer(0.1, 0.0, 0.3, 3)
    torch.testing.assert_close(tilted(5 * drawn, moments(GRID), drawn @ moments(GRID)), drawn, rtol=1e-4, atol=1e-7)


def test_means_of_shapes_are_those_of_the_cells():
    shares = layer(0.2, -0.1, 0.3, 4)
    centre = shares @ GRID
    width = (shares @ GRID.square() - centre.square()).sqrt()
    shapes = torch.cat([centre, width, shares @ GRID.norm(dim=1, keepdim=True)], 2)
    torch.testing.assert_close(target_means(shapes), shares @ moments(GRID))


def test_impossible_moments_change_weights_by_a_limited_factor():
    """No cell gains more than exp(2 LIMIT) on another, and one that holds all keeps it."""
    drawn = layer(0.0, 0.0, 0.3, 5)
    far = torch.tensor([[[3.0, -3.0, 9.0, 9.0, 4.0]]])
    change = (tilted(drawn, moments(GRID), far) / drawn).log()
    assert torch.isfinite(change).all()
    assert change.max() - change.min() < 2 * LIMIT + 1e-3
    one = torch.zeros(1, 1, len(GRID))
    one[..., 60] = 3.0
    assert tilted(one, moments(GRID), far)[..., 60] == pytest.approx(1.0)
