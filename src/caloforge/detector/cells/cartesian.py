"""Equal rectangles centred on the axis."""

import itertools
import math
from functools import cached_property, partial
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import BeforeValidator, model_validator

from caloforge.detector.cells.base import (
    Bools,
    CountPair,
    Floats,
    Grid,
    Indices,
    Operation,
    Point,
    PositiveLength,
    adjacent,
    fractions,
    lattice,
    pair,
)
from caloforge.detector.cells.division import Rectangle, Slices


class CartesianCells(Grid):
    """Equal rectangles centred on the axis.

    Attributes:
        n: cells in x and y.
        size: cell size in x and y [mm].
        grid: cells of the fixed, larger grid that a window of `n` cells moves on; `n` for cells without a window.
    """

    kind: Literal["cartesian"]
    n: CountPair
    size: Annotated[tuple[PositiveLength, PositiveLength], BeforeValidator(pair)]
    grid: CountPair | None = None
    axes: ClassVar = ("x", "y")
    slides: ClassVar = True

    @model_validator(mode="after")
    def _window_fits(self) -> Self:
        if self.grid and any(g < n or (g - n) % 2 for g, n in zip(self.grid, self.n, strict=True)):
            raise ValueError(f"grid {list(self.grid)} must exceed n {list(self.n)} by even numbers")
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Cells along (x, y)."""
        return self.n

    @property
    def fixed_shape(self) -> tuple[int, int]:
        """Cells along (x, y) of the grid that is fixed in the detector."""
        return self.grid or self.n

    @property
    def is_window(self) -> bool:
        """Whether a fixed grid is given."""
        return self.grid is not None

    @property
    def half_widths(self) -> tuple[float, float]:
        """Half widths [mm] of the fixed grid in x and y."""
        nx, ny = self.fixed_shape
        return nx * self.size[0] / 2, ny * self.size[1] / 2

    @property
    def pitch(self) -> tuple[float, float]:
        """Size of the cells in x and y [mm]."""
        return self.size

    @property
    def half_window(self) -> tuple[float, float]:
        """Half widths [mm] of the cells that are read out."""
        return -float(self.edges[0][0]), -float(self.edges[1][0])

    @cached_property
    def edges(self) -> tuple[Floats, Floats]:
        """Edges [mm] of the cells in x (n_x+1,) and y (n_y+1,)."""
        (nx, ny), (sx, sy) = self.n, self.size
        return sx * (np.arange(nx + 1.0) - nx / 2), sy * (np.arange(ny + 1.0) - ny / 2)

    @cached_property
    def centres(self) -> Floats:
        """Cell centres (n, 2) in x, y [mm]."""
        x, y = ((e[1:] + e[:-1]) / 2 for e in self.edges)
        return np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)

    @cached_property
    def areas(self) -> Floats:
        """Cell areas (n,) [mm2]."""
        return np.full(math.prod(self.n), self.size[0] * self.size[1])

    @property
    def area_edges(self) -> tuple[Floats, Floats]:
        """Edges [mm] in x and y."""
        return self.edges

    def points(self, cells: Indices, n: int) -> Floats:
        """Middles (len(cells), n * n, 2) of n x n equal rectangles of some cells [mm]."""
        return np.asarray(self.centres[cells][:, None] + self.size * (lattice(n) - 0.5))

    def locate(self, x: Floats, y: Floats, first: Indices | int = 0) -> Indices:
        """Cell (n,) of each point x, y (n,) [mm] in the window that starts at the fixed cells `first`; -1 outside."""
        shifts = np.array(self.fixed_shape) / 2 - first
        i, j = (_bins(c / s + shifts[..., k], n) for k, c, s, n in zip((0, 1), (x, y), self.size, self.n, strict=True))
        return np.where((i >= 0) & (j >= 0), i * self.n[1] + j, -1)

    def crossings(self, start: Floats, end: Floats) -> Floats:
        """Fractions of the way (n, k) at which steps meet the edges."""
        way = end - start
        parts = [fractions(self.edges[axis] - start[:, axis, None], way[:, axis, None]) for axis in (0, 1)]
        return np.concatenate(parts, axis=1)

    def corners(self) -> list[list[Point]]:
        """Outlines of the cells in x and y [mm]."""
        x, y = (edges.tolist() for edges in self.edges)
        return [[(a, c), (b, c), (b, d), (a, d)] for a, b in itertools.pairwise(x) for c, d in itertools.pairwise(y)]

    def walls(self) -> list[Floats]:
        """Straight lines through all cells."""
        x, y = self.edges
        return [np.array([(v, y[0]), (v, y[-1])]) for v in x] + [np.array([(x[0], v), (x[-1], v)]) for v in y]

    def symmetries(self) -> list[Operation]:
        """Reflections in x and y, and the swap of x and y if the grid is square."""
        square = self.n[0] == self.n[1] and self.size[0] == self.size[1]
        swaps = (False, True) if square else (False,)
        return [self._flip(x, y, swap) for swap, x, y in itertools.product(swaps, (1, -1), (1, -1))]

    def _flip(self, x: int, y: int, swap: bool) -> Operation:
        signs = np.diag([float(x), float(y)])
        return Operation((x, y, swap), signs[::-1] if swap else signs, partial(self._permute, x, y, swap))

    def _permute(self, x: int, y: int, swap: bool) -> Indices:
        flipped = np.arange(self.n_cells).reshape(self.n)[::x, ::y]
        return (flipped.T if swap else flipped).ravel()

    def neighbours(self) -> Indices:
        """Cells before and after in x, before and after in y (n, 4); -1 for none."""
        return np.stack([column.ravel() for column in adjacent(self.n)], axis=1)

    def rim(self) -> Bools:
        """Which cells (n,) lie at the sides."""
        rim = np.zeros(self.n, np.bool_)
        rim[[0, -1], :] = rim[:, [0, -1]] = True
        return rim.ravel()

    @property
    def is_divided(self) -> bool:
        """Whether there is more than one cell."""
        return self.n_cells > 1

    def edges_along(self, axis: str) -> Floats:
        """Bin edges for profiles: the cells' own in x and y."""
        return self.edges[self.axes.index(axis)] if axis in self.axes else super().edges_along(axis)

    def in_words(self) -> tuple[str, str]:
        """Number of the cells and their size, as text."""
        window = f" of {self.grid[0]} x {self.grid[1]}" if self.grid else ""
        return f"{self.n[0]} x {self.n[1]} (x, y){window}", f"{self.size[0]:g} x {self.size[1]:g} mm2"

    def cuts(self) -> tuple[Slices, Slices]:
        """Columns along x, then cells along y."""
        (n, m), (width, height), half = self.fixed_shape, self.size, self.half_widths[1]
        return (
            Slices("x", n, width, Rectangle(width / 2, half)),
            Slices("y", m, height, Rectangle(width / 2, height / 2)),
        )


def _bins(position: Floats, n: int) -> Indices:
    inside = (position >= 0) & (position < n)
    return np.where(inside, position, -1.0).astype(np.int64)
