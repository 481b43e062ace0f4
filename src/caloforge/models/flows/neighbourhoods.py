"""What a coupling flow knows of a detector's geometry: the cells around each cell, and splits of all cells in two."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from caloforge.detector import Detector
from caloforge.detector.graph import graph
from caloforge.detector.neighbours import neighbours
from caloforge.errors import InputError
from caloforge.models.flows.colouring import colourings

Indices = NDArray[np.int64]
Split = tuple[Tensor, Tensor]
SPLITS = 3


class Means(NamedTuple):
    """Places around a cell of which a network sees weighted means, one for each relation.

    Attributes:
        weights: weight of the cell at each place (n_cells, K), of any sum.
        relations: number of the relation of each place (K,), from 0.
    """

    weights: Tensor
    relations: Tensor


class Layout(NamedTuple):
    """Neighbourhoods and splits of the cells.

    Attributes:
        neighbours: indices of the cells around each cell (n_cells, K), `n_cells` for none.
        splits: pairs of index tensors that divide the cells in two; pairs of blocks use them in turn.
        layers: layer of each cell (n_cells,), in ascending order.
        means: means over places; None if a network sees the places one by one, which then are in a fixed order of
            directions.
    """

    neighbours: Tensor
    splits: tuple[Split, ...]
    layers: Tensor
    means: Means | None = None


def layout(detector: Detector, neighbourhood: str | None = None) -> Layout:
    """Neighbourhoods and splits of the cells of a detector.

    Args:
        detector: the detector.
        neighbourhood: "directions": 14 cells in fixed directions, for cells in rows and columns; "graph": all cells in
            contact and overlap, for any cells; by default directions where cells have rows and columns.

    Raises:
        InputError: directions without rows and columns, too large a graph, or a detector without neighbours.
    """
    arrays = all(layer.cells.is_array for layer in detector.layers)
    if neighbourhood == "directions" and not arrays:
        raise InputError(f"the cells of {detector.name} have no rows and columns, which neighbourhood = 'directions' "
                         "needs; neighbourhood = 'graph' takes any cells")  # fmt: skip
    found = _directions(detector) if neighbourhood != "graph" and arrays else _graph(detector)
    if not found.splits:
        raise InputError(f"local needs cells with neighbours, which {detector.name} does not have; local = 0 does not")
    return found


def _directions(detector: Detector) -> Layout:
    """Neighbourhoods of 14 cells, and three splits: a checkerboard, and stripes along each axis of the layers.

    The neighbourhood holds the four cells that share a wall, the four cells behind these, the four diagonal cells, and
    the nearest cell of the previous and of the next layer. In a checkerboard, the four cells that share a wall with a
    cell belong to the other half, so that each half is drawn with full knowledge of its direct neighbours. If all
    layers share one grid, so do the cells before and behind it, and the stripes change places from layer to layer.
    """
    axes = [np.indices(layer.cells.shape).reshape(2, -1) for layer in detector.layers]
    first, second = np.concatenate(axes, axis=1)
    found = np.concatenate([_in_layer(neighbours(detector)), _in_depth(detector)], axis=1)
    depth = detector.cell_layer if len({layer.cells for layer in detector.layers}) == 1 else 0
    splits = _splits([(first + second + depth) % 2, (first + depth) % 2, (second + depth) % 2])
    return Layout(torch.from_numpy(found), splits, torch.from_numpy(detector.cell_layer))


def _graph(detector: Detector) -> Layout:
    """All relations of the detector's graph, and splits by colourings that part related cells."""
    found = graph(detector)
    relations = np.repeat(np.arange(len(found)), [relation.cells.shape[1] for relation in found])
    cells, weights = (torch.from_numpy(np.concatenate(tables, axis=1)) for tables in zip(*found, strict=True))
    means = Means(weights.float(), torch.from_numpy(relations))
    splits = _splits(colourings(found, detector.n_cells, SPLITS))
    return Layout(cells, splits, torch.from_numpy(detector.cell_layer), means)


def _splits(colours: list[Indices]) -> tuple[Split, ...]:
    """Splits by colours 0 and 1, without those in which all cells have one colour."""
    halves = [tuple(torch.from_numpy(np.flatnonzero(colour == side)) for side in (0, 1)) for colour in colours]
    return tuple((first, second) for first, second in halves if len(first) and len(second))


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
