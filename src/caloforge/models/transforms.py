"""Transforms of showers to numbers a network likes, as modules: fit, forward, inverse; they travel with the model."""

import math

import torch
from torch import Tensor, nn

from caloforge.detector import Detector

LEAST_ENERGY = 1e-6  # MeV, in place of a threshold of zero
MIN_STEP = 1e-3  # of the mean step between knots, so that both directions stay well defined
NEAREST = -8.0  # from a hit, beyond which all empty cells weigh alike
NEVER = 1e-9  # MeV that an empty cell at its threshold weighs where its whole layer is empty
NORMAL_LIMIT = 5.2  # beyond the reach of float32 uniforms, and inside the splines' bound


def to_normal(probability: Tensor) -> Tensor:
    """Standard normal quantile."""
    scores: Tensor = torch.special.ndtri(probability)
    return scores.clamp(-NORMAL_LIMIT, NORMAL_LIMIT)


def logistic(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)) with the full relative accuracy for small shares, which ONNX Runtime's sigmoid lacks."""
    return torch.exp(x.clamp(max=0.0)) / (1 + torch.exp(-x.abs()))


def nearly(above: Tensor) -> Tensor:
    """Weights of cells by how far `above` (negative) they are from a hit: above zero however far that is."""
    return NEVER * torch.exp(5 * above.clamp(NEAREST, 0.0))


def layer_sums(cells: Tensor, detector: Detector) -> Tensor:
    """Layer energies (N, n_layers) of cells (N, n_cells)."""
    return torch.stack([cells[:, layer.slice].sum(1) for layer in detector.layers], 1)


class NormalScores(nn.Module):
    """Each column mapped to a standard normal by its own quantiles: piecewise linear, straight beyond the last knots.

    Attributes:
        values, scores: matching knots (n_knots, D), both growing.
    """

    values: Tensor
    scores: Tensor

    def __init__(self, size: int, n_knots: int = 24) -> None:
        super().__init__()
        grid = torch.linspace(-3.0, 3.0, n_knots)[:, None].repeat(1, size)
        self.register_buffer("values", grid)
        self.register_buffer("scores", grid.clone())

    def fit(
        self, samples: list[Tensor], below: Tensor, lowest: float | None = None, group: Tensor | None = None
    ) -> None:
        """Fit to the present values of columns.

        Args:
            samples: tensors of values, of any lengths.
            below: probability that a value of each sample is absent; absent values rank below all present ones.
            lowest: value of the first knots; by default each sample's own minimum.
            group: sample (D,) that each column follows; by default each its own.
        """
        pairs = [self._knots(sample.double(), float(part), lowest) for sample, part in zip(samples, below, strict=True)]
        values, scores = (torch.stack([growing(knots) for knots in side], 1) for side in zip(*pairs, strict=True))
        columns = torch.arange(len(samples)) if group is None else group
        self.values.copy_(values[:, columns])
        self.scores.copy_(scores[:, columns])

    def _knots(self, sample: Tensor, below: float, lowest: float | None) -> tuple[Tensor, Tensor]:
        if len(sample) == 0:
            assert lowest is not None
            sample = lowest + torch.linspace(0.0, 1.0, 3, dtype=torch.float64)
        edge = 0.5 / (len(sample) + 1)
        first, last = to_normal(torch.tensor([below or edge, 1 - edge * (1 - below)], dtype=torch.float64)).tolist()
        scores = torch.linspace(first, last, len(self.values), dtype=torch.float64)
        ranks = (torch.special.ndtr(scores) - below) / (1 - below)
        values = torch.quantile(sample, ranks.clamp(0.0, 1.0))
        if lowest is not None:
            values[0] = lowest
        return values, scores

    def forward(self, values: Tensor) -> Tensor:
        """Scores (N, D) of values (N, D), at most 5.2 in size however far a value lies outside the fitted ones."""
        return _piecewise(values, self.values, self.scores).clamp(-NORMAL_LIMIT, NORMAL_LIMIT)

    def inverse(self, scores: Tensor) -> Tensor:
        """Values (N, D) of scores (N, D)."""
        return _piecewise(scores, self.scores, self.values)


def growing(knots: Tensor) -> Tensor:
    """Knots (K, ...) with steps above zero, so that both directions stay well defined."""
    steps = torch.diff(knots, dim=0)
    steps = torch.maximum(steps, MIN_STEP * steps.mean() + 1e-7)
    return torch.cat([knots[:1], knots[:1] + torch.cumsum(steps, 0)])


def _piecewise(x: Tensor, at: Tensor, to: Tensor) -> Tensor:
    """Piecewise linear map (N, D) through the knots (at, to), each (K, D)."""
    low = (x[:, None] >= at[1:-1]).sum(1)
    slope = torch.diff(to, dim=0) / torch.diff(at, dim=0)
    return to.gather(0, low) + (x - at.gather(0, low)) * slope.gather(0, low)


class HitCells(nn.Module):
    """Cell energies to normal scores: empty cells become noise below the score of the threshold.

    Half of the cells and more are empty; a cell's own share of empty showers, its occupied energies' quantiles (on a
    logarithmic scale) and one threshold make every cell standard normal over the training showers.
    """

    def __init__(self, size: int, threshold: float) -> None:
        super().__init__()
        self.threshold = max(threshold, LEAST_ENERGY)
        self.quantiles = NormalScores(size)

    @property
    def edge(self) -> Tensor:
        """Score (D,) above which a cell is hit."""
        return self.quantiles.scores[0]

    def fit(self, cells: Tensor, orbits: Tensor) -> None:
        """Fit to cells (N, D) [MeV], pooling cells of the same orbit, since symmetry makes them alike."""
        names, group = orbits.unique(return_inverse=True)
        pooled = [cells[:, orbits == name].flatten() for name in names]
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

    def weights(self, scores: Tensor) -> Tensor:
        """The same, but all above zero: in a layer without hits the cell nearest to one outweighs the others."""
        return self.inverse(scores) + nearly(scores - self.edge)


class LayerShares(nn.Module):
    """Layer energies [MeV] and the incident's energy to unbounded numbers, and back exactly.

    First the logarithm of the response, then the logit of E_l / (E_l + ... + E_last) layer by layer, each to normal
    scores: the visible energy and its division in depth, as in CaloFlow (arXiv:2106.05285, equation 8).
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
        """Log response and log ratios of each layer to all deeper ones (N, n_layers)."""
        response = layers.sum(1, keepdim=True) / (self.sampling_fraction * energy)
        deeper = layers.flip(1).cumsum(1).flip(1)[:, 1:]
        return torch.cat([response, layers[:, :-1] / deeper], 1).log()

    def forward(self, layers: Tensor, energy: Tensor) -> Tensor:
        """Scores (N, n_layers)."""
        scores: Tensor = self.quantiles(self.ratios(layers, energy))
        return scores

    def inverse(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV]."""
        return self.layers(self.quantiles.inverse(scores), energy)

    def layers(self, free: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV] of their log ratios."""
        left = free[:, :1].exp() * self.sampling_fraction * energy
        layers = []
        for ratio in free.split(1, 1)[1:]:
            layers.append(left * logistic(ratio))
            left = left * logistic(-ratio)
        return torch.cat([*layers, left], 1)


class LayerShapes(nn.Module):
    """Hits, centre and width in x and y of each layer as normal scores: the shower in few numbers.

    A flow that draws them before the cells gives showers their fluctuations as a whole (number of hits, lateral
    spread), which a flow over hundreds of cells learns last. Layers without energy have noise far below the threshold
    in their place, so that every number has a density.

    Args:
        detector: whose layers they are.
        radius: whether the mean radius comes as a sixth number.
    """

    def __init__(self, detector: Detector, *, radius: bool = False) -> None:
        super().__init__()
        self.radius, self.per_layer = radius, 6 if radius else 5
        self.threshold = max(detector.readout.threshold, LEAST_ENERGY)
        self.slices = [layer.slice for layer in detector.layers]
        self.quantiles = NormalScores(self.size)
        centres = torch.from_numpy(detector.cell_centres[:, :2]).float()
        self.register_buffer("centres", centres, persistent=False)

    centres: Tensor

    @property
    def size(self) -> int:
        """Numbers per shower."""
        return self.per_layer * len(self.slices)

    def fit(self, cells: Tensor) -> None:
        """Fit to cells (N, n_cells) [MeV]."""
        free = self._free(cells)
        self.quantiles.fit(list(free.T), torch.zeros(self.size))

    def forward(self, cells: Tensor) -> Tensor:
        """Scores (N, size) of cells (N, n_cells) [MeV], layer by layer."""
        scores: Tensor = self.quantiles(self._free(cells))
        return scores

    def inverse(self, scores: Tensor) -> Tensor:
        """Hits, centres, widths and, if it is one of them, mean radius [mm] (N, n_layers, per_layer) of scores."""
        values: Tensor = self.quantiles.inverse(scores)
        return values.reshape(-1, len(self.slices), self.per_layer)

    def _free(self, cells: Tensor) -> Tensor:
        noisy = cells + 0.01 * self.threshold * torch.rand_like(cells)
        hit = cells >= self.threshold
        return torch.cat([self._layer(hit[:, part], noisy[:, part], self.centres[part]) for part in self.slices], 1)

    def _layer(self, hit: Tensor, cells: Tensor, centres: Tensor) -> Tensor:
        weights = cells / cells.sum(1, keepdim=True)
        centre = weights @ centres
        variance = weights @ centres.square() - centre.square()
        hits = hit.sum(1, keepdim=True) + torch.rand_like(centre[:, :1])
        numbers = [hits, centre, variance.clamp(min=1e-6).sqrt()]
        radius = [weights @ centres.norm(dim=1, keepdim=True)] if self.radius else []
        return torch.cat([*numbers, *radius], 1)
