"""Energies of one event by readout cell; imports geant4_pybind, so for child processes only.

`reader(calorimeter)` is created after Initialize(). Call its `load(incidents)` before BeamOn, and its `read(event)` in
each EndOfEventAction.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import geant4_pybind as g4
import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.frames.window import into_window
from caloforge.showers import Incidents
from caloforge.simulators.geant4.world.geometry import GUN_DISTANCE, Calorimeter
from caloforge.simulators.geant4.world.sharing import share
from caloforge.units import LIGHT_SPEED

Cells = NDArray[np.int64]
Energies = NDArray[np.float64]


class Hits(Protocol):
    """Reader of events, one after the other."""

    def load(self, incidents: Incidents) -> None:
        """Set the incidents of the next run, which determine the readout frames."""
        ...

    def read(self, event: Any) -> tuple[Cells, Energies]:
        """Readout cells with a hit (n,), each once, and their energies [MeV] (n,)."""
        ...


def reader(calorimeter: Calorimeter) -> Hits:
    """The reader for a calorimeter's readout frame."""
    if not calorimeter.divided:
        return StepHits(calorimeter)
    moves = any(layer.cells.is_window for layer in calorimeter.detector.layers)
    return WindowHits(calorimeter) if moves else CellHits(calorimeter)


class CellHits:
    """Reader for cells that are volumes; they are scored in C++ or, if they hold a signal, step by step."""

    def __init__(self, calorimeter: Calorimeter) -> None:
        self._groups = calorimeter.groups
        manager = g4.G4SDManager.GetSDMpointer()
        self._collections = [
            -1 if group.steps else manager.GetCollectionID(f"{group.name}/E") for group in calorimeter.groups
        ]
        self._fronts: Iterator[float] = iter(())

    def load(self, incidents: Incidents) -> None:
        """Set the times at which light reaches the front face."""
        self._fronts = iter(light_at_front(incidents))

    def read(self, event: Any) -> tuple[Cells, Energies]:
        """Cells of the fixed grids with a hit (n,), and their energies [MeV] (n,)."""
        collections, front = event.GetHCofThisEvent(), next(self._fronts)
        cells, energies = [], []
        for group, identity in zip(self._groups, self._collections, strict=True):
            if group.steps:
                hit, energy = _sums(*group.steps.take(front))
            else:
                hits = dict(collections.GetHC(identity))
                hit, energy = np.array(list(hits), np.int64), np.array(list(hits.values()), np.float64)
            cells.append(hit + group.start)
            energies.append(energy * group.spec.weight)
        return np.concatenate(cells), np.concatenate(energies)


def light_at_front(incidents: Incidents) -> list[float]:
    """Times [ns] at which light that leaves the gun with each incident (N,) reaches the front face."""
    times: list[float] = (GUN_DISTANCE / incidents.direction[:, 2] / LIGHT_SPEED).tolist()
    return times


def _sums(energies: Energies, places: Energies) -> tuple[Cells, Energies]:
    """Cells with a hit (n,), each once, and the sums of their energies [MeV] (n,)."""
    cells, steps = np.unique(places[:, 0].astype(np.int64), return_inverse=True)
    sums = np.bincount(steps, energies, len(cells)).astype(np.float64)
    return cells[sums > 0], sums[sums > 0]


class WindowHits:
    """Reader for windows on cells that are volumes."""

    def __init__(self, calorimeter: Calorimeter) -> None:
        self._detector, self._fixed = calorimeter.detector, CellHits(calorimeter)
        self._offsets: Iterator[Cells] = iter(())

    def load(self, incidents: Incidents) -> None:
        """Set the incidents of the next run.

        Raises:
            InputError: a window leaves the grid.
        """
        self._fixed.load(incidents)
        self._offsets = iter(self._detector.frame.first_cells(incidents))

    def read(self, event: Any) -> tuple[Cells, Energies]:
        """Cells of the window with a hit (n,), and their energies [MeV] (n,)."""
        fixed, energies = self._fixed.read(event)
        cells = into_window(self._detector, fixed, next(self._offsets))
        return cells[cells >= 0], energies[cells >= 0]


class StepHits:
    """Reader for cells that are no volumes: steps in undivided plates are shared among the cells that they cross."""

    def __init__(self, calorimeter: Calorimeter) -> None:
        self._detector: Detector = calorimeter.detector
        self._groups = calorimeter.groups
        self._frames: Iterator[tuple[Energies, Energies, float]] = iter(())

    def load(self, incidents: Incidents) -> None:
        """Set the incidents of the next run."""
        origins, axes = self._detector.frame.axes(incidents)
        self._frames = iter(zip(origins, axes, light_at_front(incidents), strict=True))

    def read(self, event: Any) -> tuple[Cells, Energies]:  # noqa: ARG002
        """Cells with a hit (n,), and their energies [MeV] (n,)."""
        entry, axes, front = next(self._frames)
        sums = np.zeros(self._detector.n_cells)
        for group in self._groups:
            assert group.steps is not None
            energies, ends = group.steps.take(front)
            start, end = ((ends[:, part] - entry) @ axes for part in (slice(3), slice(3, 6)))
            np.add.at(sums, *share(self._detector, energies * group.spec.weight, start, end))
        hit = np.flatnonzero(sums)
        return hit, sums[hit]
