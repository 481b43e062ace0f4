"""Readout cells of one layer: a transverse grid, cartesian (x, y) or cylindrical (phi, r); the last axis is fastest."""

import json
import math
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from caloforge.config import Strict
from caloforge.units import Length

Floats = NDArray[np.float64]
Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]
PositiveLength = Annotated[Length, Field(gt=0, le=1e6)]


def _two(value: object, info: ValidationInfo) -> object:
    """Say how two values are written where one was given."""
    if isinstance(value, list | tuple):
        return value
    once, what = json.dumps(value, default=str), "lengths" if isinstance(value, str) else "numbers"
    raise ValueError(f"two {what} are needed, {info.field_name} = [{once}, {once}]")


CountPair = Annotated[tuple[Count, Count], BeforeValidator(_two)]


class _Grid(Strict):
    """Equal by its fields: the cached arrays, which pydantic would compare too, have no single truth value."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Grid) or type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in type(self).model_fields)


class CartesianCells(_Grid):
    """Equal rectangles centred on the axis.

    Attributes:
        n: cells in x and y.
        size: cell size in x and y [mm].
        grid: cells of the fixed, larger grid that a window of `n` cells moves on; `n` where there is no window.
    """

    kind: Literal["cartesian"]
    n: CountPair
    size: Annotated[tuple[PositiveLength, PositiveLength], BeforeValidator(_two)]
    grid: CountPair | None = None

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
    def half_extent(self) -> float:
        """Half width [mm] of the smallest centred square that holds the fixed grid."""
        return max(self.half_widths)

    @property
    def half_widths(self) -> tuple[float, float]:
        """Half widths [mm] of the fixed grid in x and y."""
        nx, ny = self.fixed_shape
        return nx * self.size[0] / 2, ny * self.size[1] / 2

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


class CylindricalCells(_Grid):
    """Rings cut in phi, around the axis; phi starts at 0 and runs to 2 pi.

    Attributes:
        n: cells in phi and r.
        r_max: outer radius [mm] of equal rings; or
        r_edges: n_r + 1 growing edges [mm], the first one 0.
    """

    kind: Literal["cylindrical"]
    n: CountPair
    r_max: PositiveLength | None = None
    r_edges: tuple[Length, ...] | None = None

    @field_validator("r_edges")
    @classmethod
    def _edges_grow(cls, edges: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if edges is not None and (len(edges) < 2 or edges[0] < 0 or np.any(np.diff(edges) <= 0)):
            raise ValueError("r_edges must grow from 0 mm or more")
        return edges

    @model_validator(mode="after")
    def _one_radius(self) -> Self:
        if (self.r_max is None) == (self.r_edges is None):
            raise ValueError("give either r_max or r_edges")
        if self.r_edges is not None and len(self.r_edges) != self.n[1] + 1:
            raise ValueError(f"n_r = {self.n[1]} rings need {self.n[1] + 1} r_edges, {len(self.r_edges)} given")
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Cells along (phi, r)."""
        return self.n

    @property
    def fixed_shape(self) -> tuple[int, int]:
        """Cells along (phi, r)."""
        return self.n

    @property
    def half_extent(self) -> float:
        """Outer radius [mm]."""
        return float(self.edges[1][-1])

    @property
    def half_widths(self) -> tuple[float, float]:
        """Half widths [mm] of the rings in x and y: the outer radius."""
        return self.half_extent, self.half_extent

    @cached_property
    def edges(self) -> tuple[Floats, Floats]:
        """Edges of the cells in phi (n_phi+1,) [rad] and r (n_r+1,) [mm]."""
        phi = 2 * math.pi * np.arange(self.n[0] + 1) / self.n[0]
        if self.r_edges is not None:
            return phi, np.array(self.r_edges)
        return phi, np.linspace(0, self.r_max or 0.0, self.n[1] + 1)

    @cached_property
    def centres(self) -> Floats:
        """Cell centres (n, 2) in x, y [mm]: mid angle and mid radius; the axis where a ring is not cut in phi."""
        phi, r = ((e[1:] + e[:-1]) / 2 for e in self.edges)
        phi, r = np.meshgrid(phi, r if self.n[0] > 1 else 0 * r, indexing="ij")
        return np.stack([r * np.cos(phi), r * np.sin(phi)], -1).reshape(-1, 2)

    @cached_property
    def areas(self) -> Floats:
        """Cell areas (n,) [mm2]."""
        rings = np.diff(self.edges[1] ** 2) * math.pi / self.n[0]
        return np.tile(rings, self.n[0])


Cells = Annotated[CartesianCells | CylindricalCells, Field(discriminator="kind")]
