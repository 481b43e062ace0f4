"""A small network, shared by all cells of the detector, through which a coupling flow sees the cells around a cell."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from caloforge.detector import Detector
from caloforge.detector.neighbours import neighbours
from caloforge.errors import InputError
from caloforge.models.flows.folded_local import FoldedLocal

SHARPNESS = 4.0  # initial steepness of the soft hit indicators, per unit of score
Indices = NDArray[np.int64]
Split = tuple[Tensor, Tensor]


class Layout(NamedTuple):
    """Neighbourhoods and splits of the cells.

    Attributes:
        neighbours: indices of the cells around each cell (n_cells, K), in a fixed order of directions; `n_cells` for
            none.
        splits: pairs of index tensors that divide the cells in two; pairs of blocks use them in turn.
    """

    neighbours: Tensor
    splits: tuple[Split, ...]


def layout(detector: Detector) -> Layout:
    """Neighbourhoods of 14 cells, and three splits: a checkerboard, and stripes along each axis of the layers.

    The neighbourhood holds the four cells that share a wall, the four cells behind these, the four diagonal cells, and
    the nearest cell of the previous and of the next layer. In a checkerboard, the four cells that share a wall with a
    cell belong to the other half, so that each half is drawn with full knowledge of its direct neighbours.

    Raises:
        InputError: the cells do not form an array.
    """
    if not all(layer.cells.is_array for layer in detector.layers):
        raise InputError(f"local networks need cells in rows and columns, which those of {detector.name} are not")
    axes = [np.indices(layer.cells.shape).reshape(2, -1) for layer in detector.layers]
    first, second = np.concatenate(axes, axis=1)
    splits = [_split((first + second) % 2), _split(first % 2), _split(second % 2)]
    found = np.concatenate([_in_layer(neighbours(detector)), _in_depth(detector)], axis=1)
    return Layout(torch.from_numpy(found), tuple(s for s in splits if min(map(len, s))))


def _split(parity: Indices) -> Split:
    first, second = (torch.from_numpy(np.flatnonzero(parity == side)) for side in (0, 1))
    return first, second


def _in_layer(walls: Indices) -> Indices:
    """Cells at one and two steps (n_cells, 12)."""
    padded = np.concatenate([walls, np.full_like(walls[:1], len(walls))])
    straight = [padded[padded[:, k], k] for k in range(4)]
    diagonal = [padded[padded[:, a], b] for a in (0, 1) for b in (2, 3)]
    return np.stack([*padded.T, *straight, *diagonal], axis=1)[:-1]


def _in_depth(detector: Detector) -> Indices:
    """Indices (n_cells, 2) of the cells in the previous and in the next layer with the nearest centre."""
    result = np.full((detector.n_cells, 2), detector.n_cells)
    for one, two in zip(detector.layers, detector.layers[1:], strict=False):
        result[one.slice, 1] = two.start + _nearest(one.cells.centres, two.cells.centres)
        result[two.slice, 0] = one.start + _nearest(two.cells.centres, one.cells.centres)
    return result


def _nearest(places: NDArray[np.float64], others: NDArray[np.float64]) -> Indices:
    return np.array([np.square(others - place).sum(1).argmin() for place in places])


class LocalNetwork(nn.Module):
    """Spline parameters of moved cells from the kept cells around them; all cells share the weights.

    For each of the K places around a moved cell, the inputs are the score of the kept cell there and a soft indicator
    of a hit. Both are zero if the place is not kept or outside the layer. A learned vector of the moved cell and a
    projection of the hidden layer of the flow's dense network are added to the first hidden layer.

    Args:
        table: cells around each cell (n_cells, K).
        kept, moved: indices of the cells of both halves.
        width: width of the hidden layers.
        context: size of the dense network's hidden layer.
        outputs: spline parameters per cell.
    """

    places: Tensor
    kept: Tensor

    def __init__(self, table: Tensor, kept: Tensor, moved: Tensor, width: int, context: int, outputs: int) -> None:
        super().__init__()
        column = torch.full((len(table) + 1,), len(kept))
        column[kept] = torch.arange(len(kept))
        self.register_buffer("places", column[table[moved]].flatten(), persistent=False)
        self.register_buffer("kept", kept, persistent=False)
        self.shape = (len(moved), 2 * table.shape[1])
        self.levels = nn.Parameter(torch.zeros(len(kept)))
        self.sharpness = nn.Parameter(torch.full((len(kept),), SHARPNESS))
        self.cells = nn.Parameter(torch.zeros(len(moved), width))
        self.context = nn.Linear(context, width)
        self.first = nn.Linear(self.shape[1], width, bias=False)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, outputs)
        with torch.no_grad():
            for parameter in self.last.parameters():
                parameter.mul_(0.1)

    def forward(self, kept: Tensor, context: Tensor) -> Tensor:
        """Parameters (N, outputs, moved) from the kept scores (N, kept) and the dense network's hidden values."""
        hit = torch.sigmoid(self.sharpness * (kept - self.levels))
        inputs = torch.cat([F.pad(values, (0, 1)).index_select(1, self.places) for values in (kept, hit)], 1)
        inputs = inputs.view(-1, 2, self.shape[0], self.shape[1] // 2).transpose(1, 2).flatten(2)
        hidden = F.silu(self.first(inputs) + self.cells + self.context(context)[:, None])
        parameters: Tensor = self.last(F.silu(self.second(hidden)))
        return parameters.transpose(1, 2)

    def folded(self) -> FoldedLocal:
        """The same network in fewer operations, without the biases of its last layer, for exported graphs."""
        places, kept = self.places.view(self.shape[0], -1), len(self.kept)
        return FoldedLocal(places, kept, self.levels, self.sharpness, self.cells, self.first, self.context,
                           self.second, self.last)  # fmt: skip

    @torch.no_grad()
    def set_levels(self, edges: Tensor) -> None:
        """Initialise the hit indicators at the scores (n_cells,) above which each cell is hit."""
        self.levels.copy_(edges[self.kept])
