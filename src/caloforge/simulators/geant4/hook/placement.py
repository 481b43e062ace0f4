"""Position and orientation of a calorimeter in the world."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from caloforge.detector.frames.mesh import frames_along
from caloforge.errors import InputError
from caloforge.showers import Incidents

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Placement:
    """Front face of a calorimeter in the world; local z points into the calorimeter and is 0 at the face.

    Attributes:
        origin: centre of the face in world coordinates (3,) [mm].
        rotation: rotation matrix (3, 3), whose columns are the local x, y, z axes in world coordinates.

    Raises:
        InputError: the matrix is not a rotation.
    """

    origin: Floats = field(default_factory=lambda: np.zeros(3))
    rotation: Floats = field(default_factory=lambda: np.eye(3))

    @classmethod
    def at(cls, origin: ArrayLike = (0, 0, 0), *, theta: float = 0.0, phi: float = 0.0) -> "Placement":
        """Placement with the face at `origin` and an inward normal of angles theta, phi [rad] in the world."""
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
            InputError: a particle does not fly into the calorimeter.
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

        If `at_face`, the point is moved along the particle's line onto the face.
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
