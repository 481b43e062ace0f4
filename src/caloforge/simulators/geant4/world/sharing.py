"""The energy of straight steps, shared among the cells of a mesh in proportion to the path length in each."""

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.cells import Grid
from caloforge.detector.cells.base import fractions

Floats = NDArray[np.float64]
Cells = NDArray[np.int64]
Pieces = tuple[Floats, Floats, Floats]  # energies (n,) [MeV], both ends (n, 3) [mm]


def share(detector: Detector, energy: Floats, start: Floats, end: Floats) -> tuple[Cells, Floats]:
    """Cells (m,) that steps cross, and the energy [MeV] in each (m,); energy outside all cells has leaked.

    A cell may occur several times.

    Args:
        detector: detector, in whose readout frame the steps are given.
        energy: energy of each step (n,) [MeV].
        start: start of each step (n, 3) [mm].
        end: end of each step (n, 3) [mm], which equals the start if the energy is deposited at a point.
    """
    energy, start, end = _at_planes(detector, (energy, start, end))
    layer = _layer_of(detector, (start[:, 2] + end[:, 2]) / 2)
    cells, energies, first = [], [], 0
    for spec in detector.spec.layer:
        rows = np.flatnonzero((layer >= first) & (layer < first + spec.copies))
        pieces, origin = _in_grid(spec.cells, (energy[rows], start[rows], end[rows]))
        place = spec.cells.locate(*((pieces[1] + pieces[2]) / 2)[:, :2].T)
        starts = np.array([la.start for la in detector.layers], np.int64)[layer[rows[origin]]]
        cells.append(np.where(place >= 0, starts + place, -1))
        energies.append(pieces[0])
        first += spec.copies
    found, left = np.concatenate(cells), np.concatenate(energies)
    return found[found >= 0], left[found >= 0]


def _layer_of(detector: Detector, z: Floats) -> Cells:
    edges = np.array([0.0, *(layer.z_max for layer in detector.layers)])
    return np.searchsorted(edges, z, side="right") - 1


def _at_planes(detector: Detector, steps: Pieces) -> Pieces:
    """Cut steps at the planes between layers."""
    energy, start, end = steps
    inside = _layer_of(detector, start[:, 2]) == _layer_of(detector, end[:, 2])
    edges = np.array([0.0, *(layer.z_max for layer in detector.layers)])
    crossing = energy[~inside], start[~inside], end[~inside]
    cut, _ = _cut(crossing, fractions(edges - crossing[1][:, 2:], (crossing[2] - crossing[1])[:, 2:]))
    return tuple(np.concatenate([a[inside], b]) for a, b in zip(steps, cut, strict=True))  # type: ignore[return-value]


def _in_grid(cells: Grid, steps: Pieces) -> tuple[Pieces, Cells]:
    """Cut steps within a layer at the walls of cells; return the pieces and the index of the step of each."""
    energy, start, end = steps
    whole = cells.stays(start, end)
    crossing = energy[~whole], start[~whole], end[~whole]
    cut, origin = _cut(crossing, cells.crossings(*crossing[1:]))
    pieces = tuple(np.concatenate([a[whole], b]) for a, b in zip(steps, cut, strict=True))
    rows = np.arange(len(energy))
    return pieces, np.concatenate([rows[whole], rows[~whole][origin]])  # type: ignore[return-value]


def _cut(steps: Pieces, at: Floats) -> tuple[Pieces, Cells]:
    """Cut steps at fractions `at` (n, k) of their length; return the pieces and the index of the step of each."""
    energy, start, end = steps
    n = (len(energy), 1)
    marks = np.sort(np.concatenate([np.zeros(n), at, np.ones(n)], axis=1), axis=1)
    row, column = np.nonzero(np.diff(marks, axis=1) > 0)
    low, high, way = marks[row, column, None], marks[row, column + 1, None], (end - start)[row]
    return (energy[row] * (high - low)[:, 0], start[row] + low * way, start[row] + high * way), row
