"""Scoring step by step, for cells that are no volumes or hold a signal; imports geant4_pybind.

Geant4's scorers, which are in C++, only sum the deposits in volumes. The scorers here call Python for every step in
their volumes, and are therefore attached only to layers that need them. NumPy sums the steps.
"""

from collections.abc import Callable
from typing import Any

import geant4_pybind as g4
import numpy as np
from numpy.typing import NDArray

from caloforge.detector.spec import LayerSpec
from caloforge.simulators.geant4.world.saturation import CHARGED, NEUTRAL, PHOTON, Ranges, visible

Floats = NDArray[np.float64]
Place = Callable[[Any], tuple[float, ...]]
SEGMENT = 6  # coordinates of both ends of a step
CIRCUMSTANCES = 4  # further numbers that the signal of a step depends on
PHOTON_CODE = 22


class StepScorer(g4.G4VPrimitiveScorer):
    """Scorer that records energy [MeV] and place of each deposit and, for a signal, what the signal depends on."""

    def __init__(self, spec: LayerSpec, material: g4.G4Material, place: Place, size: int) -> None:
        """Create the scorer of a layer's plates.

        Args:
            spec: the layer.
            material: the one that saturates, if the layer has `birks`.
            place: function that gives the place of a step: `segment`, or one of `cell_counter`.
            size: numbers that `place` gives.
        """
        super().__init__("steps", 0)
        self._spec, self._material, self._place, self._size = spec, material, place, size
        self._signal = spec.birks is not None or spec.time_gate is not None
        self._ranges: Ranges | None = None
        self._records: list[tuple[float, ...]] = []

    def ProcessHits(self, step: g4.G4Step, history: g4.G4TouchableHistory) -> bool:  # noqa: ARG002
        """Record one step."""
        energy = step.GetTotalEnergyDeposit()
        if energy > 0:
            more = circumstances(step) if self._signal else ()
            self._records.append((energy, *self._place(step), *more))
        return True

    def take(self, front: float) -> tuple[Floats, Floats]:
        """Energies or unweighted signals (n,) [MeV] of the event's steps, and their places (n, size).

        Args:
            front: time at which light reaches the front face [ns].
        """
        columns = 1 + self._size + CIRCUMSTANCES * self._signal
        records = np.array(self._records, np.float64).reshape(-1, columns)
        self._records.clear()
        energies, places = records[:, 0], records[:, 1 : 1 + self._size]
        if self._signal:
            energies = self._gated_light(energies, records[:, 1 + self._size :], front)
        return energies, places

    def _gated_light(self, deposit: Floats, circumstances: Floats, front: float) -> Floats:
        light, (niel, length, time, kind) = deposit, circumstances.T
        if self._spec.birks is not None and deposit.size:
            self._ranges = self._ranges or ranges_in(self._material)
            light = visible(deposit, niel, length, kind, self._spec.birks, self._ranges)
        return light if self._spec.time_gate is None else np.where(time - front <= self._spec.time_gate, light, 0.0)


def segment(step: g4.G4Step) -> tuple[float, ...]:
    """Both ends of a step [mm]; for a neutral particle, which deposits its energy at the end, the end twice."""
    end = step.GetPostStepPoint().GetPosition()
    start = end if step.GetTrack().GetDynamicParticle().GetCharge() == 0 else step.GetPreStepPoint().GetPosition()
    return start.x, start.y, start.z, end.x, end.y, end.z


def cell_counter(shape: tuple[int, int, int], depths: tuple[int, int, int]) -> Place:
    """Function that gives the cell number of a step from its volumes' copy numbers, as `G4PSEnergyDeposit3D` does."""
    counter = g4.G4PSEnergyDeposit3D("counter", *shape, *depths)
    return lambda step: (counter.GetIndex(step),)


def circumstances(step: g4.G4Step) -> tuple[float, ...]:
    """Non-ionising energy [MeV], length [mm], time at the end [ns] and kind of particle of a step."""
    particle = step.GetTrack().GetParticleDefinition()
    kind = CHARGED if particle.GetPDGCharge() != 0 else NEUTRAL
    kind = PHOTON if particle.GetPDGEncoding() == PHOTON_CODE else kind
    time = step.GetPostStepPoint().GetGlobalTime()
    return step.GetNonIonizingEnergyDeposit(), step.GetStepLength(), time, kind


def ranges_in(material: g4.G4Material) -> Ranges:
    """Ranges in a material, from the tables of the running Geant4."""
    calculator = g4.G4EmCalculator()
    particles = (g4.G4ParticleTable.GetParticleTable().FindParticle(name) for name in ("e-", "proton"))
    electron, proton = (lambda energy, p=p: calculator.GetRange(energy, p, material) for p in particles)
    atoms = material.GetVecNbOfAtomsPerVolume()
    elements = [
        (e.GetZ(), g4.G4NistManager.Instance().GetAtomicMassAmu(int(e.GetZ())), atoms[i])
        for i, e in enumerate(material.GetElementVector())
    ]
    return Ranges.make(electron, proton, elements)
