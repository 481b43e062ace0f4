"""Reweighting of the cells of a layer to the centre, width and mean radius that were drawn for the layer."""

import torch
from torch import Tensor

ROUNDS = 2  # Newton rounds over all moments
LIMIT = 2.0  # largest change of a weight's logarithm
LEAST_VARIANCE = 1e-3  # added variance of a moment, in its mean square; a layer of one cell then stays as it is
TINY = 1e-12


def moments(places: Tensor) -> Tensor:
    """Moments (cells, 5) of cell centres (cells, 2): x, y, x^2, y^2 and r."""
    return torch.cat([places, places.square(), places.norm(dim=1, keepdim=True)], 1)


def target_means(shapes: Tensor) -> Tensor:
    """Means (..., 5) of the moments in a layer of given shape (..., 5): centre and width in x and y, mean radius."""
    centre, width, radius = shapes.split([2, 2, 1], -1)
    return torch.cat([centre, centre.square() + width.square(), radius], -1)


def tilted(weights: Tensor, moments: Tensor, means: Tensor) -> Tensor:
    """Shares (N, Z, cells) of cells in their layers, near the given weights but with the given means of the moments.

    Weights times exp(a . moments) have the smallest relative entropy to the given weights; Newton's steps find a, one
    moment at a time. Cells drawn independently and scaled to their layer would make showers too wide: a bright core
    makes the scale small, and the halo then has too much energy on average.

    Args:
        weights: weights of the cells (N, Z, cells), above zero in at least one cell of each layer.
        moments: moments of the cells (cells, K).
        means: target means of the moments (N, Z, K).
    """
    field = torch.zeros_like(weights)
    shares = weights / weights.sum(2, keepdim=True)
    for _ in range(ROUNDS):
        for k in range(means.shape[2]):  # an exported loop cannot take columns that share memory
            moment, mean = moments[:, k], means[:, :, k]
            now = (shares * moment).sum(2, keepdim=True)
            off = moment - now
            square = (shares * moment.square()).sum(2, keepdim=True)
            variance = (shares * off.square()).sum(2, keepdim=True)
            step = (mean[:, :, None] - now) / (variance + LEAST_VARIANCE * square).clamp(min=TINY)
            field = (field + step * off).clamp(-LIMIT, LIMIT)
            drawn = weights * field.exp()
            shares = drawn / drawn.sum(2, keepdim=True)
    return shares
