"""Deposited energies of one event, by readout cell; imports geant4_pybind, so for child processes only.

`reader(calorimeter)`, made after Initialize(), reads the events of a run: `load(incidents)` before BeamOn, then one
`read(event)` in each EndOfEventAction.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import geant4_pybind as g4
import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.window import into_window, window_offsets
from caloforge.showers import Incidents
from caloforge.simulators.geant4.geometry import Calorimeter
from caloforge.simulators.geant4.hook_placement import frames_along, locate

Cells = NDArray[np.int64]
Energies = NDArray[np.float64]


class Hits(Protocol):
    """Reads events one after the other."""

    def load(self, incidents: Incidents) -> None:
        """Take the incidents of the next run, which say where readout frames lie."""
        ...

    def read(self, event: Any) -> tuple[Cells, Energies]:
        """Readout cells that were hit (n,), each once, and their energies [MeV] (n,)."""
        ...


def reader(calorimeter: Calorimeter) -> Hits:
    """The reader for a calorimeter's readout frame."""
    if not calorimeter.divided:
        return PositionHits(calorimeter)
    return WindowHits(calorimeter) if calorimeter.detector.readout.frame == "window" else CellHits(calorimeter)


class CellHits:
    """Cells that are volumes, scored in C++."""

    def __init__(self, calorimeter: Calorimeter) -> None:
        manager = g4.G4SDManager.GetSDMpointer()
        self._groups = [(manager.GetCollectionID(f"{g.name}/E"), g.start) for g in calorimeter.groups]

    def load(self, incidents: Incidents) -> None:
        """Nothing to take: the cells stay where they are."""

    def read(self, event: Any) -> tuple[Cells, Energies]:
        """Cells of the fixed grids that were hit (n,), and their energies [MeV] (n,)."""
        collections = event.GetHCofThisEvent()
        cells, energies = [], []
        for identity, start in self._groups:
            hits = dict(collections.GetHC(identity))
            cells.append(np.array(list(hits), np.int64) + start)
            energies.append(np.array(list(hits.values()), np.float64))
        return np.concatenate(cells), np.concatenate(energies)


class WindowHits:
    """Windows of the cells that are volumes."""

    def __init__(self, calorimeter: Calorimeter) -> None:
        self._detector, self._fixed = calorimeter.detector, CellHits(calorimeter)
        self._offsets: Iterator[Cells] = iter(())

    def load(self, incidents: Incidents) -> None:
        """Take the incidents of the next run.

        Raises:
            InputError: a window leaves the grid.
        """
        self._offsets = iter(window_offsets(self._detector, incidents.theta, incidents.phi, incidents.position))

    def read(self, event: Any) -> tuple[Cells, Energies]:
        """Cells of the window that were hit (n,), and their energies [MeV] (n,)."""
        fixed, energies = self._fixed.read(event)
        cells = into_window(self._detector, fixed, next(self._offsets))
        return cells[cells >= 0], energies[cells >= 0]


class PositionHits:
    """A mesh along the particle, filled from the positions of the steps in undivided plates."""

    def __init__(self, calorimeter: Calorimeter) -> None:
        self._detector: Detector = calorimeter.detector
        self._steps = calorimeter.steps
        self._frames: Iterator[tuple[Energies, Energies]] = iter(())

    def load(self, incidents: Incidents) -> None:
        """Take the incidents of the next run."""
        self._frames = iter(zip(incidents.position, frames_along(incidents.theta, incidents.phi), strict=True))

    def read(self, event: Any) -> tuple[Cells, Energies]:  # noqa: ARG002
        """Cells of the mesh that were hit (n,), and their energies [MeV] (n,)."""
        entry, axes = next(self._frames)
        steps = np.array(self._steps, np.float64).reshape(-1, 4)
        self._steps.clear()
        cells = locate(self._detector, (steps[:, 1:] - entry) @ axes)
        sums = np.zeros(self._detector.n_cells)
        np.add.at(sums, cells[cells >= 0], steps[cells >= 0, 0])
        hit = np.flatnonzero(sums)
        return hit, sums[hit]
