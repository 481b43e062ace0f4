"""The view "shapes": properties of sparse hits that models often get wrong."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.neighbours import neighbours
from caloforge.validation.features import lowest
from caloforge.validation.judges.columns import Columns, join, stack
from caloforge.validation.judges.features import faint, ratio
from caloforge.validation.judges.sections import sections
from caloforge.validation.moments import Energies, Floats, chunks

HOTTEST = 5
Table = dict[str, NDArray[Any]]
Indices = NDArray[np.int64]


def shapes(detector: Detector, cells: Energies, edges: Floats) -> Columns:
    """Faintest hits, hits by energy, isolated hits, neighbours, hottest shares and moments of log E in each section.

    Args:
        detector: the detector.
        cells: energies (N, n_cells) [MeV], thresholded.
        edges: energies [MeV] between which hits are counted.
    """
    walls = neighbours(detector)
    parts = [join(_shapes(detector, cells[rows], edges, walls)) for rows in chunks(cells)]
    return stack(parts)


def _shapes(detector: Detector, cells: Energies, edges: Floats, walls: Indices) -> Table:
    logs = np.log10(np.maximum(cells, lowest(detector)) / lowest(detector)).astype(np.float32)
    hits = cells > 0
    touching = _touching(hits, walls)
    along = [_products(logs, walls[:, k]) for k in (1, 3)]
    table: Table = {}
    for part in sections(detector):
        own = cells[:, part.cells]
        count = hits[:, part.cells].sum(axis=1)
        found = _hits(own, count, edges) | _hottest(own) | _logs(logs[:, part.cells], hits[:, part.cells], count)
        near = np.where(hits[:, part.cells], touching[:, part.cells], 0).sum(axis=1)
        alone = (hits[:, part.cells] & (touching[:, part.cells] == 0)).sum(axis=1)
        found |= {"isolated hits": alone, "isolated hits per hit": ratio(alone, count),
                  "hit neighbours per hit": ratio(near, count)}  # fmt: skip
        square = (logs[:, part.cells] ** 2).sum(axis=1)
        for axis, product in zip(detector.layers[part.first].cells.axes, along, strict=True):
            found[f"likeness of neighbours in {axis}"] = ratio(product[:, part.cells].sum(axis=1), square)
        table |= {f"{part.label}: {name}": values for name, values in found.items()}
    return table


def _touching(hits: NDArray[np.bool_], walls: Indices) -> NDArray[np.uint8]:
    """Number of hit neighbours of each cell."""
    padded = np.pad(hits, ((0, 0), (0, 1)))
    count = np.zeros(hits.shape, np.uint8)
    for column in walls.T:
        count += padded[:, column]
    return count


def _products(logs: NDArray[np.float32], after: Indices) -> NDArray[np.float32]:
    """Products (N, n_cells) of each cell's log energy and that of the next cell along an axis."""
    padded = np.pad(logs, ((0, 0), (0, 1)))
    return logs * padded[:, after]


def _hits(cells: Energies, count: NDArray[Any], edges: Floats) -> Table:
    faintest = np.where(cells > 0, cells, np.float32(np.inf)).min(axis=1)
    table: Table = {"faintest hit [MeV]": np.where(count > 0, faintest, 0)}
    above = [(cells >= np.float32(edge)).sum(axis=1) for edge in edges]
    for k, edge in enumerate(edges):
        last = k == len(edges) - 1
        word = "" if last else faint(edges[k + 1], edges)
        name = f"hits from {edge:g} MeV on" if last else f"{word}hits between {edge:g} and {edges[k + 1]:g} MeV"
        table[name] = above[k] if last else above[k] - above[k + 1]
    return table


def _hottest(cells: Energies) -> Table:
    n = min(HOTTEST, cells.shape[1])
    top = -np.sort(-np.partition(cells, -n, axis=1)[:, -n:], axis=1)
    total = cells.sum(axis=1, dtype=np.float64)
    return {f"share of cell {i + 1} by energy": ratio(top[:, i], total) for i in range(n)}


def _logs(logs: NDArray[np.float32], hits: NDArray[np.bool_], count: NDArray[Any]) -> Table:
    total = logs.sum(axis=1, dtype=np.float64)
    mean = ratio(total, count)
    deviation = np.where(hits, logs - mean[:, None], 0)
    spread, skewness = ((ratio((deviation**k).sum(axis=1), count)) for k in (2, 3))
    return {"sum of log E over hits": total, "mean of log E over hits": mean,
            "spread of log E over hits": np.sqrt(spread), "skewness of log E over hits": np.cbrt(skewness)}  # fmt: skip
