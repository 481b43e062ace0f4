"""Memory that grows with work: calls of a learned simulator, and events of Geant4 with a fast simulation inside.

`python -m tests.attack.growth CALLS EVENTS` prints the growth of each [MB].
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from caloforge import zoo
from caloforge.showers import Incidents
from caloforge.simulators.learned import LearnedSimulator

WARM = 200  # calls or events before the first look
MODEL = zoo.path_of("wgan-gp-calogan-small")


def resident(pid: int | str) -> float:
    """Memory that a process holds [MB]."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS"))


def incidents(simulator: LearnedSimulator, n: int, first: int = 0) -> Incidents:
    """Incidents that the model has learned, in the middle of its face."""
    ranges = simulator.card.ranges
    energy = np.geomspace(*ranges.energy, n)
    centre = [sum(side) / 2 for side in ranges.position]
    return Incidents.make(simulator.card.pdgs[0], energy, theta=ranges.theta[0], phi=ranges.phi[0], position=centre,
                          shower_id=np.arange(first, first + n))  # fmt: skip


def calls(n: int) -> float:
    """Growth over n calls of a learned simulator, each of a few showers [MB]."""
    simulator = LearnedSimulator(MODEL)
    try:
        for call in range(WARM + n):
            if call == WARM:
                before = resident("self")
            simulator.simulate(incidents(simulator, 1 + call % 3, call), 1)
        return resident("self") - before
    finally:
        simulator.close()


def events(n: int) -> float:
    """Growth of the Geant4 process over n events in which the model makes the showers [MB]."""
    from caloforge.simulators.geant4 import HookedGeant4

    model = LearnedSimulator(MODEL)
    simulator = HookedGeant4(model.detector, str(MODEL))
    try:
        simulator.simulate(incidents(model, WARM), 1)
        (process,) = simulator._processes.values()
        before = resident(process.pid)
        for first in range(WARM, WARM + n, 100):
            simulator.simulate(incidents(model, min(100, WARM + n - first), first), 1)
        return resident(process.pid) - before
    finally:
        simulator.close()
        model.close()


def run(n_calls: int, n_events: int) -> dict[str, Any]:
    """Both, as figures."""
    grown = {"calls_MB": round(calls(n_calls), 2), "events_MB": round(events(n_events), 2)}
    return {"calls": n_calls, "events": n_events} | grown


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(*map(int, sys.argv[1:3]))) + "\n")
