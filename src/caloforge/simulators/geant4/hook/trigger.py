"""Conditions on the particles that the fast simulation takes from Geant4."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Incidents

Condition = Callable[[Incidents], NDArray[np.bool_]]


@dataclass(frozen=True)
class Trigger:
    """Particles that the fast simulation takes; Geant4 tracks all others.

    Attributes:
        particles: Geant4's names of the particles.
        energy: lowest and highest kinetic energy [MeV].
        max_angle: largest angle between direction and the calorimeter's axis [rad].
        where: further condition on incidents in the calorimeter's frame, for example `contained(...)`.

    Raises:
        InputError: no particle, an empty energy window, or an angle outside (0, pi/2).
    """

    particles: tuple[str, ...] = ("e-", "e+", "gamma")
    energy: tuple[float, float] = (1000.0, math.inf)
    max_angle: float = 1.5
    where: Condition | None = None

    def __post_init__(self) -> None:
        low, high = self.energy
        if not self.particles:
            raise InputError("trigger: name at least one particle")
        if not 0 <= low < high:
            raise InputError(f"trigger: energy window {low:g} .. {high:g} MeV is empty or negative")
        if not 0 < self.max_angle < math.pi / 2:
            raise InputError(f"trigger: max_angle {self.max_angle:g} rad is not between 0 and pi/2")


def contained(detector: Detector, margin: float) -> Condition:
    """Condition that the particle's straight line stays at least `margin` [mm] from the sides, up to the back.

    Raises:
        InputError: the margin is at least as wide as the detector.
    """
    if margin >= min(detector.half_widths):
        raise InputError(f"margin {margin:g} mm covers all of {detector.name}, whose face is {detector.face}")

    def stays_inside(incidents: Incidents) -> NDArray[np.bool_]:
        direction = incidents.direction
        to_back = (detector.depth - incidents.position[:, 2]) / direction[:, 2]
        ends = incidents.position + to_back[:, None] * direction
        begin, end = (detector.distance_to_side(*points[:, :2].T) for points in (incidents.position, ends))
        return (begin >= margin) & (end >= margin)

    return stays_inside
