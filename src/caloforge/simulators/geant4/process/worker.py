"""The Geant4 process of full simulation, which `parent.Process` starts.

Its command is `python -m caloforge.simulators.geant4.process.worker CONNECTION LIFELINE`.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import geant4_pybind as g4
import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators.geant4.physics import Physics
from caloforge.simulators.geant4.process import kernel, wire
from caloforge.simulators.geant4.process.serve import serve
from caloforge.simulators.geant4.world.field import set_field
from caloforge.simulators.geant4.world.geometry import GUN_DISTANCE, Calorimeter
from caloforge.simulators.geant4.world.regions import make_regions
from caloforge.simulators.geant4.world.scoring import Cells, Energies, Hits, reader

CHUNK_BYTES = 2**22
CHUNK_ROWS = 64
ATTEMPTS = 5  # attempts at a shower that Geant4 gives up


class Gun(g4.G4VUserPrimaryGeneratorAction):
    """Gun that shoots incident i in event i towards its entry point on the front face, and seeds the random engine."""

    def __init__(self) -> None:
        super().__init__()
        self._gun = g4.G4ParticleGun(1)
        self._parent = os.getppid()
        self._shots: Iterator[tuple[Any, ...]] = iter(())

    def load(self, incidents: Incidents, seeds: Any) -> None:
        """Set the incidents of the next run.

        Raises:
            InputError: Geant4 does not know a particle.
        """
        kinds = {int(pdg): kernel.particle(int(pdg)) for pdg in np.unique(incidents.pdg)}
        direction = incidents.direction
        start = incidents.position - GUN_DISTANCE * direction / direction[:, 2:]
        columns = (incidents.pdg, incidents.energy, start, direction, seeds)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        self._shots = ((kinds[pdg], e, g4.G4ThreeVector(*x), g4.G4ThreeVector(*d), s) for pdg, e, x, d, s in rows)

    def GeneratePrimaries(self, event: Any) -> None:
        """Shoot one incident, or end the process if the parent has ended."""
        if os.getppid() != self._parent:
            kernel.leave(1)
        kind, energy, start, direction, seed = next(self._shots)
        g4.G4Random.setTheSeed(seed)
        self._gun.SetParticleDefinition(kind)
        self._gun.SetParticleEnergy(energy)
        self._gun.SetParticlePosition(start)
        self._gun.SetParticleMomentumDirection(direction)
        self._gun.GeneratePrimaryVertex(event)


Keep = Callable[[int, Cells, Energies], None]


class Readout(g4.G4UserEventAction):
    """Event action that reads each event of a run into its row, and lists the rows of events that Geant4 gives up.

    `keep` receives the row, cells and energies of each complete event. Geant4 gives up an event in which a particle is
    stuck between two volumes; the rest of its energy is lost.
    """

    def __init__(self, keep: Keep) -> None:
        super().__init__()
        self._keep = keep
        self.cells: Hits | None = None
        self.failure: BaseException | None = None
        self.expect(())

    def expect(self, rows: Iterable[int]) -> None:
        """Set the rows of the events of the next run."""
        self._rows, self._done, self.given_up = list(rows), 0, list[int]()

    @property
    def row(self) -> int:
        """Row of the current event."""
        return self._rows[self._done]

    def EndOfEventAction(self, event: g4.G4Event) -> None:
        """Read one event; an error aborts the run and is raised after it, since Geant4 cannot pass exceptions on."""
        try:
            assert self.cells is not None
            found = self.cells.read(event)
            if event.IsAborted():
                self.given_up.append(self.row)
            else:
                self._keep(self.row, *found)
            self._done += 1
        except BaseException as error:
            self.failure = error
            g4.G4RunManager.GetRunManager().AbortRun(True)


class Rows:
    """Rows of energies that are sent in one message."""

    def __init__(self, connection: Connection, n_cells: int) -> None:
        self._connection = connection
        self._chunk = np.zeros((max(1, min(CHUNK_ROWS, CHUNK_BYTES // (4 * n_cells))), n_cells), np.float32)

    def __len__(self) -> int:
        return len(self._chunk)

    def keep(self, row: int, cells: Cells, energies: Energies) -> None:
        """Store the cells of one event."""
        self._chunk[row, cells] = energies

    def send(self, n: int) -> None:
        """Send the first n rows, and empty all."""
        wire.send(self._connection, {"rows": n}, self._chunk[:n].tobytes())
        self._chunk[:] = 0


class Application:
    """Geant4 with one detector and one physics list, which answers requests."""

    def __init__(self, connection: Connection, setup: dict[str, Any]) -> None:
        self._connection = connection
        self._detector = Detector.from_toml(setup["detector"])
        calorimeter = Calorimeter(self._detector, cells=setup["cells"])
        physics = Physics.model_validate(setup["physics"])
        set_field(self._detector)
        self._manager = kernel.initialise(calorimeter, physics, self._build, setup["msc"],
                                         partial(make_regions, physics, self._detector))  # fmt: skip
        self._cells = self._readout.cells = reader(calorimeter)

    def _build(self, actions: Any) -> None:
        """Create and set the user actions, which Geant4 takes only after its physics list."""
        self._gun, self._rows = Gun(), Rows(self._connection, self._detector.n_cells)
        self._readout = Readout(self._rows.keep)
        actions.SetUserAction(self._gun)
        actions.SetUserAction(self._readout)

    def run(self, header: dict[str, Any], data: bytes) -> None:  # noqa: ARG002
        """Simulate packed incidents and send their rows."""
        incidents, seeds = wire.unpack(data)
        for first in range(0, len(incidents), len(self._rows)):
            part = slice(first, first + len(self._rows))
            complete(incidents[part], seeds[part], self._shoot)
            self._rows.send(len(incidents[part]))
        wire.send(self._connection, {"end": True})

    def _shoot(self, rows: NDArray[np.intp], incidents: Incidents, seeds: NDArray[np.int64]) -> list[int]:
        """Simulate some incidents into their rows; return the rows that Geant4 gave up."""
        self._gun.load(incidents, seeds)
        self._cells.load(incidents)
        self._readout.expect(rows.tolist())
        self._manager.BeamOn(len(rows))
        if self._readout.failure:
            raise self._readout.failure
        return self._readout.given_up


Shoot = Callable[[NDArray[np.intp], Incidents, NDArray[np.int64]], list[int]]


def complete(incidents: Incidents, seeds: NDArray[np.int64], shoot: Shoot) -> None:
    """Simulate incidents into rows 0, 1, ...; an incident that Geant4 gives up starts again from the next seed.

    Raises:
        RuntimeError: Geant4 gave up an incident in every attempt.
    """
    rows = np.arange(len(incidents))
    for attempt in range(ATTEMPTS):
        rows = np.array(shoot(rows, incidents[rows], seeds[rows] ^ attempt), int)
        if not rows.size:
            return
    energy = incidents.energy[rows[0]]
    raise RuntimeError(f"Geant4 gave up a shower of {energy:g} MeV {ATTEMPTS} times: volumes that do not fit together?")


if __name__ == "__main__":
    serve(Application, *map(int, sys.argv[1:3]))
