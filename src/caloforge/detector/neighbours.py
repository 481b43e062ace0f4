"""Neighbouring cells: those of one layer that share a wall."""

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.detector import Detector

Indices = NDArray[np.int64]


def neighbours(detector: Detector) -> Indices:
    """Cells that share a wall with each cell (n_cells, k); `n_cells` stands for no neighbour.

    The columns are the cells before and after along the layer's first axis, then along its second, then others. k is 4
    for rectangles and rings. In a detector of several kinds of grids, k is that of the grid with most neighbours.
    """
    tables = [layer.cells.neighbours() for layer in detector.layers]
    most = max(table.shape[1] for table in tables)
    found = np.full((detector.n_cells, most), detector.n_cells, np.int64)
    for layer, table in zip(detector.layers, tables, strict=True):
        found[layer.slice, : table.shape[1]] = np.where(table >= 0, layer.start + table, detector.n_cells)
    return found
