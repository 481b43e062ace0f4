"""Standardised shares of the cells in their layers."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Scale(NamedTuple):
    """Mean and width of the log shares of hit cells, and log odds of an empty cell, each (Z, cells)."""

    centre: Tensor
    width: Tensor
    emptiness: Tensor

    def of(self, layers: Tensor) -> "Scale":
        """The scale of the layers with these indices."""
        return Scale(*(values.index_select(0, layers) for values in self))


class CellScale(nn.Module):
    """Log of each cell's share in its layer, standardised over the hit cells of its symmetry class.

    Shares have similar distributions at 10 and at 100 GeV; energies do not. The log odds of an empty cell in a symmetry
    class initialise the network's weight of the empty component.
    """

    def __init__(self, depth: int, area: int) -> None:
        super().__init__()
        for name in ("centre", "width", "emptiness"):
            self.register_buffer(name, torch.zeros(depth, area))

    centre: Tensor
    width: Tensor
    emptiness: Tensor

    @property
    def scale(self) -> Scale:
        """The fitted scale."""
        return Scale(self.centre, self.width, self.emptiness)

    def fit(self, shares: Tensor, symmetry_classes: Tensor) -> None:
        """Fit to log shares (N, Z, cells), -inf where empty, pooled over symmetry classes (Z cells,)."""
        hit = shares.flatten(1) > -math.inf
        values = torch.where(hit, shares.flatten(1), 0.0)
        known, group = symmetry_classes.unique(return_inverse=True)

        def pooled(columns: Tensor) -> Tensor:
            zeros = torch.zeros(len(known), dtype=torch.float64)
            return zeros.index_add(0, group, columns.sum(0, dtype=torch.float64))

        hits, cells = pooled(hit), len(shares) * torch.bincount(group)
        mean = (pooled(values) + values.sum() / hit.sum()) / (hits + 1)
        off = torch.where(hit, values - mean[group].float(), 0.0)
        width = ((pooled(off.square()) + 1) / (hits + 1)).sqrt()
        emptiness = ((cells - hits + 0.5) / (hits + 0.5)).log()
        for buffer, fitted in ((self.centre, mean), (self.width, width), (self.emptiness, emptiness)):
            buffer.copy_(fitted[group].view_as(buffer))
