"""Base of all grids of readout cells; cells are numbered along the second axis first."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, ValidationInfo

from caloforge.config import Strict
from caloforge.detector.cells.division import Cut, Face, Rectangle, Slices
from caloforge.units import Length

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]
Point = tuple[float, float]
Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]
PositiveLength = Annotated[Length, Field(gt=0, le=1e6)]
PROFILE_BINS = 24


def pair(value: object, info: ValidationInfo) -> object:
    """Reject one value where two are needed, and say how to write two."""
    if isinstance(value, list | tuple):
        return value
    once, what = json.dumps(value, default=str), "lengths" if isinstance(value, str) else "numbers"
    raise ValueError(f"two {what} are needed, {info.field_name} = [{once}, {once}]")


CountPair = Annotated[tuple[Count, Count], BeforeValidator(pair)]


@dataclass(frozen=True)
class Operation:
    """A symmetry of a grid.

    Attributes:
        key: equal for the same operation on grids of one kind.
        matrix: its action on x and y (2, 2).
        permutation: function that gives the permutation (n,) of the grid's cells.
    """

    key: Hashable
    matrix: Floats
    permutation: Callable[[], Indices]

    def keeps(self, field: tuple[float, float, float]) -> bool:
        """Whether a magnetic field is invariant: rotations rotate it, and mirrors also change its sign."""
        rotated = np.append(self.matrix @ field[:2], field[2]) * np.linalg.det(self.matrix)
        return bool(np.allclose(rotated, field, rtol=0, atol=1e-9))


class Grid(Strict, ABC):
    """Readout cells of one layer; equal by its fields, since cached arrays have no single truth value.

    Attributes:
        kind: the name of the grid in detector files.
        axes: names of the axes that cells are numbered along, the slow one first.
        is_round: whether the grid is a disc or ring rather than a rectangle.
        is_array: whether the cells form an array of `shape`, as convolutions need.
        closes: whether the first axis is periodic.
        slides: whether a window of its cells can move on a larger grid that is fixed in the detector.
    """

    kind: str
    axes: ClassVar[tuple[str, str]]
    is_round: ClassVar[bool] = False
    is_array: ClassVar[bool] = True
    closes: ClassVar[bool] = False
    slides: ClassVar[bool] = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid) or type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in type(self).model_fields)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Cells along both axes."""

    @property
    def fixed_shape(self) -> tuple[int, int]:
        """Cells along both axes of the grid that is fixed in the detector, on which a window may move."""
        return self.shape

    @property
    def is_window(self) -> bool:
        """Whether the cells are a window that moves on a fixed grid of its own."""
        return False

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    @property
    @abstractmethod
    def half_widths(self) -> tuple[float, float]:
        """Half widths [mm] in x and y of the smallest centred rectangle that holds the fixed grid."""

    @property
    def half_extent(self) -> float:
        """Half width [mm] of the smallest centred square that holds the fixed grid."""
        return max(self.half_widths)

    @property
    def half_window(self) -> tuple[float, float]:
        """Half widths [mm] in x and y of the cells that are read out."""
        return self.half_widths

    @property
    @abstractmethod
    def centres(self) -> Floats:
        """Cell centres (n, 2) in x, y [mm]."""

    @property
    @abstractmethod
    def areas(self) -> Floats:
        """Cell areas (n,) [mm2]."""

    @property
    def radii(self) -> Floats:
        """Distance of the cells from the axis (n,) [mm]."""
        return np.asarray(np.hypot(*self.centres.T))

    @property
    def pitch(self) -> tuple[float, float] | None:
        """Size of the cells in x and y [mm]; None unless they are equal rectangles."""
        return None

    @property
    def area_edges(self) -> tuple[Floats, Floats] | None:
        """Edges of the cells along both axes, in units whose product is an area [mm2]; None if rows are staggered."""
        return None

    @abstractmethod
    def points(self, cells: Indices, n: int) -> Floats:
        """Points (len(cells), P, 2) in x, y [mm] for P parts of equal area of some cells; P is about n squared."""

    @abstractmethod
    def locate(self, x: Floats, y: Floats, first: Indices | int = 0) -> Indices:
        """Cell (n,) that holds each point x, y (n,) [mm]; -1 outside.

        Args:
            x: x of the points [mm].
            y: y of the points [mm].
            first: first cells of the window along both axes of the fixed grid, (2,) or one per point (n, 2), for a
                grid that slides.
        """

    @abstractmethod
    def crossings(self, start: Floats, end: Floats) -> Floats:
        """Fractions (n, k) of steps between points (n, 2 or more) [mm] at which they may pass from cell to cell."""

    def stays(self, start: Floats, end: Floats) -> Bools:
        """Whether steps (n,) stay in the cell that they begin in; convex cells only need to hold both ends."""
        here = self.locate(start[:, 0], start[:, 1])
        return np.asarray((here == self.locate(end[:, 0], end[:, 1])) & (here >= 0))

    @abstractmethod
    def corners(self) -> list[list[Point]]:
        """Outlines of the cells in x and y [mm], counter-clockwise; arcs are short chords."""

    @property
    def sectors(self) -> Floats | None:
        """Inner and outer radius [mm], first and last angle [rad] of cells (n, 4) that are parts of rings; or None."""
        return None

    @abstractmethod
    def walls(self) -> list[Floats]:
        """Lines (m, 2) in x and y [mm] that draw the walls of all cells."""

    @abstractmethod
    def symmetries(self) -> list[Operation]:
        """Rotations and mirrors about the axis that map cells onto cells, the identity first."""

    @abstractmethod
    def neighbours(self) -> Indices:
        """Cells that share a wall with each cell (n, k), before and after along each axis; -1 for none."""

    @abstractmethod
    def rim(self) -> Bools:
        """Which cells (n,) are outermost."""

    @property
    @abstractmethod
    def is_divided(self) -> bool:
        """Whether cells distinguish the sides of the axis."""

    def edges_along(self, axis: str) -> Floats:
        """Bin edges for profiles along "x", "y", "r" [mm] or "phi" [rad]: the cells' own if they follow the axis."""
        reach = self.half_extent
        low, high = {"x": (-reach, reach), "y": (-reach, reach), "r": (0, reach), "phi": (0, 2 * np.pi)}[axis]
        return np.linspace(low, high, PROFILE_BINS + 1)

    def labels(self) -> list[str]:
        """Names of the cells: their numbers along both axes."""
        (a, b), (n, m) = self.axes, self.shape
        return [f"{a} {i}, {b} {j}" for i in range(n) for j in range(m)]

    @abstractmethod
    def in_words(self) -> tuple[str, str]:
        """Number of the cells and their size, as text."""

    @property
    def face(self) -> Face:
        """Outline of the fixed grid."""
        return Rectangle(*self.half_widths)

    def cuts(self) -> tuple[Slices, Cut] | None:
        """How `face` is divided into the fixed cells along both axes; None if deposits are located one by one."""
        return None


def fractions(distance: Floats, way: Floats) -> Floats:
    """Distances over the length of a step, clipped to 0 .. 1; 0 if the step has no length."""
    return np.clip(distance / np.where(way != 0, way, np.inf), 0.0, 1.0)


def lattice(n: int) -> Floats:
    """Middles (n * n, 2) of n x n equal parts of the unit square."""
    middles = (np.arange(n) + 0.5) / n
    return np.stack(np.meshgrid(middles, middles, indexing="ij"), -1).reshape(-1, 2)


def adjacent(shape: tuple[int, int]) -> list[Indices]:
    """Cells before and after along both axes of an array, four arrays of its shape; -1 for none."""
    padded = np.pad(np.arange(math.prod(shape)).reshape(shape), 1, constant_values=-1)
    return [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
