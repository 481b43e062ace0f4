"""Full simulation with a fast simulation inside: Geant4 tracks the particles that the hook does not take."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.particles import ELECTROMAGNETIC, particle_name
from caloforge.showers import Incidents, Showers
from caloforge.showers.physics import describe
from caloforge.simulators import Simulator, create
from caloforge.simulators.geant4 import physics as lists
from caloforge.simulators.geant4.hook.trigger import Trigger
from caloforge.simulators.geant4.process import wire
from caloforge.simulators.geant4.simulator import Geant4Simulator
from caloforge.units import counted, show_energy

MAX_EVENT = 2**43
# decisions and queue, frames, the fast simulation, the sum of hits; the readout of tracked energies
STAGES = ("trigger", "placement", "inference", "hits", "readout")


@dataclass(frozen=True)
class HookedRun:
    """Events in which a fast simulation replaced part of the tracking.

    Attributes:
        showers: sum of tracked and fast-simulated energies, one row per event; `fast_energy` is the fast part.
        stats: counts of `HookStats`, and CPU times per event [ms]: geant4, `STAGES`, and their total.
    """

    showers: Showers
    stats: dict[str, float]


class HookedGeant4(Geant4Simulator):
    """Geant4 in which another Simulator takes e-, e+, photons and a model's own particles above a threshold.

    Args:
        detector: the detector.
        simulator_name: name of the fast simulation, as in `caloforge.simulators.create`.
        threshold: lowest kinetic energy of particles that are taken [MeV].
        batch_events: number of events simulated together.
        inside: whether to take particles inside the calorimeter, too (readout frame "shower" only).
        physics: physics list and cuts, or the name of a list.

    Raises:
        InputError: the simulator is unknown or does not fit the detector, or Geant4 is not installed.
    """

    name = "geant4-hooked"
    _module = "caloforge.simulators.geant4.process.hooked_worker"

    def __init__(
        self,
        detector: Detector,
        simulator_name: str,
        threshold: float = 1000.0,
        batch_events: int = 50,
        *,
        inside: bool = False,
        physics: lists.Physics | str = lists.DEFAULT,
    ) -> None:
        super().__init__(detector, physics)
        if not 0 < threshold < np.inf or batch_events < 1:
            raise InputError(f"threshold {threshold:g} MeV must be positive and batch_events {batch_events} at least 1")
        with create(simulator_name, detector) as fast:
            particles = taken_particles(fast)
            self._fast_provenance = fast.provenance()
        self._fast = fast
        if inside and not detector.frame.follows:
            raise InputError(f"showers that start inside need frame 'shower'; {detector.name} has another")
        self._hook: dict[str, Any] = {
            "simulator": simulator_name,
            "particles": particles,
            "threshold": threshold,
            "batch_events": batch_events,
            "inside": inside,
        }

    @property
    def learned_line(self) -> str:
        """One line on the physics of the fast simulation's training showers; empty if it is unknown."""
        learned = describe(self._fast_provenance)
        return f"{self._hook['simulator']} has learned from Geant4's {learned}" if learned else ""

    def fast_line(self, showers: Showers) -> str:
        """One line on simulated events: the fast share, the particles taken, and why Geant4 tracked the rest."""
        fast = showers.fast_energy if showers.fast_energy is not None else np.zeros(len(showers))
        share, tracked = fast.sum() / max(showers.energies.sum(dtype=np.float64), 1e-30), showers.incidents[fast == 0]
        line = (
            f"{share:.0%} of the energy is fast-simulated, in {len(showers) - len(tracked)} of "
            f"{counted(len(showers), 'event')}; {self._hook['simulator']} takes {self._takes()}"
        )
        reason = self._why_tracked(tracked)
        line += f"; Geant4 tracked {counted(len(tracked), 'event')}{reason}" if len(tracked) else ""
        return line if share else f"warning: nothing was fast: {line}"

    def _takes(self) -> str:
        low, high = max(self._hook["threshold"], self._fast.energies[0]), self._fast.energies[1]
        codes = self._fast.particles
        known = self._hook["particles"] if codes is None else [particle_name(code) for code in codes]
        particles = [name for name in self._hook["particles"] if name in known]
        to = f" to {show_energy(high)}" if high < np.inf else " on"
        return f"{', '.join(particles)} from {show_energy(low)}{to}"

    def _why_tracked(self, incidents: Incidents) -> str:
        """Reason why the first tracked incident was not taken; empty if it is unknown."""
        if not len(incidents):
            return ""
        name, energy = particle_name(int(incidents.pdg[0])), incidents.energy[0]
        if name not in self._hook["particles"]:
            return f": {name} is not taken"
        if energy < self._hook["threshold"]:
            return f": {show_energy(energy)} is below the threshold of {show_energy(self._hook['threshold'])}"
        try:
            self._fast.check(incidents[:1])
        except InputError as error:
            return f": {error}"
        return ""

    def run(self, incidents: Incidents, seed: int) -> HookedRun:
        """Simulate events; the number of an event is the shower_id of its incident.

        Raises:
            InputError: Geant4 or the fast simulation does not accept the incidents.
            RunError: a simulation failed; the next call starts a new process.
        """
        self._fast_energy: dict[int, float] = {}
        self._stats: list[dict[str, float]] = []
        showers = super().simulate(incidents, seed)
        fast = np.array([self._fast_energy[name] for name in incidents.shower_id.tolist()], np.float64)
        return HookedRun(replace(showers, fast_energy=fast), _per_event(self._stats, len(incidents)))

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Simulate events, with the sum of tracked and fast-simulated energies.

        Raises:
            InputError: Geant4 or the fast simulation does not accept the incidents.
            RunError: a simulation failed; the next call starts a new process.
        """
        return self.run(incidents, seed).showers

    def check(self, incidents: Incidents) -> None:
        """Check that Geant4 accepts the incidents, and that their shower ids can be event numbers.

        Raises:
            InputError: a particle or entry point does not fit, or shower ids are no event numbers.
        """
        super().check(incidents)
        names = incidents.shower_id
        if len(np.unique(names)) < len(names) or (names >= MAX_EVENT).any():
            raise InputError("events need different shower ids below 2**43")

    def _run(self, incidents: Incidents, seed: int) -> Iterator[NDArray[np.float32]]:
        """Yield rows of energies in blocks."""
        request = {"run": len(incidents), "seed": seed}
        done = 0
        process = self._process(cells=bool(self._on_axis(incidents).all()))
        for answer, data in process.ask(request, wire.pack(incidents, seed)):
            if "stats" in answer:
                self._stats.append(answer["stats"])
                continue
            n = answer["rows"]
            yield np.frombuffer(data, np.float32, n * self.detector.n_cells).reshape(n, -1)
            fast = np.frombuffer(data[4 * n * self.detector.n_cells :], np.float64)
            self._fast_energy.update(zip(incidents.shower_id[done : done + n].tolist(), fast.tolist(), strict=True))
            done += n

    def _setup(self, *, cells: bool) -> dict[str, Any]:
        return super()._setup(cells=cells) | self._hook

    def provenance(self) -> dict[str, Any]:
        """Version, physics and settings of Geant4, of the hook and of the fast simulation."""
        return super().provenance() | {"hook": self._hook | {"fast": self._fast_provenance}}


def taken_particles(simulator: Simulator) -> list[str]:
    """Names of electrons, positrons, photons and the further particles of a simulator."""
    known = set(simulator.particles or ()) - ELECTROMAGNETIC
    return [*Trigger.particles, *(particle_name(code) for code in sorted(known))]


def simulate(
    detector: Detector,
    simulator_name: str,
    incidents: Incidents,
    seed: int,
    *,
    threshold: float = 1000.0,
    batch_events: int = 50,
    inside: bool = False,
    physics: lists.Physics | str = lists.DEFAULT,
) -> HookedRun:
    """Simulate events in Geant4 with a fast simulation inside.

    Args:
        detector: the detector.
        simulator_name: name of the fast simulation, as in `caloforge.simulators.create`.
        incidents: incident of each event.
        seed: seed of all random numbers.
        threshold: lowest kinetic energy of particles that are taken [MeV].
        batch_events: number of events simulated together.
        inside: whether to take particles inside the calorimeter, too (readout frame "shower" only).
        physics: physics list and cuts, or the name of a list.

    Raises:
        InputError: incidents, simulator or settings do not fit.
        RunError: the simulation failed.
    """
    hooked = HookedGeant4(detector, simulator_name, threshold, batch_events, inside=inside, physics=physics)
    with closing(hooked) as geant4:
        return geant4.run(incidents, seed)


def _per_event(parts: list[dict[str, float]], n: int) -> dict[str, float]:
    """Sums over processes of counts, and of times in ms per event; the remaining time is Geant4's."""
    stats = {key: sum(part[key] for part in parts) for key in (parts[0] if parts else {})}
    for key in (*STAGES, "total"):
        if key in stats:
            stats[key] *= 1e3 / n
    return stats | {"geant4": stats["total"] - sum(stats[key] for key in STAGES)} if stats else {}
