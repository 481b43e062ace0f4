"""Transforms between cells and the features of flow II."""

import torch
from torch import Tensor, nn

from caloforge.detector import Detector
from caloforge.models.parts.hit_cells import HitCells
from caloforge.models.parts.transforms import layer_sums, logistic

ALPHA = 1e-6  # keeps logits finite
LEAST_SHARE = 1e-12  # of a layer's energy


class CellScores(nn.Module):
    """Normal scores of the cells: each feature is standard normal by itself (`HitCells`)."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.hits = HitCells(detector, detector.threshold)

    def fit(self, cells: Tensor, symmetry_classes: Tensor) -> None:
        """Fit to cells (N, n_cells) [MeV]; cells of one symmetry class (n_cells,) are pooled."""
        self.hits.fit(cells, symmetry_classes)

    def forward(self, cells: Tensor) -> Tensor:
        """Scores (N, n_cells) of cells [MeV]; those of empty cells come from torch's generator."""
        scores: Tensor = self.hits(cells, torch.rand_like(cells))
        return scores

    def distribute(self, scores: Tensor, layers: Tensor) -> Tensor:
        """Thresholded cells (N, n_cells) [MeV] of scores; they sum to the layers (N, n_layers) [MeV]."""
        return self.hits.distribute(scores, layers)


class CellLogits(nn.Module):
    """Logits of the cells' shares of their layer energy, with noise on every cell.

    The noise gives empty cells a density. Source: CaloFlow, arXiv:2106.05285, section 3.2.

    Args:
        detector: detector that has the cells.
        noise: upper end [MeV] of the uniform noise on every cell in training.
    """

    cell_layer: Tensor

    def __init__(self, detector: Detector, noise: float) -> None:
        super().__init__()
        self.noise = noise
        self.detector = detector
        self.register_buffer("cell_layer", torch.from_numpy(detector.cell_layer), persistent=False)

    def fit(self, cells: Tensor, symmetry_classes: Tensor) -> None:
        """Do nothing, since logits have no parameters to fit."""

    def forward(self, cells: Tensor) -> Tensor:
        """Logits (N, n_cells) of cells [MeV]; the noise comes from torch's generator."""
        noisy = cells + self.noise * torch.rand_like(cells)
        layers = layer_sums(noisy, self.detector)
        return torch.logit(ALPHA + (1 - 2 * ALPHA) * noisy / layers.index_select(1, self.cell_layer))

    def weights(self, logits: Tensor) -> Tensor:
        """Positive shares (N, n_cells) of the cells in their layers, from logits."""
        return ((logistic(logits) - ALPHA) / (1 - 2 * ALPHA)).clamp(min=LEAST_SHARE)
