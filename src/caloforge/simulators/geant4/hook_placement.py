"""Where a calorimeter stands in the world, and where its cells are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from caloforge.detector import CartesianCells, CylindricalCells, Detector
from caloforge.detector.window import window_offsets
from caloforge.errors import InputError
from caloforge.showers import Incidents

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Placement:
    """Front face of a calorimeter in the world: local z points into it, local z = 0 is the face.

    Attributes:
        origin: centre of the face in world coordinates (3,) [mm].
        rotation: (3, 3), its columns are the local x, y, z axes in world coordinates.

    Raises:
        InputError: the rotation is not one.
    """

    origin: Floats = field(default_factory=lambda: np.zeros(3))
    rotation: Floats = field(default_factory=lambda: np.eye(3))

    @classmethod
    def at(cls, origin: ArrayLike = (0, 0, 0), *, theta: float = 0.0, phi: float = 0.0) -> "Placement":
        """Face at `origin` whose inward normal has polar angles theta, phi [rad] in the world."""
        return cls(np.asarray(origin, np.float64), frames_along(np.array([theta]), np.array([phi]))[0])

    def __post_init__(self) -> None:
        proper = np.allclose(self.rotation.T @ self.rotation, np.eye(3), atol=1e-6) and np.linalg.det(self.rotation) > 0
        if self.origin.shape != (3,) or self.rotation.shape != (3, 3) or not proper:
            raise InputError("placement: origin needs 3 numbers, rotation an orthogonal 3 x 3 matrix of determinant +1")

    def local(self, points: Floats) -> Floats:
        """Points (..., 3) from world to local coordinates [mm]."""
        result: Floats = (points - self.origin) @ self.rotation
        return result

    def world(self, points: Floats) -> Floats:
        """Points (..., 3) from local to world coordinates [mm]."""
        result: Floats = points @ self.rotation.T + self.origin
        return result

    def incidents(
        self, ids: list[int], pdg: list[int], energy: list[float], points: Floats, directions: Floats, at_face: Bools
    ) -> Incidents:
        """Incidents in the local frame, from points and unit vectors (N, 3) in the world.

        Raises:
            InputError: a particle that does not fly into the calorimeter.
        """
        rows = zip(points.tolist(), directions.tolist(), at_face.tolist(), strict=True)
        theta, phi, position = zip(*(self.track(*row) for row in rows), strict=True)
        return Incidents(
            np.array(pdg, np.int32),
            np.array(energy),
            np.array(theta),
            np.array(phi),
            np.array(position),
            np.array(ids, np.int64),
        )

    def track(
        self, point: Sequence[float], direction: Sequence[float], at_face: bool
    ) -> tuple[float, float, tuple[float, float, float]]:
        """Angles theta, phi [rad] and position [mm] in the local frame of one particle at a point of the world.

        Where `at_face` the point is moved along the particle's line onto the face.
        """
        axes, (a, b, c) = self._axes, self._origin
        p, q, r = point[0] - a, point[1] - b, point[2] - c
        u, v, w = direction
        x, y, z = (i * p + j * q + k * r for i, j, k in axes)
        u, v, w = (i * u + j * v + k * w for i, j, k in axes)
        back = z / w if at_face else 0.0
        return math.atan2(math.hypot(u, v), w), math.atan2(v, u), (x - back * u, y - back * v, z - back * w)

    @cached_property
    def _axes(self) -> list[list[float]]:
        axes: list[list[float]] = self.rotation.T.tolist()
        return axes

    @cached_property
    def _origin(self) -> list[float]:
        origin: list[float] = self.origin.tolist()
        return origin


def frames_along(theta: Floats, phi: Floats) -> Floats:
    """Axes (N, 3, 3) of the shower frame, in columns: z turned into the direction by the shortest rotation."""
    turn, swing = _about_z(phi), np.zeros((len(theta), 3, 3))
    swing[:, 0, 0] = swing[:, 2, 2] = np.cos(theta)
    swing[:, 0, 2], swing[:, 2, 0], swing[:, 1, 1] = np.sin(theta), -np.sin(theta), 1
    axes: Floats = turn @ swing @ turn.transpose(0, 2, 1)
    return axes


def _about_z(phi: Floats) -> Floats:
    turn = np.zeros((len(phi), 3, 3))
    turn[:, 0, 0] = turn[:, 1, 1] = np.cos(phi)
    turn[:, 1, 0], turn[:, 0, 1], turn[:, 2, 2] = np.sin(phi), -np.sin(phi), 1
    return turn


def locate(detector: Detector, points: Floats) -> NDArray[np.int64]:
    """Cell (N,) of each point (N, 3) of the readout frame [mm]; -1 outside every cell."""
    edges = np.array([0.0, *(layer.z_max for layer in detector.layers)])
    depth = np.searchsorted(edges, points[:, 2], side="right") - 1
    cell = np.full(len(points), -1, np.int64)
    for index, layer in enumerate(detector.layers):
        rows = np.flatnonzero(depth == index)
        if rows.size:
            place = locate_in_layer(layer.cells, points[rows])
            cell[rows] = np.where(place >= 0, layer.start + place, -1)
    return cell


def locate_in_layer(cells: CartesianCells | CylindricalCells, points: Floats) -> NDArray[np.int64]:
    """Cell of one layer (N,), from 0, of each point (N, 2 or 3) of the readout frame [mm]; -1 outside every cell."""
    x, y = points[:, 0], points[:, 1]
    if not isinstance(cells, CartesianCells):
        x, y = np.arctan2(y, x) % (2 * math.pi), np.hypot(x, y)
    first, second = (np.searchsorted(e, v, side="right") - 1 for e, v in zip(cells.edges, (x, y), strict=True))
    n_first, n_second = cells.shape
    inside = (first >= 0) & (first < n_first) & (second >= 0) & (second < n_second)
    return np.where(inside, first * n_second + second, -1)


def window_points(detector: Detector, incidents: Incidents, cell: NDArray[np.int64]) -> Floats:
    """Centres (n, 3) [mm] of readout cells (n,) in the windows of incidents (n)."""
    layer, grid = detector.cell_layer[cell], _Grids.of(detector)
    index = np.stack(np.divmod(cell - grid.start[layer], grid.shown[layer, 1]), -1) + _offsets(
        detector, incidents, layer
    )
    transverse = (index + 0.5 - grid.fixed[layer] / 2) * grid.size[layer]
    return np.column_stack([transverse, detector.cell_centres[cell, 2]])


def window_cells(
    detector: Detector, incidents: Incidents, layer: NDArray[np.int64], points: Floats
) -> NDArray[np.int64]:
    """Readout cells (n,) of points (n, 3) [mm] in given layers, in the windows of incidents (n); -1 outside."""
    grid = _Grids.of(detector)
    index = np.floor(points[:, :2] / grid.size[layer] + grid.fixed[layer] / 2).astype(np.int64)
    index -= _offsets(detector, incidents, layer)
    inside = ((index >= 0) & (index < grid.shown[layer])).all(axis=1)
    return np.where(inside, grid.start[layer] + index[:, 0] * grid.shown[layer, 1] + index[:, 1], -1)


def _offsets(detector: Detector, incidents: Incidents, layer: NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = window_offsets(detector, incidents.theta, incidents.phi, incidents.position)
    return offsets[np.arange(len(layer)), layer]


@dataclass(frozen=True)
class _Grids:
    """First cell (L,), shown and fixed cells (L, 2) and their size (L, 2) [mm] of each layer."""

    start: NDArray[np.int64]
    shown: NDArray[np.int64]
    fixed: NDArray[np.int64]
    size: Floats

    @classmethod
    def of(cls, detector: Detector) -> "_Grids":
        grids = [layer.cells for layer in detector.layers]
        return cls(
            np.array([layer.start for layer in detector.layers]),
            np.array([cells.shape for cells in grids]),
            np.array([cells.fixed_shape for cells in grids]),
            np.array([cells.size for cells in grids if isinstance(cells, CartesianCells)]),
        )
