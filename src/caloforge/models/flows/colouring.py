"""Colourings of the cells of a detector with two colours, which part related cells."""

import itertools

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.graph import Graph

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
IMPORTANCE = {"contact": 1.0, "second_contact": 0.1, "previous": 1.0, "following": 1.0}
PARTED = 0.25  # factor of the weight of pairs that an earlier colouring has parted
SWEEPS = 20


def colourings(found: Graph, n_cells: int, count: int) -> list[Indices]:
    """Colours 0 and 1 (n_cells,) of all cells, `count` times, by greedy choice.

    Cells take, one after the other, the colour that fewer related cells have, until no change of one cell parts more of
    them. Each colouring prefers pairs that the earlier ones leave together. Equal rectangles get a checkerboard in all
    three dimensions first. Of three hexagons that touch each other, two always share a colour.
    """
    cells, others, weights = _pairs(found, n_cells)
    ends = np.searchsorted(cells, np.arange(n_cells + 1)).tolist()
    result = []
    for _ in range(count):
        sides = _sides(others, weights, ends)
        weights = np.where(sides[cells] != sides[others], PARTED * weights, weights)
        result.append((sides < 0).astype(np.int64))
    return result


def _pairs(found: Graph, n_cells: int) -> tuple[Indices, Indices, Floats]:
    """Cells (M,) in ascending order, cells related to them (M,), and weights (M,) that are equal in both directions."""
    parts = []
    for name, (cells, weights) in found._asdict().items():
        rows, columns = np.nonzero(cells < n_cells)
        parts.append((rows, cells[rows, columns], IMPORTANCE[name] * weights[rows, columns]))
    rows, others, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    keys, inverse = np.unique(np.concatenate([rows * n_cells + others, others * n_cells + rows]), return_inverse=True)
    first, second = np.divmod(keys, n_cells)
    return first, second, np.bincount(inverse, np.concatenate([weights, weights]) / 2).astype(np.float64)


def _sides(others: Indices, weights: Floats, ends: list[int]) -> Floats:
    """Sides 1.0 and -1.0 of all cells; the related cells of cell i are others[ends[i] : ends[i + 1]]."""
    sides, total = np.zeros(len(ends) - 1), 0.0
    for _ in range(SWEEPS):
        before = sides.copy()
        for i, (start, end) in enumerate(itertools.pairwise(ends)):
            field = float(weights[start:end] @ sides[others[start:end]])
            if sides[i] == 0 or field * sides[i] > 1e-9:
                wanted = -np.sign(field) if abs(field) > 1e-9 else 1.0 if total <= 0 else -1.0
                sides[i], total = wanted, total + wanted - sides[i]
        if (before == sides).all():
            break
    return sides
