"""The graph of a detector: constant tables of the cells that touch a cell or lie before and behind it."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.detector import Detector
from caloforge.detector.neighbours import neighbours
from caloforge.detector.overlap import overlaps
from caloforge.errors import InputError

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
MOST_PLACES = 2**22  # places of all tables; a network holds a few numbers of each for every shower of a batch


class Relation(NamedTuple):
    """Cells that are related to each cell.

    Attributes:
        cells: indices of the related cells (n_cells, K), `n_cells` for none.
        weights: weights of the related cells (n_cells, K), zero for none.
    """

    cells: Indices
    weights: Floats


class _Links(NamedTuple):
    """A relation as a list: cells (M,), the cells they are related to (M,), and weights (M,)."""

    cell: Indices
    other: Indices
    weight: Floats


class Graph(NamedTuple):
    """Relations of the cells of a detector; K differs between them and may be zero.

    Attributes:
        contact: cells that share a wall, with weight one.
        second_contact: cells that share a wall with these; the weight is the number of cells in between.
        previous: cells of the previous layer that overlap the cell; the weight is the share of the cell's area.
        following: cells of the next layer that overlap the cell, in the same way.
    """

    contact: Relation
    second_contact: Relation
    previous: Relation
    following: Relation


def graph(detector: Detector) -> Graph:
    """Relations by which the cells of a shower know of each other: walls within a layer, overlap from layer to layer.

    Any kind of cells has these relations, also where the grids of layers differ.

    Raises:
        InputError: the tables have more than 2^22 places, or two layers more than 2^24 pairs of overlapping cells.
    """
    walls, n = neighbours(detector), detector.n_cells
    cells, columns = np.nonzero(walls < n)
    contacts = _Links(cells, walls[cells, columns], np.ones(len(cells)))
    found = (contacts, _second(contacts, walls), *_in_depth(detector))
    most = [int(np.bincount(links.cell, minlength=1).max()) for links in found]
    if n * sum(most) > MOST_PLACES:
        raise InputError(f"the graph of {detector.name} has {n * sum(most)} places, more than the {MOST_PLACES} "
                         f"allowed: {n} cells, of which one has {max(most)} neighbours of one kind")  # fmt: skip
    return Graph(*(_table(links, n, columns) for links, columns in zip(found, most, strict=True)))


def _second(contacts: _Links, walls: Indices) -> _Links:
    """Contacts of contacts that are not contacts, and the number of cells in between."""
    n = len(walls)
    start = np.repeat(contacts.cell, walls.shape[1])
    end = walls[contacts.other].ravel()
    there = (end < n) & (end != start)
    keys, counts = np.unique(start[there] * n + end[there], return_counts=True)
    new = ~np.isin(keys, contacts.cell * n + contacts.other)
    return _Links(*np.divmod(keys[new], n), counts[new].astype(np.float64))


def _in_depth(detector: Detector) -> tuple[_Links, _Links]:
    """Cells of the previous and of the next layer that overlap each cell, and the shares of its area."""
    grids = [(one.cells, two.cells) for one, two in itertools.pairwise(detector.layers)]
    found = {pair: overlaps(*pair) for pair in dict.fromkeys(grids)}
    starts = [layer.start for layer in detector.layers]
    parts = [(one + found[grids[k]].first, two + found[grids[k]].second, found[grids[k]].area)
             for k, (one, two) in enumerate(itertools.pairwise(starts))]  # fmt: skip
    empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    front, back, area = (np.concatenate(column) for column in zip(empty, *parts, strict=True))
    areas = np.concatenate([layer.cells.areas for layer in detector.layers])
    return _Links(back, front, area / areas[back]), _Links(front, back, area / areas[front])


def _table(links: _Links, n: int, columns: int) -> Relation:
    """Table of n rows; the cells of a row are in ascending order."""
    order = np.lexsort((links.other, links.cell))
    rows, counts = links.cell[order], np.bincount(links.cell, minlength=n)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    cells, weights = np.full((n, columns), n), np.zeros((n, columns))
    cells[rows, places], weights[rows, places] = links.other[order], links.weight[order]
    return Relation(cells, weights)
