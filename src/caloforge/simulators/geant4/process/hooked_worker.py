"""The Geant4 process with the hook: `python -m caloforge.simulators.geant4.process.hooked_worker CONNECTION LIFELINE`.

Calorimeter, gun, physics and scorers are those of the full simulation. The hook replaces the tracking of the particles
that it takes.
"""

import sys
from dataclasses import asdict
from functools import partial
from multiprocessing.connection import Connection
from time import process_time
from typing import Any

import geant4_pybind as g4
import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators import Replay, Simulator, create, file_of
from caloforge.simulators.geant4.hook.geometry import volumes_below
from caloforge.simulators.geant4.hook.hits import HitMap
from caloforge.simulators.geant4.hook.hook import Hook, HookStats
from caloforge.simulators.geant4.hook.trigger import Trigger
from caloforge.simulators.geant4.physics import Physics
from caloforge.simulators.geant4.process import kernel, wire
from caloforge.simulators.geant4.process.serve import serve
from caloforge.simulators.geant4.process.worker import Gun, Readout, complete
from caloforge.simulators.geant4.world.field import set_field
from caloforge.simulators.geant4.world.geometry import Calorimeter
from caloforge.simulators.geant4.world.regions import make_regions
from caloforge.simulators.geant4.world.scoring import Cells, Energies, Hits, reader


class HookedCalorimeter(Calorimeter):
    """A calorimeter with a hook at its entrance and, with `inside`, in all its volumes."""

    def __init__(self, detector: Detector, hook: Hook, *, inside: bool, cells: bool) -> None:
        super().__init__(detector, cells=cells)
        self._hook, self._inside = hook, inside

    def ConstructSDandField(self) -> None:
        """Attach the scorers of the full simulation, then those of the hook."""
        super().ConstructSDandField()
        self._hook.watch_entrance(self.entrance)
        if self._inside:
            world = g4.G4LogicalVolumeStore.GetInstance().GetVolume("world")
            self._hook.watch_inside(*(v for v in volumes_below(world) if v.GetName() != self.entrance.GetName()))


class Tracked(Readout):
    """Event action that reads the tracked energies of each event of a block into its hit map."""

    def __init__(self) -> None:
        super().__init__(self._keep_tracked)
        self.seconds = 0.0

    def begin(self, cells: Hits, hits: HitMap) -> None:
        """Set the hit map of the next block of events."""
        self.cells, self._hits = cells, hits

    def _keep_tracked(self, row: int, cells: Cells, energies: Energies) -> None:
        self._hits.tracked[row, cells] = energies

    def EndOfEventAction(self, event: g4.G4Event) -> None:
        """Read one event, and measure the time."""
        started = process_time()
        super().EndOfEventAction(event)
        self.seconds += process_time() - started


class Application:
    """Geant4 with one detector, one physics list and one fast simulation, which answers requests."""

    def __init__(self, connection: Connection, setup: dict[str, Any]) -> None:
        self._connection = connection
        self._detector = Detector.from_toml(setup["detector"])
        self._batch_events = int(setup["batch_events"])
        self._hook = Hook(
            make_simulator(setup["simulator"], self._detector),
            lambda hits: self._hits.add(hits),
            trigger=Trigger(tuple(setup["particles"]), (setup["threshold"], np.inf)),
            event_id=lambda: int(self._hits.events[self._tracked.row]),
            batch_events=self._batch_events,
            clock=process_time,
        )
        calorimeter = HookedCalorimeter(self._detector, self._hook, inside=setup["inside"], cells=setup["cells"])
        physics = Physics.model_validate(setup["physics"])
        set_field(self._detector)
        self._manager = kernel.initialise(calorimeter, physics, self._build, setup["msc"],
                                         partial(make_regions, physics, self._detector))  # fmt: skip
        self._cells = reader(calorimeter)
        self._manager.BeamOn(0)  # reads the cross sections, whose time belongs to no event

    def _build(self, actions: g4.G4VUserActionInitialization) -> None:
        """Create and set the user actions, which Geant4 takes only after its physics list."""
        self._gun, self._tracked = Gun(), Tracked()
        actions.SetUserAction(self._gun)
        actions.SetUserAction(self._tracked)

    def run(self, header: dict[str, Any], data: bytes) -> None:
        """Simulate packed incidents in blocks of `batch_events` events, and send their rows."""
        incidents, seeds = wire.unpack(data)
        self._hook.seed, self._hook.stats, self._tracked.seconds = header["seed"], HookStats(), 0.0
        self._total = 0.0
        for first in range(0, len(incidents), self._batch_events):
            rows = slice(first, first + self._batch_events)
            self._hits = HitMap(self._detector, incidents[rows], incidents.shower_id[rows])
            self._tracked.begin(self._cells, self._hits)
            complete(incidents[rows], seeds[rows], self._shoot)
            payload = self._hits.total.tobytes() + self._hits.fast.sum(axis=1, dtype=np.float64).tobytes()
            wire.send(self._connection, {"rows": len(self._hits.events)}, payload)
        stats = asdict(self._hook.stats) | {"readout": self._tracked.seconds, "total": self._total}
        wire.send(self._connection, {"end": True, "stats": stats})

    def _shoot(self, rows: NDArray[np.intp], incidents: Incidents, seeds: NDArray[np.int64]) -> list[int]:
        """Simulate some events of a block into their rows; return the rows that Geant4 gave up, which are emptied."""
        self._gun.load(incidents, seeds)
        self._cells.load(incidents)
        self._tracked.expect(rows.tolist())
        started = process_time()
        self._manager.BeamOn(len(rows))
        self._hook.finish()
        self._total += process_time() - started
        if self._tracked.failure:
            raise self._tracked.failure
        self._hits.fast[self._tracked.given_up] = 0
        return self._tracked.given_up


def make_simulator(name: str, detector: Detector) -> Simulator:
    """Create the fast simulation; a replayed file plays its row k in event k."""
    simulator = create(name, detector)
    path = file_of(name)
    return Replay(path, detector, by_event=True) if simulator.replays and path else simulator


if __name__ == "__main__":
    serve(Application, *map(int, sys.argv[1:3]))
