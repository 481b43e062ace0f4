"""Normal scores of the cells of showers, and the inverse transform, whose cells sum to the layer energies."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from caloforge.detector import Detector
from caloforge.models.parts.folded_cells import FoldedCells
from caloforge.models.parts.folded_tables import LayerMap
from caloforge.models.parts.normal_scores import NormalScores, to_normal
from caloforge.models.parts.transforms import LEAST_ENERGY, layer_sums

NEAREST = -8.0  # distance from the threshold beyond which all empty cells have the same weight
NEVER = 1e-9  # weight of an empty cell at its threshold


def empty_weights(above: Tensor) -> Tensor:
    """Small positive weights of empty cells, which rise towards the threshold; `above` is their score minus it."""
    return NEVER * torch.exp(5 * above.clamp(NEAREST, 0.0))


class HitCells(nn.Module):
    """Normal scores of cell energies; empty cells become noise below the score of the threshold.

    At least half of the cells are usually empty. The fraction of showers in which a cell is empty, the quantiles of its
    log energies above the threshold, and the threshold make every cell standard normal over the training showers.

    Args:
        detector: detector that has the cells.
        threshold: energy [MeV] below which a cell is empty.
        hit_only: whether cells are standard normal over the showers with hits in their layer alone. A cell of a layer
            that often is empty is hit rarely, but not so rarely in these.
    """

    cell_layer: Tensor

    def __init__(self, detector: Detector, threshold: float, *, hit_only: bool = False) -> None:
        super().__init__()
        self.detector, self.hit_only = detector, hit_only
        self.threshold = max(threshold, LEAST_ENERGY)
        self.quantiles = NormalScores(detector.n_cells)
        self.register_buffer("cell_layer", torch.from_numpy(detector.cell_layer), persistent=False)

    @property
    def edge(self) -> Tensor:
        """Score (D,) above which a cell is hit."""
        return self.quantiles.first

    def scores_at(self, multiples: Sequence[float]) -> Tensor:
        """Scores (E, D) of energies that are multiples (E,) of the threshold."""
        energies = self.edge.new_tensor(multiples) * self.threshold
        scores: Tensor = self.quantiles(energies.log()[:, None].expand(-1, len(self.edge)))
        return scores

    def fit(self, cells: Tensor, symmetry_classes: Tensor) -> None:
        """Fit to cells (N, D) [MeV], pooled over symmetry classes, each of which is in one layer."""
        names, group = symmetry_classes.unique(return_inverse=True)
        filled = (layer_sums(cells, self.detector) >= (self.threshold if self.hit_only else 0.0)).T
        places = [torch.nonzero(symmetry_classes == name)[:, 0] for name in names]
        pooled = [cells[:, at][filled[self.cell_layer[at[0]]]].flatten() for at in places]
        hit = [values[values >= self.threshold].log() for values in pooled]
        absent = [(len(v) - len(h) + 0.5) / (len(v) + 1) for v, h in zip(pooled, hit, strict=True)]
        self.quantiles.fit(hit, torch.tensor(absent), math.log(self.threshold), group)

    def forward(self, cells: Tensor, uniform: Tensor) -> Tensor:
        """Scores (N, D) of cells (N, D) [MeV]; those of empty cells come from the uniform noise (N, D)."""
        empty = to_normal(uniform * torch.special.ndtr(self.edge))
        hit: Tensor = self.quantiles(cells.clamp(min=self.threshold).log())
        return torch.where(cells >= self.threshold, hit, empty)

    def inverse(self, scores: Tensor) -> Tensor:
        """Cells (N, D) [MeV] of scores (N, D), zero below the threshold."""
        return torch.where(scores >= self.edge, self.quantiles.inverse(scores).exp(), 0.0)

    def folded(self) -> FoldedCells:
        """The inverse and `distribute` alone, for exported graphs."""
        layers = LayerMap(self.cell_layer, len(self.detector.layers))
        return FoldedCells(self.quantiles.folded(), layers, self.threshold)

    def _nearest(self, scores: Tensor) -> Tensor:
        """Weights (N, D) that are positive in the cell of each layer nearest to the threshold, and zero elsewhere."""
        above = scores - self.edge
        highest = torch.stack([above[:, layer.slice].amax(1) for layer in self.detector.layers], 1)
        return torch.where(above >= highest.index_select(1, self.cell_layer), LEAST_ENERGY, 0.0)

    def distribute(self, scores: Tensor, layers: Tensor) -> Tensor:
        """Cells (N, D) [MeV] of scores (N, D) that sum to the layers (N, n_layers) [MeV], with the hits of the scores.

        The energy above the threshold of each hit is scaled, so that no hit is lost and no gap opens above the
        threshold. If a layer has less energy than one threshold per hit, its whole energy is scaled for a choice of
        hits, and cells below the threshold are removed. In a layer without hits, the cell nearest to the threshold
        takes the energy.
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
