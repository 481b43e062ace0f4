"""Reweighting of the cells of a layer to the centre, width and mean radius that were drawn for it."""

import torch
from torch import Tensor

ROUNDS = 2  # over the moments, one after the other
LIMIT = 2.0  # of the weights' logarithm
LEAST_VARIANCE = 1e-3  # of a moment among a layer's cells, in mean squares; a layer of one cell stays as it is
TINY = 1e-12


def moments(places: Tensor) -> Tensor:
    """Quantities averaged over the cells of a layer (cells, 5): x, y, x^2, y^2, r of their centres (cells, 2)."""
    return torch.cat([places, places.square(), places.norm(dim=1, keepdim=True)], 1)


def wanted(shapes: Tensor) -> Tensor:
    """Means (..., 5) of these moments for shapes (..., 5): centre and width in x and y, mean radius."""
    centre, width, radius = shapes.split([2, 2, 1], -1)
    return torch.cat([centre, centre.square() + width.square(), radius], -1)


def tilted(weights: Tensor, moments: Tensor, means: Tensor) -> Tensor:
    """Shares (N, Z, cells) of cells, near the given weights but with the given means.

    Weights times exp(a . moments) are the nearest in relative entropy to those given, with a found by Newton's steps,
    moment by moment. Cells drawn independently and then scaled to their layer lack what it has in common: a core that
    happens to be bright makes the scale small, and the halo counts for too much on average.

    Args:
        weights: (N, Z, cells), above zero in at least one cell of each layer.
        moments: (cells, K).
        means: (N, Z, K).
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
            step = (mean[:, :, None] - now) / (variance + LEAST_VARIANCE * square + TINY)
            field = (field + step * off).clamp(-LIMIT, LIMIT)
            drawn = weights * field.exp()
            shares = drawn / drawn.sum(2, keepdim=True)
    return shares
