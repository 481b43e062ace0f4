"""Neighbouring cells: those of one layer that share a wall."""

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.cells import CartesianCells, CylindricalCells
from caloforge.detector.detector import Detector

Indices = NDArray[np.int64]


def neighbours(detector: Detector) -> Indices:
    """Cells that share a wall with each cell (n_cells, 4), `n_cells` where there is none.

    Columns: the cell before and after along the layer's first axis (x or phi), then along its second (y or r). Rings
    close in phi; one that is cut in two has its other half as neighbour once, and an uncut one has none.
    """
    tables = [_layer(layer.cells, layer.start, detector.n_cells) for layer in detector.layers]
    return np.concatenate(tables)


def _layer(cells: CartesianCells | CylindricalCells, start: int, nothing: int) -> Indices:
    index = start + np.arange(cells.shape[0] * cells.shape[1]).reshape(cells.shape)
    padded = np.pad(index, 1, constant_values=nothing)
    columns = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    if cells.kind == "cylindrical" and cells.shape[0] > 1:
        columns[1] = np.roll(index, -1, axis=0)
        columns[0] = np.roll(index, 1, axis=0) if cells.shape[0] > 2 else np.full_like(index, nothing)
    return np.stack([column.ravel() for column in columns], axis=1)
