"""Exact symmetries: cell permutations that leave centred, perpendicular showers statistically unchanged."""

import itertools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.cells import CartesianCells, CylindricalCells
from caloforge.detector.detector import Detector

Indices = NDArray[np.int64]
Operation = Callable[[Indices], Indices]


def symmetries(detector: Detector) -> Indices:
    """Permutations (n_symmetries, n_cells) such that showers[:, p] is as probable as showers; identity first.

    Rectangular cells: reflections in x and y, and the swap of x and y where plates and layers are square. Rings:
    rotations by multiples of the largest angle that maps every layer onto itself, and reflections. The frame "window"
    has none, since its directions and entry points are not symmetric.
    """
    return np.stack([_permute(detector, operation) for operation in _operations(detector)])


def count_symmetries(detector: Detector) -> int:
    """Number of exact symmetries, without their permutations."""
    return len(_operations(detector))


def _operations(detector: Detector) -> list[Operation]:
    kinds = {layer.cells.kind for layer in detector.layers}
    if detector.readout.frame == "window" or len(kinds) > 1:
        return [lambda grid: grid]
    return _cartesian(detector) if kinds == {"cartesian"} else _cylindrical(detector)


def _permute(detector: Detector, operation: Operation) -> Indices:
    grids = (np.arange(layer.start, layer.stop).reshape(layer.cells.shape) for layer in detector.layers)
    return np.concatenate([operation(grid).ravel() for grid in grids])


def _cartesian(detector: Detector) -> list[Operation]:
    def flip(x: int, y: int, swap: bool) -> Operation:
        return lambda grid: grid[::x, ::y].T if swap else grid[::x, ::y]

    x_width, y_width = detector.half_widths
    square = x_width == y_width and all(_is_square(layer.cells) for layer in detector.layers)
    swaps = (False, True) if square else (False,)
    return [flip(x, y, swap) for swap, x, y in itertools.product(swaps, (1, -1), (1, -1))]


def _is_square(cells: CartesianCells | CylindricalCells) -> bool:
    return isinstance(cells, CartesianCells) and cells.n[0] == cells.n[1] and cells.size[0] == cells.size[1]


def _cylindrical(detector: Detector) -> list[Operation]:
    steps = math.gcd(*(layer.cells.shape[0] for layer in detector.layers))

    def rotate(k: int, mirror: int) -> Operation:
        return lambda grid: np.roll(grid[::mirror], k * len(grid) // steps, axis=0)

    return [rotate(k, mirror) for mirror, k in itertools.product((1, -1), range(steps))]
