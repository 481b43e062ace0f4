"""Domain of a model: particles and ranges of its training incidents, and the inputs that vary among them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from caloforge.config import Strict
from caloforge.errors import InputError
from caloforge.particles import particle_name
from caloforge.showers.incidents import Incidents
from caloforge.showers.lineage import drawn_ranges
from caloforge.showers.stored import AnyShowers
from caloforge.units import show_energy

Range = tuple[float, float]
Inputs = dict[str, NDArray[np.generic]]

ENERGY_TOLERANCE = 1e-6
ANGLE_TOLERANCE = 1e-3  # rad
POSITION_TOLERANCE = 0.1  # mm
MANY = 16  # incidents that are checked faster together than one by one
UNKNOWN_PARTICLE = (0,)


class Limits(Strict):
    """Bounds of the incidents that a model accepts, tolerances included [MeV, rad, mm].

    Attributes:
        phi_above: theta above which phi is compared; up to it all azimuths are alike.
    """

    energy: Range
    theta: Range
    phi: Range
    x: Range
    y: Range
    phi_above: float = ANGLE_TOLERANCE


class Domain(Strict):
    """Particles and ranges of incidents.

    Attributes:
        pdgs: PDG codes, sorted; (0,) if the showers do not tell their particle.
        energy: lowest and highest kinetic energy [MeV].
        theta, phi: range of the direction [rad].
        position: range of the entry point in x, y, z [mm].
    """

    pdgs: Annotated[tuple[int, ...], Field(min_length=1, max_length=1000)]
    energy: Range
    theta: Range
    phi: Range
    position: tuple[Range, Range, Range]

    @classmethod
    def of(cls, incidents: Incidents) -> Self:
        """Smallest domain that holds all incidents."""
        x, y, z = (_range(column) for column in incidents.position.T)
        return cls(
            pdgs=tuple(np.unique(incidents.pdg).tolist()),
            energy=_range(incidents.energy),
            theta=_range(incidents.theta),
            phi=_range(incidents.phi),
            position=(x, y, z),
        )

    @classmethod
    def of_showers(cls, showers: AnyShowers) -> Self:
        """Smallest domain that holds all incidents, and the ranges that they were drawn from where provenance has them.

        Random energies never reach the ends of their spectrum, although the model is equally good there.
        """
        domain = cls.of(showers.incidents)
        for ranges in drawn_ranges(showers.provenance):
            domain = domain._joined_with(ranges)
        return domain

    def _joined_with(self, source: Mapping[str, object]) -> Self:
        """Smallest domain that holds this one and further ranges."""
        x, y = (_joined(side, source.get(axis)) for axis, side in zip("xy", self.position, strict=False))
        ranges = {name: _joined(getattr(self, name), source.get(name)) for name in ("energy", "theta", "phi")}
        return self.model_copy(update={**ranges, "position": (x, y, self.position[2])})

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network inputs that vary, always including the energy."""
        tilted = self.theta[1] > ANGLE_TOLERANCE
        varies = {
            "energy": True,
            "theta": _width(self.theta) > ANGLE_TOLERANCE,
            "phi": tilted and _width(self.phi) > ANGLE_TOLERANCE,
            "position": any(_width(side) > POSITION_TOLERANCE for side in self.position[:2]),
            "pdg": len(self.pdgs) > 1,
        }
        return tuple(name for name, does in varies.items() if does)

    @property
    def symmetric(self) -> bool:
        """Whether all showers are centred and perpendicular, so that symmetries leave them as they are."""
        return self._centred and max(map(abs, self.theta)) <= ANGLE_TOLERANCE

    @property
    def turns(self) -> bool:
        """Whether all showers are centred and of any azimuth, so that symmetries turn them into one another."""
        return self._centred and _width(self.phi) >= 2 * math.pi - ANGLE_TOLERANCE

    @property
    def _centred(self) -> bool:
        return all(max(map(abs, side)) <= POSITION_TOLERANCE for side in self.position[:2])

    def check(self, incidents: Incidents) -> None:
        """Refuse incidents outside the domain; phi is compared up to whole turns and for tilted incidents, z is not.

        Raises:
            InputError: the message names the first such value and the range.
        """
        if self.holds(incidents).all():
            return
        incidents = self.with_wrapped_phi(incidents)
        self._check_particles(incidents)
        limits = self.limits
        _check(incidents.energy, limits.energy, show_energy, self.energy)
        _check(incidents.theta, limits.theta, _show_angle("theta"), self.theta)
        _check(incidents.phi[incidents.theta > limits.phi_above], limits.phi, _show_angle("phi"), self.phi)
        sides = zip("xy", incidents.position.T, (limits.x, limits.y), self.position, strict=False)
        for axis, column, place, side in sides:
            _check(column, place, _show_position(axis), side)

    def holds(self, incidents: Incidents) -> NDArray[np.bool_]:
        """Which incidents (N,) are inside the domain."""
        x, y, _ = incidents.position.T
        columns = (incidents.pdg, incidents.energy, incidents.theta, incidents.phi, x, y)
        if len(incidents) < MANY:
            rows = zip(*(column.tolist() for column in columns), strict=True)
            return np.array([self.admits(*row) for row in rows], bool)
        first = self.phi[0] - ANGLE_TOLERANCE
        turned = first + (incidents.phi - first) % (2 * np.pi)
        azimuth = np.where(incidents.theta > ANGLE_TOLERANCE, turned, self.phi[0])
        known = [incidents.pdg == pdg for pdg in self.pdgs] if self.pdgs != UNKNOWN_PARTICLE else []
        inside = np.logical_or.reduce(known) if known else np.ones(len(incidents), bool)
        for column, side in zip((incidents.energy, incidents.theta, azimuth, x, y), self._box, strict=True):
            inside &= _within(column, side)
        return inside

    def admits(self, pdg: int, energy: float, theta: float, phi: float, x: float, y: float) -> bool:
        """As `holds`, for one particle [MeV, rad, mm]; plain numbers are ten times faster than arrays of one."""
        first = self.phi[0] - ANGLE_TOLERANCE
        azimuth = first + (phi - first) % (2 * math.pi) if theta > ANGLE_TOLERANCE else self.phi[0]
        values = (energy, theta, azimuth, x, y)
        known = pdg in self.pdgs or self.pdgs == UNKNOWN_PARTICLE
        return known and all(low <= value <= high for value, (low, high) in zip(values, self._box, strict=True))

    @cached_property
    def limits(self) -> Limits:
        """The ranges with their tolerances."""
        return Limits(
            energy=(self.energy[0] * (1 - ENERGY_TOLERANCE), self.energy[1] * (1 + ENERGY_TOLERANCE)),
            theta=_widened(self.theta, ANGLE_TOLERANCE),
            phi=_widened(self.phi, ANGLE_TOLERANCE),
            x=_widened(self.position[0], POSITION_TOLERANCE),
            y=_widened(self.position[1], POSITION_TOLERANCE),
        )

    @cached_property
    def _box(self) -> tuple[Range, ...]:
        """Limits of energy, theta, phi, x, y."""
        limits = self.limits
        return limits.energy, limits.theta, limits.phi, limits.x, limits.y

    def with_wrapped_phi(self, incidents: Incidents) -> Incidents:
        """Incidents with azimuths moved by whole turns into the turn that begins with the range of phi."""
        first = self.phi[0] - ANGLE_TOLERANCE
        outside = ~_within(incidents.phi, self.limits.phi)
        if not outside.any():
            return incidents
        phi = np.where(outside, first + (incidents.phi - first) % (2 * np.pi), incidents.phi)
        return replace(incidents, phi=phi)

    def _check_particles(self, incidents: Incidents) -> None:
        unknown = set(np.unique(incidents.pdg).tolist()) - set(self.pdgs)
        if unknown and self.pdgs != UNKNOWN_PARTICLE:
            known = ", ".join(particle_name(code) for code in self.pdgs)
            raise InputError(f"{particle_name(min(unknown))} is not a particle of the model, which knows {known}")


def network_inputs(incidents: Incidents) -> Inputs:
    """All possible network inputs by name, (N, 1), position (N, 3): float32 [MeV, rad, mm], pdg int64."""
    return {
        "energy": incidents.energy[:, None].astype(np.float32),
        "theta": incidents.theta[:, None].astype(np.float32),
        "phi": incidents.phi[:, None].astype(np.float32),
        "position": incidents.position.astype(np.float32),
        "pdg": incidents.pdg[:, None].astype(np.int64),
    }


def _range(values: NDArray[np.float64]) -> Range:
    return float(values.min()), float(values.max())


def _joined(side: Range, other: object) -> Range:
    """Smallest range that holds both; `other` comes from a file and is ignored unless it holds numbers."""
    if not (isinstance(other, list | tuple) and all(isinstance(v, int | float) and np.isfinite(v) for v in other)):
        return side
    return min(*side, *other), max(*side, *other)


def _width(side: Range) -> float:
    return side[1] - side[0]


def _within(values: NDArray[np.float64], side: Range) -> NDArray[np.bool_]:
    return (values >= side[0]) & (values <= side[1])


def _widened(side: Range, margin: float) -> Range:
    return side[0] - margin, side[1] + margin


def _show_angle(name: str) -> Callable[[float], str]:
    return lambda value: f"{name} = {value:.6g} rad"


def _show_position(axis: str) -> Callable[[float], str]:
    return lambda value: f"{axis} = {value:.6g} mm"


def _check(values: NDArray[np.float64], allowed: Range, show: Callable[[float], str], said: Range) -> None:
    outside = values[(values < allowed[0]) | (values > allowed[1])]
    if outside.size:
        raise InputError(f"{show(outside[0])} is outside the model's {show(said[0])} .. {show(said[1])}")
