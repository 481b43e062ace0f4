"""Invertible transforms of layer energies and layer shapes to unbounded numbers."""

import torch
from torch import Tensor, nn

from caloforge.detector import Detector
from caloforge.detector.neighbours import neighbours
from caloforge.models.parts.folded_tables import FoldedShares
from caloforge.models.parts.normal_scores import NormalScores, enough

LEAST_ENERGY = 1e-6  # MeV, in place of a threshold of zero
FAINT = 10.0  # thresholds below which a hit is faint


def logistic(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)) with full relative accuracy for small values, which ONNX Runtime's sigmoid does not have."""
    return torch.exp(x.clamp(max=0.0)) / (1 + torch.exp(-x.abs()))


def layer_sums(cells: Tensor, detector: Detector) -> Tensor:
    """Layer energies (N, n_layers) of cells (N, n_cells)."""
    return torch.stack([cells[:, layer.slice].sum(1) for layer in detector.layers], 1)


class LayerShares(nn.Module):
    """Invertible transform of layer energies [MeV] to unbounded numbers, given the incident energy.

    The numbers are normal scores of the logarithm of the response and of the logit of E_l / (E_l + ... + E_last) for
    each layer but the last. They describe the visible energy and its division in depth. Source: CaloFlow
    (arXiv:2106.05285, equation 8).
    """

    def __init__(self, n_layers: int, sampling_fraction: float, floor: float) -> None:
        super().__init__()
        self.sampling_fraction = sampling_fraction
        self.floor = max(floor, LEAST_ENERGY)
        self.quantiles = NormalScores(n_layers)

    def fit(self, layers: Tensor, energy: Tensor) -> None:
        """Fit to layer energies (N, n_layers) and incident energies (N, 1) [MeV]."""
        free = self.ratios(layers.double(), energy.double())
        self.quantiles.fit(list(free.T), torch.zeros(free.shape[1]))

    def ratios(self, layers: Tensor, energy: Tensor) -> Tensor:
        """Log response and log ratios of each layer to the sum of all deeper layers (N, n_layers)."""
        response = layers.sum(1, keepdim=True) / (self.sampling_fraction * energy)
        deeper = layers.flip(1).cumsum(1).flip(1)[:, 1:]
        return torch.cat([response, layers[:, :-1] / deeper], 1).log()

    def forward(self, layers: Tensor, energy: Tensor) -> Tensor:
        """Scores (N, n_layers) of layer energies (N, n_layers) and incident energies (N, 1) [MeV]."""
        scores: Tensor = self.quantiles(self.ratios(layers, energy))
        return scores

    def inverse(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV] of scores (N, n_layers) and incident energies (N, 1) [MeV]."""
        return self.layers(self.quantiles.inverse(scores), energy)

    def folded(self) -> FoldedShares:
        """The inverse alone, for exported graphs."""
        return FoldedShares(self.quantiles.folded(), len(self.quantiles.rows), self.sampling_fraction, self.floor)

    def layers(self, free: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV] of their log ratios."""
        left = free[:, :1].exp() * self.sampling_fraction * energy
        layers = []
        for ratio in free.split(1, 1)[1:]:
            layers.append(left * logistic(ratio))
            left = left * logistic(-ratio)
        return torch.cat([*layers, left], 1)


class LayerShapes(nn.Module):
    """Normal scores of hits, centre and width in x and y of each layer.

    A flow that draws them before the cells reproduces fluctuations of whole showers (number of hits, lateral spread),
    which a flow over hundreds of cells learns last. Noise far below the threshold is added to all cells, so that the
    shapes of empty layers have a density.

    Args:
        detector: detector that has the layers.
        kinds: whether faint hits, and hits without a hit neighbour, are counted as well.
        radius: whether the mean radius is the last number.
        hit_only: whether the scores describe layers with hits alone; those of empty layers are standard normal noise.
    """

    def __init__(
        self, detector: Detector, *, kinds: bool = False, radius: bool = False, hit_only: bool = False
    ) -> None:
        super().__init__()
        self.kinds, self.radius, self.per_layer = kinds, radius, 5 + 2 * kinds + radius
        self.hit_only = hit_only
        self.threshold = max(detector.threshold, LEAST_ENERGY)
        self.slices = [layer.slice for layer in detector.layers]
        self.quantiles = NormalScores(self.size)
        centres = torch.from_numpy(detector.cell_centres[:, :2]).float()
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("neighbours", torch.from_numpy(neighbours(detector)), persistent=False)

    centres: Tensor
    neighbours: Tensor

    @property
    def size(self) -> int:
        """Numbers per shower."""
        return self.per_layer * len(self.slices)

    def fit(self, cells: Tensor) -> None:
        """Fit to cells (N, n_cells) [MeV]."""
        free, hit = self._free(cells), self._hit(cells)
        samples = [enough(column[rows]) for column, rows in zip(free.T, hit.T, strict=True)]
        self.quantiles.fit(samples if self.hit_only else list(free.T), torch.zeros(self.size))

    def forward(self, cells: Tensor) -> Tensor:
        """Scores (N, size) of cells (N, n_cells) [MeV], layer by layer."""
        scores: Tensor = self.quantiles(self._free(cells))
        return torch.where(self._hit(cells), scores, torch.randn_like(scores)) if self.hit_only else scores

    def _hit(self, cells: Tensor) -> Tensor:
        """Whether the layer of each number (N, size) has hits."""
        hit = torch.stack([(cells[:, part] >= self.threshold).any(1) for part in self.slices], 1)
        return hit.repeat_interleave(self.per_layer, 1)

    def inverse(self, scores: Tensor) -> Tensor:
        """Hits, perhaps faint and isolated ones, centres, widths and perhaps mean radius [mm] of scores (N, size).

        The shape is (N, n_layers, per_layer).
        """
        values: Tensor = self.quantiles.inverse(scores)
        return values.reshape(-1, len(self.slices), self.per_layer)

    def _free(self, cells: Tensor) -> Tensor:
        noisy = cells + 0.01 * self.threshold * torch.rand_like(cells)
        hit = cells >= self.threshold
        kinds = [hit, hit & (cells < FAINT * self.threshold), self._isolated(hit)] if self.kinds else [hit]
        counted = torch.stack(kinds, 2)
        return torch.cat([self._layer(counted[:, part], noisy[:, part], self.centres[part]) for part in self.slices], 1)

    def _isolated(self, hit: Tensor) -> Tensor:
        """Whether cells (N, n_cells) are hit and none of their neighbours is."""
        padded = nn.functional.pad(hit, (0, 1))
        for column in self.neighbours.T:
            hit = hit & ~padded.index_select(1, column)
        return hit

    def _layer(self, counted: Tensor, cells: Tensor, centres: Tensor) -> Tensor:
        weights = cells / cells.sum(1, keepdim=True)
        centre = weights @ centres
        variance = weights @ centres.square() - centre.square()
        hits = counted.sum(1) + torch.rand_like(cells[:, : counted.shape[2]])
        numbers = [hits, centre, variance.clamp(min=1e-6).sqrt()]
        radius = [weights @ centres.norm(dim=1, keepdim=True)] if self.radius else []
        return torch.cat([*numbers, *radius], 1)
