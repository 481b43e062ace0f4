"""Hexagonal pads in staggered rows."""

import math
from functools import cached_property, partial
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from caloforge.detector.cells.base import (
    Bools,
    Floats,
    Grid,
    Indices,
    Operation,
    Point,
    PositiveLength,
    fractions,
    lattice,
)

STEEP = math.sqrt(3) / 2  # distance of rows over that of pads
ROUNDING = 1e-9  # of a pad, so that a width of a whole number of pads holds them
WALLS = (0.0, math.pi / 3, 2 * math.pi / 3)  # directions of the walls' normals [rad]
MOST = 10_000  # rows, and pads of a row


class HexagonalCells(Grid):
    """Regular hexagons in staggered rows along x, one centred on the axis; all hexagons wholly within a square.

    Attributes:
        size: distance of opposite walls [mm], the distance of neighbouring centres.
        width: side of the square [mm].
    """

    kind: Literal["hexagonal"]
    size: PositiveLength
    width: PositiveLength
    axes: ClassVar = ("row", "pad")
    is_array: ClassVar = False

    @model_validator(mode="after")
    def _holds_pads(self) -> Self:
        if self.width < 2 * self.radius * (1 - ROUNDING):
            raise ValueError(f"width must hold one pad, {2 * self.radius:.6g} mm or more for this size")
        if self.width > MOST * STEEP * self.size:
            raise ValueError(f"width may hold {MOST} rows of pads, {MOST * STEEP * self.size:.6g} mm for this size")
        return self

    @property
    def radius(self) -> float:
        """Distance of the corners of a pad from its centre [mm]."""
        return self.size / math.sqrt(3)

    @property
    def _last_row(self) -> int:
        """Rows above the middle one."""
        return math.floor((self.width / 2 - self.radius) / (STEEP * self.size) + ROUNDING)

    @property
    def _row_sizes(self) -> Indices:
        """Pads of each row (n_rows,): odd in rows with a pad at x = 0, even in the rows between."""
        half = self.width / self.size / 2 + ROUNDING
        odd, even = 2 * math.floor(half - 0.5) + 1, 2 * math.floor(half)
        rows = np.arange(-self._last_row, self._last_row + 1)
        return np.where(rows % 2 == 0, odd, even)

    @cached_property
    def _row_starts(self) -> Indices:
        """First pad of each row, and the number of pads (n_rows + 1,)."""
        return np.concatenate([[0], np.cumsum(self._row_sizes)])

    @cached_property
    def _row_of(self) -> Indices:
        """Row of each pad (n,), from 0."""
        return np.repeat(np.arange(len(self._row_sizes)), self._row_sizes)

    @property
    def shape(self) -> tuple[int, int]:
        """All pads along one axis, since rows differ in length."""
        return int(self._row_sizes.sum()), 1

    @cached_property
    def half_widths(self) -> tuple[float, float]:
        """Half widths [mm] in x and y of all pads."""
        return float(self._row_sizes.max()) * self.size / 2, self._last_row * STEEP * self.size + self.radius

    @cached_property
    def centres(self) -> Floats:
        """Cell centres (n, 2) in x, y [mm]."""
        row = self._row_of
        x = np.arange(len(row)) - self._row_starts[row] - (self._row_sizes[row] - 1) / 2
        return np.column_stack([self.size * x, STEEP * self.size * (row - self._last_row)])

    @cached_property
    def areas(self) -> Floats:
        """Cell areas (n,) [mm2]."""
        return np.full(self.n_cells, STEEP * self.size**2)

    def points(self, cells: Indices, n: int) -> Floats:
        """Points (len(cells), P, 2) of equal parts of the three rhombi between the centre and every second corner."""
        one, two = self._outline[::2], np.roll(self._outline[::2], -1, axis=0)
        parts = lattice(math.ceil(n / math.sqrt(3)))
        around = parts @ np.stack([one, two], axis=1)
        return np.asarray(self.centres[cells][:, None] + around.reshape(-1, 2))

    def locate(self, x: Floats, y: Floats, first: Indices | int = 0) -> Indices:  # noqa: ARG002
        """Cell (n,) of each point x, y (n,) [mm], that of the nearest centre; -1 outside."""
        below = np.floor(y / (STEEP * self.size)).astype(np.int64) + self._last_row
        pads = [self._nearest(below + step, x, y) for step in (0, 1)]
        return np.where(pads[0][1] <= pads[1][1], pads[0][0], pads[1][0])

    def _nearest(self, row: Indices, x: Floats, y: Floats) -> tuple[Indices, Floats]:
        """Nearest pad of given rows (n,), -1 beyond their ends, and the square of its distance [pads]."""
        staggered = (row - self._last_row) % 2 / 2
        column = np.floor(x / self.size - staggered + 0.5)
        distance = (x / self.size - staggered - column) ** 2 + (y / self.size - STEEP * (row - self._last_row)) ** 2
        known = np.clip(row, 0, len(self._row_sizes) - 1)
        place = column.astype(np.int64) + self._row_sizes[known] // 2
        inside = (row == known) & (place >= 0) & (place < self._row_sizes[known])
        return np.where(inside, self._row_starts[known] + place, -1), distance

    def crossings(self, start: Floats, end: Floats) -> Floats:
        """Fractions (n, k) of steps at which they meet the lines of the walls, half a pad apart."""
        reach = math.ceil(2 * math.hypot(*self.half_widths) / self.size)
        walls = np.arange(-reach, reach + 1) * self.size / 2
        normals = np.array([(math.cos(angle), math.sin(angle)) for angle in WALLS]).T
        distance = walls - (start[:, :2] @ normals)[..., None]
        way = ((end - start)[:, :2] @ normals)[..., None]
        return fractions(distance, way).reshape(len(start), len(WALLS) * len(walls))

    @cached_property
    def _outline(self) -> Floats:
        """Corners of a pad around its centre (6, 2) [mm]."""
        angles = np.pi / 6 + np.pi / 3 * np.arange(6)
        return self.radius * np.column_stack([np.cos(angles), np.sin(angles)])

    def corners(self) -> list[list[Point]]:
        """Outlines of the cells in x and y [mm]."""
        outlines: list[list[list[float]]] = (self.centres[:, None] + self._outline).tolist()
        return [[(x, y) for x, y in outline] for outline in outlines]

    def walls(self) -> list[Floats]:
        """The outline of each pad."""
        closed = np.concatenate([self._outline, self._outline[:1]])
        return list(self.centres[:, None] + closed)

    def symmetries(self) -> list[Operation]:
        """Reflections in x and y: turns by 60 degrees do not keep the square."""
        return [Operation((x, y), np.diag([float(x), float(y)]), partial(self._flip, x, y))
                for x, y in ((1, 1), (1, -1), (-1, 1), (-1, -1))]  # fmt: skip

    def _flip(self, x: int, y: int) -> Indices:
        return self.locate(x * self.centres[:, 0], y * self.centres[:, 1])

    def neighbours(self) -> Indices:
        """Cells before and after along three directions (n, 6): up to the right, along the row, up to the left."""
        steps = [(math.cos(angle), math.sin(angle)) for angle in (math.pi / 3, 0.0, 2 * math.pi / 3)]
        x, y = self.centres.T
        return np.stack([self.locate(x + sign * self.size * dx, y + sign * self.size * dy)
                         for dx, dy in steps for sign in (-1, 1)], axis=1)  # fmt: skip

    def rim(self) -> Bools:
        """Which cells (n,) have fewer than six neighbours."""
        return np.asarray((self.neighbours() < 0).any(axis=1))

    @property
    def is_divided(self) -> bool:
        """Whether there is more than one pad."""
        return self.n_cells > 1

    def labels(self) -> list[str]:
        """Names of the cells: row and place in it."""
        places = np.arange(self.n_cells) - self._row_starts[self._row_of]
        return [f"row {row}, pad {place}" for row, place in zip(self._row_of, places, strict=True)]

    def in_words(self) -> tuple[str, str]:
        """Number of the cells and their size, as text."""
        return f"{self.n_cells} pads in {len(self._row_sizes)} rows", f"{self.size:g} mm between opposite walls"
