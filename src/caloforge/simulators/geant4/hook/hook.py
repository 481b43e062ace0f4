"""The hook: fast simulation replaces tracking, in any serial geant4_pybind application.

Particles that the trigger takes are killed and queued. Their showers are simulated in batches and passed to the
application as hits. Nothing is passed back to Geant4, so that a batch may span many events.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import geant4_pybind as g4
import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError, RunError
from caloforge.showers import Incidents, Showers
from caloforge.simulators.base import Simulator
from caloforge.simulators.geant4.hook.hits import FastHits
from caloforge.simulators.geant4.hook.physics import difference, learned_commands
from caloforge.simulators.geant4.hook.placement import Placement
from caloforge.simulators.geant4.hook.scorers import EntranceScorer, InsideScorer, attach
from caloforge.simulators.geant4.hook.trigger import Trigger
from caloforge.simulators.geant4.world.field import application_has_field
from caloforge.simulators.replay import EVENT_STRIDE

MAX_EVENT = 2**43


@dataclass
class HookStats:
    """Counts of a hook, and its times [s] by the hook's clock.

    Attributes:
        calls: calls of Python by Geant4.
        taken: particles killed and simulated.
        refused: particles left to Geant4, because of the trigger's condition or the simulator's range.
        batches: batches passed to the simulator.
        trigger: time of decisions and of the queue.
        placement: time of transforms into the calorimeter's frame.
        inference: time of the simulator.
        hits: time of the application's `receive`.
    """

    calls: int = 0
    taken: int = 0
    refused: int = 0
    batches: int = 0
    trigger: float = 0.0
    placement: float = 0.0
    inference: float = 0.0
    hits: float = 0.0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A particle that passed the trigger's filter, in world coordinates [MeV, mm]."""

    shower_id: int
    pdg: int
    energy: float
    point: tuple[float, float, float]
    direction: tuple[float, float, float]
    at_face: bool


class Hook:
    """Replace the tracking of triggered particles by a Simulator.

    Shower k of an event has shower_id = event * 2**20 + k. A positron's shower contains the annihilation already.

    Attributes:
        simulator: any Simulator; Geant4 tracks the particles that its `accepts_one` rejects.
        receive: function that adds the hits of each batch to the application's hits.
        trigger: conditions on the particles that are taken.
        placement: position and orientation of the calorimeter in the world.
        seed: seed of the simulator's random numbers, which must differ between the hooks of one application.
        batch_events: number of events whose particles are simulated together.
        event_id: function that gives the number of the current event; by default Geant4's number within the run.
        clock: function that measures the times of `stats`; by default wall time.
        stats: counts and times.
    """

    def __init__(
        self,
        simulator: Simulator,
        receive: Callable[[FastHits], None],
        *,
        trigger: Trigger | None = None,
        placement: Placement | None = None,
        seed: int = 0,
        batch_events: int = 1,
        event_id: Callable[[], int] | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        if batch_events < 1:
            raise InputError(f"batch_events is {batch_events}, it must be at least 1")
        self.simulator, self.receive, self.seed = simulator, receive, seed
        self.trigger, self.placement = trigger or Trigger(), placement or Placement()
        self.batch_events, self.event_id, self.stats = batch_events, event_id or _geant4_event, HookStats()
        self._clock = clock
        self._axis = self.placement.rotation[:, 2].tolist()
        self._least_cosine = math.cos(self.trigger.max_angle)
        self._along = simulator.detector.frame.follows
        self._compared = self._saw_field = False
        self._forget()

    def _forget(self) -> None:
        self._queue: list[_Candidate] = []
        self._events_queued = 0
        self._event, self._k = -1, 0
        self._error: BaseException | None = None

    def watch_entrance(self, volume: g4.G4LogicalVolume) -> None:
        """Take particles that enter `volume`, a thin vacuum slab before the face; call it in ConstructSDandField().

        Raises:
            InputError: the application does not know a particle of the trigger.
        """
        self._compare_physics()
        attach(EntranceScorer(self._offer), volume, self.trigger.particles, self.trigger.energy)

    def watch_inside(self, *volumes: g4.G4LogicalVolume) -> None:
        """Take particles inside the calorimeter, wherever they are created; call it in ConstructSDandField().

        Raises:
            InputError: the readout is not a mesh along the particle, or the application does not know a particle of the
                trigger.
        """
        detector = self.simulator.detector
        if not detector.frame.follows:
            raise InputError(
                f"{detector.name}: cells of frame '{detector.readout.frame}' do not follow the particle, so showers "
                "that start inside cannot be placed; watch the entrance, or use a detector of frame 'shower'"
            )
        self._compare_physics()
        for volume in volumes:
            scorer = InsideScorer(self._offer, self.trigger.energy[0])
            attach(scorer, volume, self.trigger.particles, self.trigger.energy)

    def _compare_physics(self) -> None:
        """Warn once if the application's settings differ from those of the simulator's training showers."""
        if self._compared:
            return
        self._compared = True
        if said := difference(learned_commands(self.simulator.provenance())):
            warnings.warn(f"{self.simulator.name}: {said}", stacklevel=3)

    def _compare_field(self) -> None:
        """Warn once of a field that the simulator was not trained with; it may be set until the first event."""
        if self._saw_field:
            return
        self._saw_field = application_has_field()
        if self._saw_field and self.simulator.detector.field == (0.0, 0.0, 0.0):
            warnings.warn(
                f"{self.simulator.name} was made without a magnetic field, and this application has one", stacklevel=2
            )

    def end_event(self) -> None:
        """Simulate the queued particles if they belong to `batch_events` events.

        Call it in EndOfEventAction if the application needs hits event by event. Otherwise a full batch waits for the
        next taken particle, or for `finish`.
        """
        if self._events_queued >= self.batch_events and self._error is None:
            self._guard(self._flush)

    def finish(self) -> None:
        """Simulate the particles that are still queued; call it after BeamOn.

        Raises:
            RunError: the simulator's showers have the wrong shape.
            BaseException: any error that trigger, simulator or `receive` raised during the run.
        """
        try:
            if self._error is not None:
                raise self._error
            self._flush()
        finally:
            self._forget()

    def _guard(self, work: Callable[..., None], *arguments: object) -> None:
        """Store an error until `finish`, since an exception through Geant4 would leave the run manager unusable."""
        try:
            work(*arguments)
        except BaseException as error:
            self._error = error
            g4.G4RunManager.GetRunManager().AbortRun(True)

    def _offer(
        self, track: g4.G4Track, energy: float, point: g4.G4ThreeVector, direction: g4.G4ThreeVector, at_face: bool
    ) -> None:
        self.stats.calls += 1
        if self._error is None:
            self._guard(self._consider, track, energy, point, direction, at_face)

    def _consider(
        self, track: g4.G4Track, energy: float, point: g4.G4ThreeVector, direction: g4.G4ThreeVector, at_face: bool
    ) -> None:
        self._enter_event()
        started = self._clock()
        u, axis = (direction.x, direction.y, direction.z), self._axis
        if u[0] * axis[0] + u[1] * axis[1] + u[2] * axis[2] >= self._least_cosine:
            pdg, shower_id = track.GetParticleDefinition().GetPDGEncoding(), self._event * EVENT_STRIDE + self._k
            self._take(track, _Candidate(shower_id, pdg, energy, (point.x, point.y, point.z), u, at_face))
        self.stats.trigger += self._clock() - started

    def _enter_event(self) -> None:
        event = self.event_id()
        if event == self._event:
            return
        if not 0 <= event < MAX_EVENT:
            raise InputError(f"event number {event} is outside 0 .. 2**43 - 1")
        if self._events_queued >= self.batch_events:
            self._flush()
        self._compare_field()
        self._event, self._k = event, 0

    def _take(self, track: g4.G4Track, candidate: _Candidate) -> None:
        if not self._passes(candidate):
            self.stats.refused += 1
            return
        track.SetTrackStatus(g4.fStopAndKill)
        self._queue.append(candidate)
        self._events_queued += self._k == 0
        self._k += 1
        self.stats.taken += 1

    def _passes(self, candidate: _Candidate) -> bool:
        """Whether simulator and trigger condition accept the particle."""
        if not self._is_accepted(candidate):
            return False
        return self.trigger.where is None or bool(self.trigger.where(self._incidents([candidate]))[0])

    def _is_accepted(self, candidate: _Candidate) -> bool:
        """Whether the simulator accepts the particle."""
        theta, phi, (x, y, z) = self.placement.track(candidate.point, candidate.direction, candidate.at_face)
        position = (0.0, 0.0, z) if self._along else (x, y, z)
        return self.simulator.accepts_one(candidate.pdg, candidate.energy, theta, phi, position)

    def _incidents(self, queue: list[_Candidate]) -> Incidents:
        return self.placement.incidents(
            [one.shower_id for one in queue],
            [one.pdg for one in queue],
            [one.energy for one in queue],
            np.array([one.point for one in queue]),
            np.array([one.direction for one in queue]),
            np.array([one.at_face for one in queue]),
        )

    def _for_simulator(self, incidents: Incidents) -> Incidents:
        """Incidents for the simulator; a mesh along the particle does not depend on the entry point."""
        if not self._along:
            return incidents
        return replace(incidents, position=incidents.position * (0, 0, 1))

    def _flush(self) -> None:
        """Simulate the queued particles, and pass on their hits."""
        if not self._queue:
            return
        queue, self._queue, self._events_queued = self._queue, [], 0
        self.stats.batches += 1
        marks = [self._clock()]
        incidents = self._incidents(queue)
        requested = self._for_simulator(incidents)
        marks.append(self._clock())
        energies = self.simulator.simulate(requested, self.seed).energies
        marks.append(self._clock())
        if energies.shape != (len(queue), self.simulator.detector.n_cells):
            raise RunError(
                f"{self.simulator.name} returned showers of shape {energies.shape} for {len(queue)} particles"
            )
        showers = Showers(self.simulator.detector, incidents, energies, self.simulator.provenance())
        self.receive(FastHits(incidents.shower_id // EVENT_STRIDE, showers, self.placement))
        marks.append(self._clock())
        self._add_times(np.diff(marks))

    def _add_times(self, seconds: NDArray[np.float64]) -> None:
        self.stats.placement += float(seconds[0])
        self.stats.inference += float(seconds[1])
        self.stats.hits += float(seconds[2])


def _geant4_event() -> int:
    return int(g4.G4EventManager.GetEventManager().GetConstCurrentEvent().GetEventID())
