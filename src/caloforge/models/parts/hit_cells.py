"""Cells of showers as normal scores, and back to cells that sum to their layers."""

import math

import torch
from torch import Tensor, nn

from caloforge.detector import Detector
from caloforge.models.parts.normal_scores import NormalScores, to_normal
from caloforge.models.parts.transforms import LEAST_ENERGY, layer_sums

NEAREST = -8.0  # from a hit, beyond which all empty cells weigh alike
NEVER = 1e-9  # MeV that an empty cell at its threshold weighs where its whole layer is empty


def empty_weights(above: Tensor) -> Tensor:
    """Weights of empty cells, above zero: the nearer a score is to the threshold (`above`, negative), the larger."""
    return NEVER * torch.exp(5 * above.clamp(NEAREST, 0.0))


class HitCells(nn.Module):
    """Cell energies to normal scores: empty cells become noise below the score of the threshold.

    Half of the cells and more are empty; a cell's own share of empty showers, its occupied energies' quantiles (on a
    logarithmic scale) and one threshold make every cell standard normal over the training showers.
    """

    cell_layer: Tensor

    def __init__(self, detector: Detector, threshold: float) -> None:
        super().__init__()
        self.detector = detector
        self.threshold = max(threshold, LEAST_ENERGY)
        self.quantiles = NormalScores(detector.n_cells)
        self.register_buffer("cell_layer", torch.from_numpy(detector.cell_layer), persistent=False)

    @property
    def edge(self) -> Tensor:
        """Score (D,) above which a cell is hit."""
        return self.quantiles.first

    def fit(self, cells: Tensor, symmetry_classes: Tensor) -> None:
        """Fit to cells (N, D) [MeV], pooling cells of the same symmetry class, since symmetry makes them alike."""
        names, group = symmetry_classes.unique(return_inverse=True)
        pooled = [cells[:, symmetry_classes == name].flatten() for name in names]
        hit = [values[values >= self.threshold].log() for values in pooled]
        absent = [(len(v) - len(h) + 0.5) / (len(v) + 1) for v, h in zip(pooled, hit, strict=True)]
        self.quantiles.fit(hit, torch.tensor(absent), math.log(self.threshold), group)

    def forward(self, cells: Tensor, uniform: Tensor) -> Tensor:
        """Scores (N, D) of cells (N, D) [MeV]; empty cells take the noise `uniform` (N, D)."""
        empty = to_normal(uniform * torch.special.ndtr(self.edge))
        hit: Tensor = self.quantiles(cells.clamp(min=self.threshold).log())
        return torch.where(cells >= self.threshold, hit, empty)

    def inverse(self, scores: Tensor) -> Tensor:
        """Cells (N, D) [MeV] of scores (N, D), zero below the threshold."""
        return torch.where(scores >= self.edge, self.quantiles.inverse(scores).exp(), 0.0)

    def _nearest(self, scores: Tensor) -> Tensor:
        """A weight (N, D) in the cell of each layer that is nearest to a hit, none elsewhere."""
        above = scores - self.edge
        highest = torch.stack([above[:, layer.slice].amax(1) for layer in self.detector.layers], 1)
        return torch.where(above >= highest.index_select(1, self.cell_layer), LEAST_ENERGY, 0.0)

    def share_out(self, scores: Tensor, layers: Tensor) -> Tensor:
        """Cells (N, D) [MeV] of scores (N, D) that sum to the layers (N, n_layers) [MeV], with the hits of the scores.

        What hits hold above the threshold is scaled, so that none falls below it and no gap opens above it. Only in a
        layer whose energy is less than one threshold per hit, those go that scaling their whole energy would put below
        it. In a layer without hits, the cell nearest to one takes the energy.
        """
        cells = self.inverse(scores)
        hits = layer_sums((cells > 0).to(cells.dtype), self.detector)
        least = self.threshold * layer_sums(cells, self.detector) / layers.clamp(min=LEAST_ENERGY)
        least = torch.where(layers < self.threshold * hits, least, self.threshold / 2)
        kept = cells >= least.index_select(1, self.cell_layer)
        base = torch.where(kept, self.threshold, 0.0)
        above = torch.where(kept, (cells - self.threshold).clamp(min=0.0), self._nearest(scores))
        free = layer_sums(above, self.detector).clamp(min=LEAST_ENERGY)
        scale = (layers - layer_sums(base, self.detector)).clamp(min=0.0) / free
        cells = base + above * scale.index_select(1, self.cell_layer)
        return torch.where(cells >= self.threshold, cells, 0.0)
