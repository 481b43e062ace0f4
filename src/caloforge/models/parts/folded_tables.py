"""Normal scores and layers of showers in fewer operations, for exported graphs.

ONNX Runtime takes several nanoseconds per element to gather columns, and a fifth of that for `GatherElements`.
"""

import math

import torch
from torch import Tensor, nn

LARGEST_MATRIX = 2**16  # elements of the matrices that sum over layers of different sizes; above it, layers are cut out


def nothing(x: Tensor) -> Tensor:
    """Zeros (N, 1) for N rows of numbers, by which a constant becomes one row per shower in one operation."""
    return (x[:, :1] > math.inf).to(x.dtype)


class Picked(nn.Module):
    """Columns of a tensor, in a fixed order.

    Args:
        columns: indices (M,) of the columns.
    """

    columns: Tensor

    def __init__(self, columns: Tensor) -> None:
        super().__init__()
        self.register_buffer("columns", columns[None].clone())

    def forward(self, values: Tensor, zero: Tensor) -> Tensor:
        """Columns (N, M) of values (N, D); `zero` is `nothing` of any tensor of N rows."""
        return values.gather(1, zero.long() + self.columns)


class FoldedScores(nn.Module):
    """The inverse of normal scores, with two table entries per value: constant and slope of its segment.

    Args:
        values: tables of knots (n_samples, K).
        rows: index (D,) of the table of each feature.
        first, last: scores (D,) of the outermost knots.
        bend: ratio (D,) of the first to the mean step between knots.
    """

    def __init__(self, values: Tensor, rows: Tensor, first: Tensor, last: Tensor, bend: Tensor) -> None:
        super().__init__()
        self.segments = values.shape[1] - 1
        left, step = values.double()[:, :-1], torch.diff(values.double(), dim=1)
        numbers = torch.arange(self.segments, dtype=torch.float64, device=values.device)
        bend = bend.double()
        per_score = 2 * self.segments / (last - first).double() / bend
        self.even = bool((bend == 1).all())  # knots are equidistant in the score
        self.register_buffer("first", first.clone())
        self.register_buffer("per_score", (per_score / 2 if self.even else per_score).float())
        self.register_buffer("bent", (2 * (1 - bend) / bend / self.segments).float())
        self.register_buffer("rows", self.segments * rows)
        self.register_buffer("constant", (left - numbers * step).flatten().float())
        self.register_buffer("step", step.flatten().float())

    first: Tensor
    per_score: Tensor
    bent: Tensor
    rows: Tensor
    constant: Tensor
    step: Tensor

    def inverse(self, scores: Tensor) -> Tensor:
        """Values (N, D) of scores (N, D)."""
        return self.beyond(scores - self.first)

    def beyond(self, distance: Tensor) -> Tensor:
        """Values (N, D) of scores at a distance (N, D) from the first knots."""
        place = distance * self.per_score
        if not self.even:
            place = place / (1 + (1 + self.bent * place.clamp(min=0.0)).sqrt())
        low = place.clamp(0.0, self.segments - 0.5).long()
        at = (low + self.rows).flatten()
        constant, step = (table.gather(0, at).view(-1, len(self.first)) for table in (self.constant, self.step))
        return constant + step * place


class LayerMap(nn.Module):
    """Sums over layers, and layers' numbers for all of their cells.

    Args:
        cell_layer: layer (n_cells,) of each cell, in ascending order.
        n_layers: number of layers.
    """

    matrix: Tensor
    cell_layer: Tensor

    def __init__(self, cell_layer: Tensor, n_layers: int) -> None:
        super().__init__()
        self.sizes = torch.bincount(cell_layer, minlength=n_layers).tolist()
        self.equal = len(set(self.sizes)) == 1
        self.small = n_layers * len(cell_layer) <= LARGEST_MATRIX
        belongs = cell_layer[:, None] == torch.arange(n_layers, device=cell_layer.device)
        self.register_buffer("matrix", belongs.float() if self.small and not self.equal else None)
        self.register_buffer("cell_layer", None if self.small or self.equal else cell_layer)

    def sums(self, cells: Tensor) -> Tensor:
        """Sums (N, n_layers) of cells (N, n_cells)."""
        if self.equal:
            return self._rows(cells).sum(2)
        if self.small:
            return cells @ self.matrix
        return torch.stack([part.sum(1) for part in cells.split(self.sizes, 1)], 1)

    def largest(self, cells: Tensor) -> Tensor:
        """Largest of the cells (N, n_cells) in each layer (N, n_layers)."""
        if self.equal:
            return self._rows(cells).amax(2)
        return torch.cat([part.amax(1, keepdim=True) for part in cells.split(self.sizes, 1)], 1)

    def spread(self, layers: Tensor) -> Tensor:
        """Numbers (N, n_cells) of the layers (N, n_layers) of all cells."""
        if self.equal:
            return layers[:, :, None].expand(-1, -1, self.sizes[0]).flatten(1)
        if self.small:
            return layers @ self.matrix.T
        return layers.index_select(1, self.cell_layer)

    def _rows(self, cells: Tensor) -> Tensor:
        return cells.view(-1, len(self.sizes), self.sizes[0])


class FoldedShares(nn.Module):
    """Layer energies from their normal scores, by sums of logarithms.

    Args:
        quantiles: scores of log response and log ratios.
        n_layers: number of layers.
        sampling_fraction: that of the detector.
        floor: energy [MeV] below which a layer is empty.
    """

    def __init__(self, quantiles: FoldedScores, n_layers: int, sampling_fraction: float, floor: float) -> None:
        super().__init__()
        self.quantiles, self.sampling_fraction, self.floor = quantiles, sampling_fraction, floor
        own = torch.cat([torch.ones(1, n_layers), torch.eye(n_layers)[:-1]])  # the ratio of layer l is number l + 1
        left = torch.ones(n_layers, n_layers).triu()[:-1]
        self.register_buffer("own", own)
        self.register_buffer("left", left)

    own: Tensor
    left: Tensor

    def inverse(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV] of scores (N, n_layers) and incident energies (N, 1) [MeV]."""
        return self.layers(self.quantiles.inverse(scores), energy)

    def layers(self, free: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV] of their log ratios."""
        logs = free if free.shape[1] == 1 else free @ self.own - nn.functional.softplus(free[:, 1:]) @ self.left
        return self.sampling_fraction * energy * logs.exp()
