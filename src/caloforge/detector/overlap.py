"""Overlap of the cells of two grids: which cells lie behind each other, and on what area."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.cells import Grid
from caloforge.errors import InputError

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
PER_SIDE = 32  # points of a cell along each side, where the overlap is sampled
BLOCK = 1024  # cells whose points are located at once
ROUNDING = 1e-9  # of the smallest cell: shorter overlaps are rounding of equal edges
MOST_PAIRS = 2**24


class Pairs(NamedTuple):
    """Pairs of overlapping cells.

    Attributes:
        first: cells of the first grid (M,).
        second: cells of the second grid (M,).
        area: area that they share (M,) [mm2].
    """

    first: Indices
    second: Indices
    area: Floats


def overlaps(one: Grid, two: Grid) -> Pairs:
    """Pairs of cells of two grids around the same axis that a straight line along the axis can cross.

    Areas are exact for two grids of rectangles, for two grids of rings, and for equal grids. For other pairs the
    smaller cell is divided into about a thousand parts of equal area, and the middle of each part is located in the
    other grid. Overlaps of less than one part may be missing. Cells of windows are those of centred windows.

    Raises:
        InputError: there are more than 2^24 pairs.
    """
    if one == two:
        cells = np.arange(one.n_cells)
        return Pairs(cells, cells, one.areas)
    if type(one) is type(two) and one.area_edges is not None and two.area_edges is not None:
        return _exact(one, one.area_edges, two, two.area_edges)
    return _sampled(one, two)


def _exact(one: Grid, edges: tuple[Floats, Floats], two: Grid, others: tuple[Floats, Floats]) -> Pairs:
    slow, fast = (_along(*pair) for pair in zip(edges, others, strict=True))
    if len(slow.area) * len(fast.area) > MOST_PAIRS:
        raise InputError(f"the cells of {one.in_words()[0]} and {two.in_words()[0]} overlap in "
                         f"{len(slow.area) * len(fast.area)} pairs, more than the {MOST_PAIRS} allowed")  # fmt: skip
    first = slow.first[:, None] * one.shape[1] + fast.first
    second = slow.second[:, None] * two.shape[1] + fast.second
    return Pairs(first.ravel(), second.ravel(), np.outer(slow.area, fast.area).ravel())


def _along(edges: Floats, others: Floats) -> Pairs:
    """Overlaps of intervals on a line, with lengths in place of areas."""
    breaks = np.union1d(edges, others)
    middles, lengths = (breaks[1:] + breaks[:-1]) / 2, np.diff(breaks)
    first, second = (np.searchsorted(ends, middles) - 1 for ends in (edges, others))
    found = lengths > ROUNDING * min(np.diff(edges).min(), np.diff(others).min())
    for cells, ends in ((first, edges), (second, others)):
        found &= (cells >= 0) & (cells < len(ends) - 1)
    return Pairs(first[found], second[found], lengths[found])


def _sampled(one: Grid, two: Grid) -> Pairs:
    """Overlaps by points of the smaller cell of each pair."""
    ours, theirs = _located(one, two), _located(two, one)
    mine = one.areas[ours.first] <= two.areas[ours.second]
    other = two.areas[theirs.first] < one.areas[theirs.second]
    return Pairs(
        np.concatenate([ours.first[mine], theirs.second[other]]),
        np.concatenate([ours.second[mine], theirs.first[other]]),
        np.concatenate([ours.area[mine], theirs.area[other]]),
    )


def _located(one: Grid, two: Grid) -> Pairs:
    """Overlaps by points of all cells of the first grid."""
    blocks = [np.arange(k, min(k + BLOCK, one.n_cells)) for k in range(0, one.n_cells, BLOCK)]
    keys, counts = zip(*(_keys(one, cells, two) for cells in blocks), strict=True)
    first, second = np.divmod(np.concatenate(keys), two.n_cells)
    n = one.points(np.arange(1), PER_SIDE).shape[1]
    return Pairs(first, second, one.areas[first] * np.concatenate(counts) / n)


def _keys(one: Grid, cells: Indices, two: Grid) -> tuple[Indices, Indices]:
    """Numbers of the pairs that points of some cells find, and points in each."""
    points = one.points(cells, PER_SIDE)
    found = two.locate(points[..., 0].ravel(), points[..., 1].ravel()).reshape(points.shape[:2])
    keys, counts = np.unique((cells[:, None] * two.n_cells + found)[found >= 0], return_counts=True)
    return keys, counts
