"""Rings cut in phi, around the axis."""

import itertools
import math
from fractions import Fraction
from functools import cached_property, partial
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import field_validator, model_validator

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
)
from caloforge.detector.cells.division import FULL_CIRCLE, Ring, Rings, Slices
from caloforge.units import Length

CHORD = 0.2  # rad: arcs are drawn as chords of about this angle


class CylindricalCells(Grid):
    """Rings cut in phi, around the axis; phi starts at 0 and runs to 2 pi.

    Attributes:
        n: cells in phi and r.
        r_max: outer radius [mm] of equal rings; or
        r_edges: n_r + 1 strictly increasing edges [mm], the first one 0 or more.
    """

    kind: Literal["cylindrical"]
    n: CountPair
    r_max: PositiveLength | None = None
    r_edges: tuple[Length, ...] | None = None
    axes: ClassVar = ("phi", "r")
    is_round: ClassVar = True
    closes: ClassVar = True

    @field_validator("r_edges")
    @classmethod
    def _edges_grow(cls, edges: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if edges is not None and (len(edges) < 2 or edges[0] < 0 or np.any(np.diff(edges) <= 0)):
            raise ValueError("r_edges must be strictly increasing from 0 mm or more")
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
    def half_widths(self) -> tuple[float, float]:
        """Half widths [mm] of the rings in x and y: the outer radius."""
        radius = float(self.edges[1][-1])
        return radius, radius

    @cached_property
    def edges(self) -> tuple[Floats, Floats]:
        """Edges of the cells in phi (n_phi+1,) [rad] and r (n_r+1,) [mm]."""
        phi = 2 * math.pi * np.arange(self.n[0] + 1) / self.n[0]
        if self.r_edges is not None:
            return phi, np.array(self.r_edges)
        return phi, np.linspace(0, self.r_max or 0.0, self.n[1] + 1)

    @cached_property
    def centres(self) -> Floats:
        """Cell centres (n, 2) in x, y [mm]: middle angle and radius; the axis, if a ring is not cut in phi."""
        phi, r = ((e[1:] + e[:-1]) / 2 for e in self.edges)
        phi, r = np.meshgrid(phi, r if self.n[0] > 1 else 0 * r, indexing="ij")
        return np.stack([r * np.cos(phi), r * np.sin(phi)], -1).reshape(-1, 2)

    @cached_property
    def areas(self) -> Floats:
        """Cell areas (n,) [mm2]."""
        rings = np.diff(self.edges[1] ** 2) * math.pi / self.n[0]
        return np.tile(rings, self.n[0])

    @property
    def radii(self) -> Floats:
        """Middle of each cell's ring (n,) [mm]."""
        edges = self.edges[1]
        return np.asarray(np.tile((edges[1:] + edges[:-1]) / 2, self.n[0]))

    @property
    def area_edges(self) -> tuple[Floats, Floats]:
        """Edges in phi [rad], and halves of the squares of those in r [mm2]."""
        phi, radius = self.edges
        return phi, radius**2 / 2

    def points(self, cells: Indices, n: int) -> Floats:
        """Points (len(cells), n * n, 2) of n x n parts of equal area, in phi and r, of some cells [mm]."""
        inner, outer, begin, end = self.sectors[cells, :, None].swapaxes(0, 1)
        turn, share = lattice(n).T
        phi, radius = begin + (end - begin) * turn, np.sqrt(inner**2 + (outer**2 - inner**2) * share)
        return np.stack([radius * np.cos(phi), radius * np.sin(phi)], axis=-1)

    def locate(self, x: Floats, y: Floats, first: Indices | int = 0) -> Indices:  # noqa: ARG002
        """Cell (n,) of each point x, y (n,) [mm]; -1 outside."""
        (n, m), radius = self.n, np.hypot(x, y)
        phi = np.floor(np.arctan2(y, x) * (n / (2 * math.pi))).astype(np.int64) % n
        ring = np.searchsorted(self.edges[1], radius, side="right") - 1
        return np.where((ring >= 0) & (ring < m), phi * m + ring, -1)

    def stays(self, start: Floats, end: Floats) -> Bools:
        """Whether steps (n,) stay in their cell; they may also leave a ring inwards, nearest to the axis."""
        same, here = super().stays(start, end), self.locate(start[:, 0], start[:, 1])
        way, from_axis = (end - start)[:, :2], start[:, :2]
        square = (way**2).sum(1)
        nearest = np.clip(-(from_axis * way).sum(1) / np.where(square > 0, square, 1.0), 0, 1)
        radius = np.hypot(*(from_axis + nearest[:, None] * way).T)
        return np.asarray(same & (radius >= self.edges[1][np.maximum(here, 0) % self.n[1]]))

    def crossings(self, start: Floats, end: Floats) -> Floats:
        """Fractions of the way (n, k) at which steps meet circles and planes of constant phi."""
        way = end - start
        square = (way[:, :2] ** 2).sum(1, keepdims=True)
        middle = (start[:, :2] * way[:, :2]).sum(1, keepdims=True)
        rest = (start[:, :2] ** 2).sum(1, keepdims=True) - self.edges[1] ** 2
        root = np.sqrt(np.maximum(middle**2 - square * rest, 0.0))
        phi = self.edges[0][:-1] if self.n[0] > 1 else np.zeros(0)
        normals = np.stack([np.sin(phi), -np.cos(phi)])
        planes = fractions(-start[:, :2] @ normals, way[:, :2] @ normals)
        return np.concatenate([fractions(-middle - root, square), fractions(-middle + root, square), planes], axis=1)

    def corners(self) -> list[list[Point]]:
        """Outlines of the cells in x and y [mm]; arcs as short chords."""
        outlines = []
        for a, b in itertools.pairwise(self.edges[0]):
            phi = np.linspace(a, b, max(2, round((b - a) / CHORD)))
            for c, d in itertools.pairwise(self.edges[1]):
                outlines.append([(r * np.cos(p), r * np.sin(p)) for r, ps in ((d, phi), (c, phi[::-1])) for p in ps])
        return [[(float(x), float(y)) for x, y in outline] for outline in outlines]

    @property
    def sectors(self) -> Floats:
        """Inner and outer radius [mm], first and last angle [rad] of the cells (n, 4)."""
        (phi, r), (n, m) = self.edges, self.n
        rings, angles = np.column_stack([r[:-1], r[1:]]), np.column_stack([phi[:-1], phi[1:]])
        return np.hstack([np.tile(rings, (n, 1)), np.repeat(angles, m, axis=0)])

    def walls(self) -> list[Floats]:
        """Circles, and lines between the innermost and the outermost."""
        phi, r = self.edges
        turn = np.linspace(0, 2 * np.pi, 181)
        circles = [np.column_stack([v * np.cos(turn), v * np.sin(turn)]) for v in r]
        spokes = phi[:-1] if self.n[0] > 1 else phi[:0]
        ends = r[[0, -1]]
        return circles + [np.column_stack([ends * np.cos(v), ends * np.sin(v)]) for v in spokes]

    def symmetries(self) -> list[Operation]:
        """Rotations by the angle of a cell, and reflections."""
        return [self._rotation(k, mirror) for mirror, k in itertools.product((1, -1), range(self.n[0]))]

    def _rotation(self, k: int, mirror: int) -> Operation:
        c, s = math.cos(2 * math.pi * k / self.n[0]), math.sin(2 * math.pi * k / self.n[0])
        matrix = np.array([[c, -s], [s, c]]) @ np.diag([1.0, mirror])
        return Operation((Fraction(k, self.n[0]), mirror), matrix, partial(self._permute, k, mirror))

    def _permute(self, k: int, mirror: int) -> Indices:
        return np.roll(np.arange(self.n_cells).reshape(self.n)[::mirror], k, axis=0).ravel()

    def neighbours(self) -> Indices:
        """Cells before and after in phi, before and after in r (n, 4); -1 for none.

        Rings are periodic. In a ring of two cells, each has the other as neighbour once; an uncut ring has none.
        """
        columns, index = adjacent(self.n), np.arange(self.n_cells).reshape(self.n)
        if self.n[0] > 1:
            columns[1] = np.roll(index, -1, axis=0)
            columns[0] = np.roll(index, 1, axis=0) if self.n[0] > 2 else np.full_like(index, -1)
        return np.stack([column.ravel() for column in columns], axis=1)

    def rim(self) -> Bools:
        """Which cells (n,) are in the outermost ring."""
        return np.asarray(self.radii == self.radii.max())

    @property
    def is_divided(self) -> bool:
        """Whether rings are cut in phi."""
        return self.n[0] > 1

    def edges_along(self, axis: str) -> Floats:
        """Bin edges for profiles: the cells' own in phi and r."""
        return self.edges[self.axes.index(axis)] if axis in self.axes else super().edges_along(axis)

    def in_words(self) -> tuple[str, str]:
        """Number of the cells and their size, as text."""
        (slow, fast), edges = self.n, self.edges[1]
        rings = f"{edges[1] - edges[0]:g} mm" if self.r_edges is None else f"rings up to {edges[-1]:g} mm"
        return f"{slow} x {fast} (phi, r)", f"{360 / slow:g} deg, {rings}"

    @property
    def face(self) -> Ring:
        """From the innermost to the outermost radius."""
        edges = self.edges[1]
        return Ring(float(edges[0]), float(edges[-1]))

    def cuts(self) -> tuple[Slices, Rings]:
        """Sectors in phi, then rings."""
        edges, angle = self.edges[1].tolist(), FULL_CIRCLE / self.n[0]
        return Slices("phi", self.n[0], angle, Ring(edges[0], edges[-1], angle)), Rings(tuple(edges))
