"""The Geant4 process: `python -m caloforge.simulators.geant4.worker FILE_DESCRIPTOR`, started by `process.Process`."""

import os
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import geant4_pybind as g4
import numpy as np

from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators.geant4 import kernel, wire
from caloforge.simulators.geant4.geometry import Calorimeter
from caloforge.simulators.geant4.scoring import Hits, reader
from caloforge.simulators.geant4.serve import serve

GUN_DISTANCE = 1.0  # before the front face [mm]
CHUNK_BYTES = 2**22
CHUNK_ROWS = 64


class Gun(g4.G4VUserPrimaryGeneratorAction):
    """Sends incident i at event i, so that it enters the front face at its entry point; seeds the random engine."""

    def __init__(self) -> None:
        super().__init__()
        self._gun = g4.G4ParticleGun(1)
        self._parent = os.getppid()
        self._shots: Iterator[tuple[Any, ...]] = iter(())

    def load(self, incidents: Incidents, seeds: Any) -> None:
        """Take the incidents of the next run.

        Raises:
            InputError: a particle that Geant4 does not know.
        """
        kinds = {int(pdg): kernel.particle(int(pdg)) for pdg in np.unique(incidents.pdg)}
        direction = incidents.direction
        start = incidents.position - GUN_DISTANCE * direction / direction[:, 2:]
        columns = (incidents.pdg, incidents.energy, start, direction, seeds)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        self._shots = ((kinds[pdg], e, g4.G4ThreeVector(*x), g4.G4ThreeVector(*d), s) for pdg, e, x, d, s in rows)

    def GeneratePrimaries(self, event: Any) -> None:
        """Shoot; end the process where the parent is gone."""
        if os.getppid() != self._parent:
            kernel.leave(1)
        kind, energy, start, direction, seed = next(self._shots)
        g4.G4Random.setTheSeed(seed)
        self._gun.SetParticleDefinition(kind)
        self._gun.SetParticleEnergy(energy)
        self._gun.SetParticlePosition(start)
        self._gun.SetParticleMomentumDirection(direction)
        self._gun.GeneratePrimaryVertex(event)


class Rows(g4.G4UserEventAction):
    """Reads each event into a row and sends rows in chunks."""

    def __init__(self, connection: Connection, n_cells: int) -> None:
        super().__init__()
        self.hits: Hits | None = None
        self.failure: BaseException | None = None
        self._connection = connection
        self._rows = np.zeros((max(1, min(CHUNK_ROWS, CHUNK_BYTES // (4 * n_cells))), n_cells), np.float32)
        self._filled = 0

    def EndOfEventAction(self, event: Any) -> None:
        """One more row; a failure aborts the run and is raised after it, as Geant4's state asks."""
        try:
            assert self.hits is not None
            cells, energies = self.hits.read(event)
            self._rows[self._filled, cells] = energies
            self._filled += 1
            if self._filled == len(self._rows):
                self.flush()
        except BaseException as error:
            self.failure = error
            g4.G4RunManager.GetRunManager().AbortRun(True)

    def flush(self) -> None:
        """Send what has been filled."""
        if self._filled:
            wire.send(self._connection, {"rows": self._filled}, self._rows[: self._filled].tobytes())
        self._rows[:] = 0
        self._filled = 0


class Application:
    """Geant4 with one detector and one physics list, answering requests."""

    def __init__(self, connection: Connection, setup: dict[str, Any]) -> None:
        self._connection = connection
        self._detector = Detector.from_toml(setup["detector"])
        calorimeter = Calorimeter(self._detector, cells=setup["cells"])
        self._manager = kernel.initialise(calorimeter, setup["physics"], self._build, setup["msc"])
        self._hits = self._rows.hits = reader(calorimeter)

    def _build(self, actions: Any) -> None:
        """Geant4 wants user actions to be made after its physics list."""
        self._gun, self._rows = Gun(), Rows(self._connection, self._detector.n_cells)
        actions.SetUserAction(self._gun)
        actions.SetUserAction(self._rows)

    def run(self, header: dict[str, Any], data: bytes) -> None:  # noqa: ARG002
        """Simulate packed incidents and send their rows."""
        incidents, seeds = wire.unpack(data)
        self._gun.load(incidents, seeds)
        self._hits.load(incidents)
        self._manager.BeamOn(len(incidents))
        if self._rows.failure:
            raise self._rows.failure
        self._rows.flush()
        wire.send(self._connection, {"end": True})


if __name__ == "__main__":
    serve(Application, int(sys.argv[1]))
