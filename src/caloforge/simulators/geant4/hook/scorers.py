"""Primitive scorers behind a C++ filter, by which Geant4 calls the hook for candidate particles only.

Geant4 crashes if a Python sensitive detector has a filter. Stepping or stacking actions would call Python for every
step or track. A filtered primitive scorer has no measurable cost as long as no particle passes the filter.
"""

import itertools
from collections.abc import Callable
from typing import Any

import geant4_pybind as g4

from caloforge.errors import InputError

Offer = Callable[[g4.G4Track, float, g4.G4ThreeVector, g4.G4ThreeVector, bool], None]
"""Function of a track, its kinetic energy [MeV], point [mm], direction, and whether it is at the entrance."""

_count = itertools.count()
# Geant4 holds no reference to Python scorers and filters: without this one they are deleted, and the next step crashes.
_alive: list[Any] = []


class EntranceScorer(g4.G4VPrimitiveScorer):
    """Scorer that offers particles to the hook as they enter the slab, before they lose energy in it."""

    def __init__(self, offer: Offer) -> None:
        super().__init__(f"entrance{next(_count)}", 0)
        self._offer = offer

    def ProcessHits(self, step: g4.G4Step, history: g4.G4TouchableHistory) -> bool:  # noqa: ARG002
        """Offer the state before the step."""
        before = step.GetPreStepPoint()
        self._offer(
            step.GetTrack(), before.GetKineticEnergy(), before.GetPosition(), before.GetMomentumDirection(), True
        )
        return True


class InsideScorer(g4.G4VPrimitiveScorer):
    """Scorer that offers particles inside the calorimeter to the hook after each step, whose deposit is scored."""

    def __init__(self, offer: Offer, least_energy: float) -> None:
        super().__init__(f"inside{next(_count)}", 0)
        self._offer, self._least_energy = offer, least_energy

    def ProcessHits(self, step: g4.G4Step, history: g4.G4TouchableHistory) -> bool:  # noqa: ARG002
        """Offer the state after the step, if the particle survives it with enough energy."""
        track = step.GetTrack()
        energy = track.GetKineticEnergy()
        if energy >= self._least_energy and track.GetTrackStatus() == g4.fAlive:
            self._offer(track, energy, track.GetPosition(), track.GetMomentumDirection(), False)
        return True


def attach(
    scorer: g4.G4VPrimitiveScorer, volume: g4.G4LogicalVolume, particles: tuple[str, ...], energy: tuple[float, float]
) -> None:
    """Attach `scorer` to `volume`, for particles in the energy window [MeV]; other scorers there stay.

    Raises:
        InputError: the application's physics does not know a particle.
    """
    particle_filter = _filter(particles, energy)
    scorer.SetFilter(particle_filter)
    _scorers_of(volume).RegisterPrimitive(scorer)
    _alive.extend([particle_filter, scorer])


def _filter(particles: tuple[str, ...], energy: tuple[float, float]) -> g4.G4SDParticleWithEnergyFilter:
    table = g4.G4ParticleTable.GetParticleTable()
    unknown = [name for name in particles if table.FindParticle(name) is None]
    if unknown:
        raise InputError(f"trigger: the application's physics has no particle '{unknown[0]}'")
    result = g4.G4SDParticleWithEnergyFilter(f"caloforge{next(_count)}", *energy)
    for name in particles:
        result.add(name)
    return result


def _scorers_of(volume: g4.G4LogicalVolume) -> g4.G4MultiFunctionalDetector:
    """The volume's scorers; a new set if it has none, joined to its sensitive detector if that is of another kind."""
    present = volume.GetSensitiveDetector()
    if isinstance(present, g4.G4MultiFunctionalDetector):
        return present
    scorers = g4.G4MultiFunctionalDetector(f"caloforge{next(_count)}")
    g4.G4SDManager.GetSDMpointer().AddNewDetector(scorers)
    volume.SetSensitiveDetector(scorers if present is None else _joined(present, scorers))
    _alive.append(scorers)
    return scorers


def _joined(*detectors: g4.G4VSensitiveDetector) -> g4.G4MultiSensitiveDetector:
    joined = g4.G4MultiSensitiveDetector(f"caloforge{next(_count)}")
    for detector in detectors:
        joined.AddSD(detector)
    g4.G4SDManager.GetSDMpointer().AddNewDetector(joined)
    _alive.append(joined)
    return joined
