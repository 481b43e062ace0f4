"""Exact symmetries: cell permutations that leave centred, perpendicular showers statistically unchanged."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.cells import CartesianCells, CylindricalCells
from caloforge.detector.detector import Detector

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Operation:
    """A symmetry of a grid.

    Attributes:
        permute: the grid's indices after it.
        matrix: what it does to x and y (2, 2).
    """

    permute: Callable[[Indices], Indices]
    matrix: NDArray[np.float64]

    def keeps(self, field: tuple[float, float, float]) -> bool:
        """Whether a magnetic field stays as it is: it turns with space, and mirrors change its sign."""
        turned = np.append(self.matrix @ field[:2], field[2]) * np.linalg.det(self.matrix)
        return bool(np.allclose(turned, field, rtol=0, atol=1e-9))


def symmetries(detector: Detector) -> Indices:
    """Permutations (n_symmetries, n_cells) such that showers[:, p] is as probable as showers; identity first.

    Rectangular cells: reflections in x and y, and the swap of x and y where every layer is square. Rings: rotations
    by multiples of the largest angle that maps every layer onto itself, and reflections. Those that a magnetic field
    breaks are left out. The frame "window" has none, since its directions and entry points are not symmetric.
    """
    return np.stack([_permute(detector, operation) for operation in _operations(detector)])


def count_symmetries(detector: Detector) -> int:
    """Number of exact symmetries, without their permutations."""
    return len(_operations(detector))


def _operations(detector: Detector) -> list[Operation]:
    kinds = {layer.cells.kind for layer in detector.layers}
    if detector.readout.frame == "window" or len(kinds) > 1:
        return [Operation(lambda grid: grid, np.eye(2))]
    found = _cartesian(detector) if kinds == {"cartesian"} else _cylindrical(detector)
    return [operation for operation in found if operation.keeps(detector.field)]


def _permute(detector: Detector, operation: Operation) -> Indices:
    grids = (np.arange(layer.start, layer.stop).reshape(layer.cells.shape) for layer in detector.layers)
    return np.concatenate([operation.permute(grid).ravel() for grid in grids])


def _cartesian(detector: Detector) -> list[Operation]:
    def flip(x: int, y: int, swap: bool) -> Operation:
        signs = np.diag([float(x), float(y)])
        return Operation(lambda grid: grid[::x, ::y].T if swap else grid[::x, ::y], signs[::-1] if swap else signs)

    x_width, y_width = detector.half_widths
    square = x_width == y_width and all(_is_square(layer.cells) for layer in detector.layers)
    swaps = (False, True) if square else (False,)
    return [flip(x, y, swap) for swap, x, y in itertools.product(swaps, (1, -1), (1, -1))]


def _is_square(cells: CartesianCells | CylindricalCells) -> bool:
    return isinstance(cells, CartesianCells) and cells.n[0] == cells.n[1] and cells.size[0] == cells.size[1]


def _cylindrical(detector: Detector) -> list[Operation]:
    steps = math.gcd(*(layer.cells.shape[0] for layer in detector.layers))

    def rotate(k: int, mirror: int) -> Operation:
        c, s = math.cos(2 * math.pi * k / steps), math.sin(2 * math.pi * k / steps)
        matrix = np.array([[c, -s], [s, c]]) @ np.diag([1.0, mirror])
        return Operation(lambda grid: np.roll(grid[::mirror], k * len(grid) // steps, axis=0), matrix)

    return [rotate(k, mirror) for mirror, k in itertools.product((1, -1), range(steps))]
