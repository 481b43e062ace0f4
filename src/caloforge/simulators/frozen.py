"""Frozen showers: a library of fully simulated showers; a near one is rescaled to the incident energy.

Source: E. Barberio et al., "Fast shower simulation in the ATLAS calorimeter", J. Phys. Conf. Ser. 119 (2008) 032008.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import caloforge
from caloforge import seeds
from caloforge.detector import Detector, symmetries
from caloforge.errors import InputError
from caloforge.particles import particle_name
from caloforge.showers import Incidents, Showers, read
from caloforge.showers.domain import Domain
from caloforge.simulators.base import Simulator
from caloforge.units import show_energy

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

NEIGHBOURS = 10
ENERGY_MARGIN = 0.1  # share of the library's lowest and highest energy
DIRECTION_MARGIN = 1e-3  # in components of a unit vector
GAP = 20.0  # mean distances between neighbouring directions; a range that they are drawn from hardly ever goes further
WIDEST_GAP = 0.05  # of the width of the range
POSITION_MARGIN = 0.1  # mm
CENTRED = 0.02  # mm; the default spread of entry points is 0.01 mm
ENERGY_SCALE, ANGLE_SCALE, POSITION_SCALE = 0.05, 0.02, 2.0  # units of distance: relative, rad, mm
CHUNK = 4_000_000  # distances in memory at once


class FrozenShowers(Simulator):
    """Simulator that returns one of the library showers nearest to the incident.

    The distance is sqrt((d ln E / 5 %)^2 + (angle / 20 mrad)^2 + (entry point / 2 mm)^2); its last term is left out if
    cells follow the particle. One of the ten nearest showers is drawn from the shower's own random stream and scaled to
    the incident energy. If incident and library shower are centred and perpendicular, a random symmetry of the detector
    is applied.

    Raises:
        InputError: the file is not a valid file of showers of the detector, or is empty.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        self._library = read(path, detector)
        if not len(self._library):
            raise InputError(f"{path} holds no showers")
        self._path = path
        self.detector = self._library.detector
        self.name = f"frozen-{path.stem}"
        codes = np.unique(self._library.incidents.pdg).tolist()
        self.particles = None if 0 in codes else tuple(codes)
        self._ranges: dict[int, _Range] = {}
        self._fixed = not self.detector.frame.follows
        self._symmetries = symmetries(self.detector)
        self._library_axes = self._axes(self._library.incidents)
        x, y, _ = Domain.of_showers(self._library).position
        self._face = tuple(np.array([x, y]).T)

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Library showers, rescaled and perhaps reflected or rotated.

        Raises:
            InputError: a particle, energy, direction or entry point is outside the library's range.
        """
        seeds.check_seed(seed)
        self.check(incidents)
        rows, operations = np.zeros((2, len(incidents)), np.int64)
        for pdg in np.unique(incidents.pdg):
            selected = np.flatnonzero(incidents.pdg == pdg)
            rows[selected], operations[selected] = self._choose(int(pdg), incidents[selected], seed)
        cells = self._symmetries[operations]
        scale = incidents.energy / self._library.incidents.energy[rows]
        energies = self._library.energies[rows[:, None], cells] * scale[:, None].astype(np.float32)
        return Showers(self.detector, incidents, energies, self.provenance() | {"seed": seed})

    def check(self, incidents: Incidents) -> None:
        """Check that the library holds showers near all incidents.

        Raises:
            InputError: a particle, energy, direction or entry point is outside the library's range.
        """
        for pdg in np.unique(incidents.pdg):
            self._check_range(incidents[incidents.pdg == pdg], self._range(int(pdg)))

    def accepts(self, incidents: Incidents) -> NDArray[np.bool_]:
        """Mask (N,) of the incidents for which the library holds near showers."""
        return np.array([_passes(self.check, incidents[row : row + 1]) for row in range(len(incidents))], bool)

    def _candidates(self, pdg: int) -> Indices:
        """Library rows of one particle.

        Raises:
            InputError: the library has no such showers.
        """
        stored = self._library.incidents
        found = np.flatnonzero((stored.pdg == pdg) | (stored.pdg == 0))
        if not found.size:
            raise InputError(
                f"{self._path} holds showers of {', '.join(stored.particles)}, not of {particle_name(pdg)}"
            )
        return found

    def _choose(self, pdg: int, incidents: Incidents, seed: int) -> tuple[Indices, Indices]:
        """Library row and symmetry of each incident of one particle."""
        stored, candidates = self._library.incidents, self._candidates(pdg)
        near = candidates[self._nearest(incidents, candidates)]
        draws = np.array([seeds.generator(seed, int(i), "frozen").random(2) for i in incidents.shower_id])
        rows = near[np.arange(len(near)), (draws[:, 0] * near.shape[1]).astype(np.int64)]
        symmetric = self._central(incidents) & self._central(stored[rows])
        return rows, np.where(symmetric, (draws[:, 1] * len(self._symmetries)).astype(np.int64), 0)

    def _range(self, pdg: int) -> "_Range":
        if pdg not in self._ranges:
            self._ranges[pdg] = _Range.of(self._library.incidents[self._candidates(pdg)])
        return self._ranges[pdg]

    def _check_range(self, incidents: Incidents, held: "_Range") -> None:
        low, high = held.energy[0] / (1 + ENERGY_MARGIN), held.energy[1] * (1 + ENERGY_MARGIN)
        outside = incidents.energy[(incidents.energy < low) | (incidents.energy > high)]
        if outside.size:
            raise InputError(f"{self._path} holds energies {show_energy(held.energy[0])} to "
                             f"{show_energy(held.energy[1])}; {show_energy(outside[0])} is too far")  # fmt: skip
        if _leaves(incidents.direction, held.direction, held.margin):
            raise InputError(f"{self._path} holds theta {held.theta[0]:.4g} to {held.theta[1]:.4g} rad; "
                             "directions of the incidents are outside its range")  # fmt: skip
        if self._fixed and _leaves(incidents.position[:, :2], self._face, POSITION_MARGIN):
            raise InputError(f"{self._path} holds no showers with the entry points of the incidents")

    def _nearest(self, incidents: Incidents, candidates: Indices) -> Indices:
        """The nearest of the candidates to each incident (N, neighbours), as sorted indices into the candidates."""
        library, points = self._library_axes[candidates], self._axes(incidents)
        count = min(NEIGHBOURS, len(candidates))
        near = np.empty((len(points), count), np.int64)
        step = max(CHUNK // len(candidates), 1)
        for start in range(0, len(points), step):
            distances = sum(np.subtract.outer(points[start : start + step, a], library[:, a]) ** 2 for a in range(6))
            near[start : start + step] = np.sort(np.argpartition(distances, count - 1, axis=1)[:, :count], axis=1)
        return near

    def _axes(self, incidents: Incidents) -> Floats:
        """Coordinates (N, 6) in which distance is Euclidean: ln E, direction, entry point."""
        position = incidents.position[:, :2] * self._fixed
        return np.column_stack([
            np.log(incidents.energy) / ENERGY_SCALE, incidents.direction / ANGLE_SCALE, position / POSITION_SCALE,
        ])  # fmt: skip

    def _central(self, incidents: Incidents) -> NDArray[np.bool_]:
        """Whether each incident is perpendicular and, if cells are fixed, centred."""
        centred = (np.abs(incidents.position[:, :2]) <= CENTRED).all(axis=1)
        central: NDArray[np.bool_] = (incidents.theta == 0) & (centred | (not self._fixed))
        return central

    def provenance(self) -> dict[str, Any]:
        """File, size and provenance of the library."""
        return {
            "simulator": "frozen",
            "versions": {"caloforge": caloforge.__version__, "numpy": np.__version__},
            "library": {"file": self._path.name, "n": len(self._library), "provenance": self._library.provenance},
        }

    def close(self) -> None:
        """Do nothing, since there is nothing to release."""


@dataclass(frozen=True)
class _Range:
    """Lowest and highest energy [MeV], theta [rad] and direction (3,) of library showers, and margins of the last."""

    energy: tuple[float, float]
    theta: tuple[float, float]
    direction: tuple[Floats, Floats]
    margin: Floats

    @classmethod
    def of(cls, stored: Incidents) -> "_Range":
        energy, theta = ((float(v.min()), float(v.max())) for v in (stored.energy, stored.theta))
        low, high = stored.direction.min(0), stored.direction.max(0)
        margin = np.maximum(DIRECTION_MARGIN, (high - low) * min(GAP / len(stored), WIDEST_GAP))
        return cls(energy, theta, (low, high), margin)


def _passes(check: Callable[[Incidents], None], incidents: Incidents) -> bool:
    try:
        check(incidents)
    except InputError:
        return False
    return True


def _leaves(values: Floats, ends: Sequence[Floats], margin: float | Floats) -> bool:
    """Whether a coordinate (N, n) is outside its range, whose lower and upper ends (n,) are given."""
    low, high = ends
    return bool(((values < low - margin) | (values > high + margin)).any())
