"""Exact symmetries: cell permutations that leave centred, perpendicular showers statistically unchanged.

They turn inclined showers into showers of another azimuth.
"""

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.cells import Grid, Operation
from caloforge.detector.detector import Detector

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


def symmetries(detector: Detector) -> Indices:
    """Permutations (n_symmetries, n_cells) such that showers[:, p] is as probable as showers; identity first.

    A symmetry is common to all grids, maps the plates onto themselves, and keeps the magnetic field. Detectors whose
    layers have grids of different kinds, or windows that move, have the identity only.
    """
    common = _common(detector)
    if common is None:
        return np.arange(detector.n_cells)[None]
    by_grid = {grid: {operation.key: operation for operation in grid.symmetries()} for grid in _grids(detector)}
    return np.stack([
        np.concatenate([layer.start + by_grid[layer.cells][one.key].permutation() for layer in detector.layers])
        for one in common
    ])  # fmt: skip


def symmetry_matrices(detector: Detector) -> Floats:
    """Action (n_symmetries, 2, 2) of each of the `symmetries` on x and y of a particle's direction."""
    common = _common(detector)
    return np.eye(2)[None] if common is None else np.stack([operation.matrix for operation in common])


def count_symmetries(detector: Detector) -> int:
    """Number of exact symmetries, without their permutations."""
    common = _common(detector)
    return 1 if common is None else len(common)


def _grids(detector: Detector) -> list[Grid]:
    """The different grids of a detector, in depth."""
    return list(dict.fromkeys(spec.cells for spec in detector.spec.layer))


def _common(detector: Detector) -> list[Operation] | None:
    """Operations that all grids, the plates and the field allow; None if grids cannot be compared."""
    first, *others = _grids(detector)
    if not detector.frame.is_symmetric or any(type(grid) is not type(first) for grid in others):
        return None
    keys = [{operation.key for operation in grid.symmetries()} for grid in others]
    return [
        operation
        for operation in first.symmetries()
        if all(operation.key in known for known in keys)
        and _keeps_plates(operation, detector)
        and operation.keeps(detector.field)
    ]


def _keeps_plates(operation: Operation, detector: Detector) -> bool:
    """Whether discs, squares or other rectangles are mapped onto themselves."""
    if detector.is_cylinder:
        return True
    moved = np.abs(operation.matrix)
    x, y = detector.half_widths
    return bool(np.allclose(moved, np.eye(2)) or (x == y and np.allclose(moved, np.eye(2)[::-1])))
