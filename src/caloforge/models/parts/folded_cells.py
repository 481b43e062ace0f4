"""Cells from their normal scores and the layer energies in fewer operations, for exported graphs."""

import torch
from torch import Tensor, nn

from caloforge.models.parts.folded_tables import FoldedScores, LayerMap
from caloforge.models.parts.transforms import LEAST_ENERGY


class FoldedCells(nn.Module):
    """The inverse of the normal scores of cells, and the sharing of layer energies among cells.

    Args:
        quantiles: scores of the cells; their first knots are the threshold.
        layers: layers of the cells.
        threshold: energy [MeV] below which a cell is empty.
    """

    def __init__(self, quantiles: FoldedScores, layers: LayerMap, threshold: float) -> None:
        super().__init__()
        self.quantiles, self.layers, self.threshold = quantiles, layers, threshold

    def inverse(self, scores: Tensor) -> Tensor:
        """Cells (N, D) [MeV] of scores (N, D), zero below the threshold."""
        return self._cells(scores - self.quantiles.first)[0]

    def _cells(self, above: Tensor) -> tuple[Tensor, Tensor]:
        """Cells (N, D) [MeV] of scores above the threshold's (N, D), and whether they are hit (N, D), as numbers."""
        hit = (above >= 0).to(above.dtype)
        return self.quantiles.beyond(above).exp() * hit, hit

    def distribute(self, scores: Tensor, layers: Tensor) -> Tensor:
        """Cells (N, D) [MeV] of scores (N, D) that sum to the layers (N, n_layers) [MeV], as `HitCells` has them."""
        above = scores - self.quantiles.first
        cells, hit = self._cells(above)
        thresholds = layers.clamp(min=LEAST_ENERGY) / self.threshold
        least = self.layers.sums(cells) / thresholds
        least = torch.where(thresholds < self.layers.sums(hit), least, self.threshold / 2)
        kept = (cells >= self.layers.spread(least)).to(cells.dtype)  # products are faster than choices
        nearest = LEAST_ENERGY * (above >= self.layers.spread(self.layers.largest(above))).to(cells.dtype)
        free = kept * ((cells - self.threshold).clamp(min=0.0) - nearest) + nearest
        base = self.threshold * kept
        scale = (layers - self.layers.sums(base)).clamp(min=0.0) / self.layers.sums(free).clamp(min=LEAST_ENERGY)
        cells = base + free * self.layers.spread(scale)
        return cells * (cells >= self.threshold).to(cells.dtype)
