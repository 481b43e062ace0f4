# ruff: noqa: N802
"""Events of e-, gamma and pi+ of 10 GeV together, in one Geant4 process; `hook.py mixed` starts it.

python benchmarks/mixed_event.py DETECTOR SIMULATOR|none N prints a line of JSON: energy [MeV], its error, share that is
fast, and CPU time [ms per event] by stage.
"""

import json
import os
import sys
from dataclasses import asdict
from time import process_time
from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators import create
from caloforge.simulators.geant4.datasets import environment
from caloforge.simulators.geant4.hooked import STAGES

os.environ.update(environment())
import geant4_pybind as g4

from caloforge.simulators.geant4.hook import HitMap, Hook
from caloforge.simulators.geant4.physics import Physics
from caloforge.simulators.geant4.process import kernel
from caloforge.simulators.geant4.process.hooked_worker import HookedCalorimeter, Tracked
from caloforge.simulators.geant4.process.worker import Gun
from caloforge.simulators.geant4.world.geometry import Calorimeter
from caloforge.simulators.geant4.world.scoring import reader

PARTICLES = (11, 22, 211)
PLACES = ((-60.0, 0.0, 0.0), (60.0, 0.0, 0.0), (0.0, 60.0, 0.0))  # mm
ENERGY = 1e4  # MeV


class Bundle(Gun):
    """Gun that shoots all particles of an event, with the seed of the last."""

    def GeneratePrimaries(self, event: g4.G4Event) -> None:
        """Shoot one vertex per particle."""
        for _ in PARTICLES:
            super().GeneratePrimaries(event)


class Events:
    """Geant4 with one calorimeter, and a hook if a fast simulation is named."""

    def __init__(self, detector: Detector, fast: str) -> None:
        self.detector, self.hook = detector, None
        calorimeter = Calorimeter(detector)
        if fast != "none":
            simulator = create(fast, detector)
            self.hook = Hook(simulator, lambda hits: self.hits.add(hits), batch_events=50, clock=process_time)
            calorimeter = HookedCalorimeter(detector, self.hook, inside=False, cells=True)
        self._manager = kernel.initialise(calorimeter, Physics(), self._build)
        self._cells = reader(calorimeter)

    def _build(self, actions: Any) -> None:
        self._gun, self._tracked = Bundle(), Tracked()
        actions.SetUserAction(self._gun)
        actions.SetUserAction(self._tracked)

    def run(self, n: int, seed: int) -> float:
        """CPU time [s] of n events."""
        kinds, places = np.tile(PARTICLES, n), np.tile(PLACES, (n, 1))
        incidents = Incidents.make(kinds, np.full(len(kinds), ENERGY), position=places)
        self.hits = HitMap(self.detector, incidents[:: len(PARTICLES)], np.arange(n))
        self._tracked.begin(self._cells, self.hits)
        self._tracked.expect(range(n))
        self._gun.load(incidents, np.random.default_rng(seed).integers(1, 2**31, len(kinds)))
        started = process_time()
        self._manager.BeamOn(n)
        if self.hook:
            self.hook.finish()
        return process_time() - started


def measure(detector: str, fast: str, n: int) -> dict[str, float]:
    """Energies and times of n events, after a few that are not timed."""
    events = Events(Detector.load(detector), fast)
    events.run(2, 1)
    before = _seconds(events)
    total = events.run(n, 2)
    stats = {key: 1e3 / n * (value - before[key]) for key, value in _seconds(events).items()}
    energy = events.hits.total.sum(axis=1, dtype=float)
    return stats | {
        "geant4": 1e3 / n * total - sum(stats.values()), "total": 1e3 / n * total, "energy": energy.mean(),
        "error": energy.std() / n**0.5, "fast": events.hits.fast.sum(dtype=float) / energy.sum(),
    }  # fmt: skip


def _seconds(events: Events) -> dict[str, float]:
    hook = asdict(events.hook.stats) if events.hook else {}
    return {key: hook.get(key, 0.0) for key in STAGES} | {"readout": events._tracked.seconds}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))), flush=True)
    kernel.leave()
