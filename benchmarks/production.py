"""Costs of production besides tracking: cells, workers and memory.

    python benchmarks/production.py [--showers 40] [--memory-showers 5000] [--preset NAME ...]

Rates use the CPU time of the Geant4 process and, with cells, of its parent. Runs of few showers with and without cells
alternate, so that other work of the machine slows both. Without cells the plates stay.

For 10 GeV e- in the cylinder, the 24 slabs of crystal take 55 ms without cells, and one block 36 ms. Cells as sectors
of slabs with placed rings take 198 ms. Alternatives are slower: rings as slices along the radius, in which Geant4 sees
walls at distance 0 (270 ms); one tracking step for each step of multiple scattering (238 ms); a parallel world (300 to
330 ms); step positions in Python (410 ms). The step limit of option1 takes 140 ms with sliced rings, but 6 % fewer
cells are above 1 MeV. Of 50 000 steps 27 000 are photons at walls, so that half of the rate without cells is out of
reach.
"""

import argparse
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from caloforge.detector import Detector, preset_names
from caloforge.production.spectrum import Source, SourceConfig
from caloforge.showers import Incidents
from caloforge.simulators.geant4 import Geant4Simulator, datasets
from caloforge.simulators.geant4.process import wire

GOALS = {"calogan-ecal": 0.8, "clic-ecal": 0.7, "atlas-barrel": 0.6, "pbwo4-cylinder": 0.25}
ENERGY = 10_000.0
ROUNDS = 4
PART = 2  # showers that a worker takes at once
BATCH = 10  # showers of one of the alternating runs
TICK = os.sysconf("SC_CLK_TCK")


def bare(connection: Connection, toml: str) -> None:
    """Serve CPU seconds for incidents in a child, with the same plates and random numbers but without scoring."""
    from caloforge.simulators.geant4 import physics
    from caloforge.simulators.geant4.process import kernel
    from caloforge.simulators.geant4.process.worker import Gun
    from caloforge.simulators.geant4.world.geometry import Calorimeter

    class Plates(Calorimeter):
        def ConstructSDandField(self) -> None:  # noqa: N802
            """Score nothing."""

    def build(actions: Any) -> None:
        guns.append(Gun())
        actions.SetUserAction(guns[0])

    guns: list[Gun] = []
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    kernel.silence()
    detector = Detector.from_toml(toml)
    manager = kernel.initialise(
        Plates(detector, cells=False), physics.Physics(), build, physics.multiple_scattering(detector)
    )
    while True:
        incidents, seeds = wire.unpack(connection.recv_bytes())
        started = time.process_time()
        guns[0].load(incidents, seeds)
        manager.BeamOn(len(incidents))
        connection.send(time.process_time() - started)


class Bare:
    """Geant4 without cells, in a child process."""

    def __init__(self, detector: Detector) -> None:
        self._connection, child = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=bare, args=(child, detector.toml), daemon=True)
        self._process.start()

    def seconds(self, incidents: Incidents, seed: int) -> float:
        """CPU seconds of a run."""
        self._connection.send_bytes(wire.pack(incidents, seed))
        return float(self._connection.recv())

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.join()


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_memory(pid: int) -> float:
    """Peak resident memory of a process [MB]."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def child_of(simulator: Geant4Simulator) -> int:
    """Process id of a simulator's only Geant4 process."""
    (process,) = simulator._processes.values()
    return process.pid


def incidents_of(detector: Detector, n: int) -> Incidents:
    """10 GeV electrons (photons in atlas-barrel) that the detector is meant for."""
    particle = "gamma" if detector.name == "atlas-barrel" else "e-"
    return Source.from_config(SourceConfig(particle=particle, energy="10 GeV"), detector).draw(0, n, 1)


def with_and_without_cells(name: str, n: int) -> tuple[float, float]:
    """CPU ms per shower with and without cells."""
    detector = Detector.load(name)
    incidents, simulator, plates = incidents_of(detector, n), Geant4Simulator(detector), Bare(detector)
    simulator.simulate(incidents[:1], 1)
    plates.seconds(incidents[:1], 1)
    cells = plain = 0.0
    for seed in range(ROUNDS):
        for first in range(0, n, BATCH):
            part = incidents[first : first + BATCH]
            before = cpu_seconds(child_of(simulator)) + time.process_time()
            simulator.simulate(part, seed)
            cells += cpu_seconds(child_of(simulator)) + time.process_time() - before
            plain += plates.seconds(part, seed)
    simulator.close()
    plates.close()
    return 1e3 * cells / (n * ROUNDS), 1e3 * plain / (n * ROUNDS)


def spin(seconds: float) -> int:
    """Number of rounds of a bare CPU loop."""
    rounds, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))
        rounds += 1
    return rounds


def scaling(n: int) -> tuple[float, float]:
    """Speed-up of two simulators that share one list of incidents, and of two bare CPU loops, over one."""
    detector = Detector.load("calogan-ecal")
    simulators = [Geant4Simulator(detector) for _ in range(2)]
    incidents = incidents_of(detector, 2 * n)
    parts = [incidents[first : first + PART] for first in range(0, 2 * n, PART)]

    def drain(simulator: Geant4Simulator, waiting: deque[Incidents], seed: int) -> None:
        while True:
            try:
                part = waiting.popleft()
            except IndexError:
                return
            simulator.simulate(part, seed)

    def both(threads: ThreadPoolExecutor, waiting: deque[Incidents], seed: int) -> None:
        list(threads.map(lambda simulator: drain(simulator, waiting, seed), simulators))

    gains = []
    with ThreadPoolExecutor(2) as threads, multiprocessing.get_context("spawn").Pool(2) as loops:
        loops.map(spin, [0.1, 0.1])
        for simulator in simulators:
            simulator.simulate(incidents[:1], 1)
        for seed in range(ROUNDS):
            one = timed(partial(drain, simulators[0], deque(parts), seed))
            two = timed(partial(both, threads, deque(parts), seed))
            alone = loops.apply(spin, (two,))
            gains.append((one / two, sum(loops.map(spin, [two, two], chunksize=1)) / alone))
    for simulator in simulators:
        simulator.close()
    return median(gain for gain, _ in gains), median(gain for _, gain in gains)


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def memory(n: int) -> dict[str, float]:
    """Peak memory [MB] of a Geant4 process after one shower and after n (for hadrons n / 10) of 100 MeV."""
    peaks = {}
    for name, particle, showers in (("pbwo4-cylinder", "e-", n), ("calogan-ecal", "pi-", n // 10)):
        simulator = Geant4Simulator(Detector.load(name))
        for label, count in (("1 shower", 1), (f"{showers} showers", showers)):
            simulator.simulate(Incidents.make(particle, np.full(count, 100.0)), 1)
            peaks[f"{name}, {particle}, {label}"] = peak_memory(child_of(simulator))
        simulator.close()
    return peaks


def main() -> None:
    """Print one table of rates, one line of scaling, one list of memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--showers", type=int, default=40)
    parser.add_argument("--memory-showers", type=int, default=5000)
    parser.add_argument("--preset", nargs="*", default=preset_names())
    options = parser.parse_args()
    os.environ.update(datasets.environment())
    print(f"{'preset':16} {'ms, cells':>10} {'ms, bare':>10} {'ratio':>7} {'goal':>6}")
    for name in options.preset:
        cells, plain = with_and_without_cells(name, options.showers)
        print(f"{name:16} {cells:10.1f} {plain:10.1f} {plain / cells:7.2f} {GOALS.get(name, ''):>6}", flush=True)
    workers, loops = scaling(options.showers)
    print(f"1 -> 2 workers: {workers:.2f}; 1 -> 2 bare CPU loops: {loops:.2f}; ratio {workers / loops:.2f} (goal 0.9)")
    for label, megabytes in memory(options.memory_showers).items():
        print(f"peak memory, {label}: {megabytes:.0f} MB (goal < 400)", flush=True)


if __name__ == "__main__":
    main()
