"""Energy of straight steps shared among the cells of a mesh that they cross, in proportion to their way in each."""

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import CartesianCells, CylindricalCells, Detector
from caloforge.simulators.geant4.hook_placement import locate_in_layer

Floats = NDArray[np.float64]
Cells = NDArray[np.int64]
Pieces = tuple[Floats, Floats, Floats]  # energies (n,) [MeV], both ends (n, 3) [mm]


def share(detector: Detector, energy: Floats, start: Floats, end: Floats) -> tuple[Cells, Floats]:
    """Cells (m,) that steps cross and the energy [MeV] that they leave in each (m,); what lies outside has leaked.

    A cell may come several times.

    Args:
        detector: whose readout frame the steps are given in.
        energy: of each step (n,) [MeV].
        start: of each step (n, 3) [mm].
        end: of each step (n, 3) [mm]; its start where it leaves its energy at a point.
    """
    energy, start, end = _at_planes(detector, (energy, start, end))
    layer = _layer_of(detector, (start[:, 2] + end[:, 2]) / 2)
    cells, energies, first = [], [], 0
    for spec in detector.spec.layer:
        rows = np.flatnonzero((layer >= first) & (layer < first + spec.copies))
        pieces, origin = _in_grid(spec.cells, (energy[rows], start[rows], end[rows]))
        place = locate_in_layer(spec.cells, (pieces[1] + pieces[2]) / 2)
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
    """Cut steps where they pass from layer to layer."""
    energy, start, end = steps
    inside = _layer_of(detector, start[:, 2]) == _layer_of(detector, end[:, 2])
    edges = np.array([0.0, *(layer.z_max for layer in detector.layers)])
    crossing = energy[~inside], start[~inside], end[~inside]
    cut, _ = _cut(crossing, _fraction(edges - crossing[1][:, 2:], (crossing[2] - crossing[1])[:, 2:]))
    return tuple(np.concatenate([a[inside], b]) for a, b in zip(steps, cut, strict=True))  # type: ignore[return-value]


def _in_grid(cells: CartesianCells | CylindricalCells, steps: Pieces) -> tuple[Pieces, Cells]:
    """Cut steps within a layer where they pass from cell to cell; the pieces and the steps they come from."""
    energy, start, end = steps
    whole = _stays(cells, start, end)
    crossing = energy[~whole], start[~whole], end[~whole]
    cut, origin = _cut(crossing, _crossings(cells, *crossing[1:]))
    pieces = tuple(np.concatenate([a[whole], b]) for a, b in zip(steps, cut, strict=True))
    rows = np.arange(len(energy))
    return pieces, np.concatenate([rows[whole], rows[~whole][origin]])  # type: ignore[return-value]


def _stays(cells: CartesianCells | CylindricalCells, start: Floats, end: Floats) -> NDArray[np.bool_]:
    """Whether steps stay in the cell that they begin in (n,).

    Rectangles and sectors are convex; a ring is left inwards, too, where the way comes nearest to the axis.
    """
    here = locate_in_layer(cells, start)
    same = (here == locate_in_layer(cells, end)) & (here >= 0)
    if isinstance(cells, CartesianCells):
        return np.asarray(same)
    way, from_axis = (end - start)[:, :2], start[:, :2]
    square = (way**2).sum(1)
    nearest = np.clip(-(from_axis * way).sum(1) / np.where(square > 0, square, 1.0), 0, 1)
    radius = np.hypot(*(from_axis + nearest[:, None] * way).T)
    return np.asarray(same & (radius >= cells.edges[1][np.maximum(here, 0) % cells.shape[1]]))


def _crossings(cells: CartesianCells | CylindricalCells, start: Floats, end: Floats) -> Floats:
    """Fractions of the way (n, k) where steps may pass from cell to cell."""
    way = end - start
    if isinstance(cells, CartesianCells):
        return np.concatenate(
            [_fraction(cells.edges[axis] - start[:, axis, None], way[:, axis, None]) for axis in (0, 1)], axis=1
        )
    square = (way[:, :2] ** 2).sum(1, keepdims=True)
    middle = (start[:, :2] * way[:, :2]).sum(1, keepdims=True)
    rest = (start[:, :2] ** 2).sum(1, keepdims=True) - cells.edges[1] ** 2
    root = np.sqrt(np.maximum(middle**2 - square * rest, 0.0))
    phi = cells.edges[0][:-1] if cells.n[0] > 1 else np.zeros(0)
    normals = np.stack([np.sin(phi), -np.cos(phi)])
    return np.concatenate(
        [
            _fraction(-middle - root, square),
            _fraction(-middle + root, square),
            _fraction(-start[:, :2] @ normals, way[:, :2] @ normals),
        ],
        axis=1,
    )


def _fraction(distance: Floats, way: Floats) -> Floats:
    """Distances over the way, from 0 to 1; 0 where there is no way."""
    return np.clip(distance / np.where(way != 0, way, np.inf), 0.0, 1.0)


def _cut(steps: Pieces, fractions: Floats) -> tuple[Pieces, Cells]:
    """Cut steps at fractions (n, k) of their way; the pieces and the steps they come from."""
    energy, start, end = steps
    n = (len(energy), 1)
    marks = np.sort(np.concatenate([np.zeros(n), fractions, np.ones(n)], axis=1), axis=1)
    row, column = np.nonzero(np.diff(marks, axis=1) > 0)
    low, high, way = marks[row, column, None], marks[row, column + 1, None], (end - start)[row]
    return (energy[row] * (high - low)[:, 0], start[row] + low * way, start[row] + high * way), row
