"""Base of all readout frames."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from caloforge.detector.detector import Detector

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Lines(Protocol):
    """Straight lines of particles, as `Incidents` are: theta, phi (N,) [rad] and entry points (N, 3) [mm]."""

    @property
    def theta(self) -> Floats:
        """Polar angles (N,) [rad]."""

    @property
    def phi(self) -> Floats:
        """Azimuths (N,) [rad]."""

    @property
    def position(self) -> Floats:
        """Entry points (N, 3) [mm]."""


class Frame(ABC):
    """Where readout cells lie; all points are in the detector's coordinates, whose z = 0 is the front face.

    Attributes:
        follows: whether the cells follow the particle, so that showers may start anywhere and in any direction.
        is_symmetric: whether symmetries of the cells are symmetries of centred, perpendicular showers.
    """

    follows: ClassVar[bool] = False
    is_symmetric: ClassVar[bool] = True

    def __init__(self, detector: "Detector") -> None:
        self._detector = detector

    def check(self, lines: Lines) -> None:
        """Check that all cells of showers along lines lie in the detector.

        Raises:
            InputError: a window leaves its grid.
        """
        self.first_cells(lines)

    def first_cells(self, lines: Lines) -> Indices:
        """First fixed cells along both axes of each layer's window (N, n_layers, 2); 0 if windows do not move."""
        return np.broadcast_to(np.int64(0), (len(lines.theta), len(self._detector.layers), 2))

    @abstractmethod
    def axes(self, lines: Lines) -> tuple[Floats, Floats]:
        """Origins (N, 3) [mm] and axes, in columns (N, 3, 3), of the coordinates of `cell_centres`."""

    @abstractmethod
    def centres(self, lines: Lines, cells: Indices) -> Floats:
        """Centres (n, 3) [mm] of readout cells (n,) of showers along lines (n)."""

    @abstractmethod
    def locate(self, lines: Lines, points: Floats) -> Indices:
        """Readout cells (n,) of points (n, 3) [mm] in the frames of lines (n); -1 outside."""

    def are_same(self, one: Lines, other: Lines) -> Bools:
        """Whether the cells of showers along two lines lie in the same places (N,)."""
        shift = np.abs(one.position - other.position).max(axis=1)
        turn = np.abs(_directions(one) - _directions(other)).max(axis=1)
        return np.asarray((shift < 1e-6) & (turn < 1e-9))


def _directions(lines: Lines) -> Floats:
    slope = np.sin(lines.theta)
    return np.stack([slope * np.cos(lines.phi), slope * np.sin(lines.phi), np.cos(lines.theta)], axis=1)
