"""Deposited energies of one event as one row of cells; imports geant4_pybind, so for child processes only."""

from typing import Any

import geant4_pybind as g4
import numpy as np
from numpy.typing import NDArray

from caloforge.simulators.geant4.geometry import Calorimeter

Row = NDArray[np.float32]


class CellHits:
    """Reads the C++ scorers of a calorimeter whose cells are volumes; make it after Initialize()."""

    def __init__(self, calorimeter: Calorimeter) -> None:
        manager = g4.G4SDManager.GetSDMpointer()
        self._groups = [(manager.GetCollectionID(f"{g.name}/E"), g.start) for g in calorimeter.groups]

    def read(self, event: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Cells of the fixed grids that were hit (n,), and their energies [MeV] (n,)."""
        collections = event.GetHCofThisEvent()
        cells, energies = [], []
        for identity, start in self._groups:
            hits = dict(collections.GetHC(identity))
            cells.append(np.array(list(hits), np.int64) + start)
            energies.append(np.array(list(hits.values()), np.float64))
        return np.concatenate(cells), np.concatenate(energies)
