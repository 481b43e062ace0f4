"""CPU time of the Geant4 process (one thread) with and without the fast-simulation hook.

python benchmarks/hook.py idle --detector calogan-ecal
python benchmarks/hook.py events --detector calogan-ecal --simulator model.onnx --particle e+ [--energies 1 10]
python benchmarks/hook.py mixed --detector calogan-ecal --simulator gflash
python benchmarks/hook.py memory --detector calogan-ecal --simulator gflash
python benchmarks/hook.py pions --detector par04-siw -n 6000
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators.geant4 import Geant4Simulator, HookedGeant4
from caloforge.simulators.geant4.hooked import STAGES

GEV = 1e3
NEVER = 1e9  # threshold [MeV] that no particle reaches


def cpu_seconds(geant4: Geant4Simulator) -> float:
    """CPU time [s] that the processes of a simulator have used."""
    files = (Path(f"/proc/{process.pid}/schedstat") for process in geant4._processes.values())
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def milliseconds(geant4: Geant4Simulator, incidents: Incidents, seed: int) -> float:
    """CPU time [ms] per event."""
    before = cpu_seconds(geant4)
    geant4.simulate(incidents, seed)
    return (cpu_seconds(geant4) - before) * 1e3 / len(incidents)


def warm(*simulators: Geant4Simulator) -> None:
    """Start the processes and let them read their tables."""
    for simulator in simulators:
        simulator.simulate(Incidents.make("e-", 100.0), 0)


def idle(args: argparse.Namespace) -> None:
    """Compare full simulation with and without a hook that takes nothing, in alternating runs of the same events."""
    detector = Detector.load(args.detector)
    plain, hooked = Geant4Simulator(detector), HookedGeant4(detector, "gflash", NEVER)
    warm(plain, hooked)
    ratios = []
    for pair in range(args.n or 20):
        incidents = Incidents.make("e-", np.full(10, 10 * GEV), shower_id=np.arange(10))
        order = (plain, hooked) if pair % 2 else (hooked, plain)
        times = {simulator.name: milliseconds(simulator, incidents, pair) for simulator in order}
        ratios.append(times[hooked.name] / times[plain.name])
    error = 1.2533 * np.std(ratios, ddof=1) / len(ratios) ** 0.5
    print(f"idle: median ratio {np.median(ratios):.4f} +- {error:.4f} of {len(ratios)} pairs of 10 e- of 10 GeV")
    plain.close()
    hooked.close()


def table_row(label: str, full: float, stats: dict[str, float]) -> str:
    """One line: full simulation, then the stages of hooked simulation [ms per event]."""
    parts = " | ".join(f"{stats[key]:.3f}" for key in ("geant4", *STAGES, "total"))
    overhead = sum(stats[key] for key in ("trigger", "placement", "hits"))
    return f"| {label} | {full:.1f} | {parts} | {full / stats['total']:.0f} | {overhead:.3f} |"


def print_head() -> None:
    """Head of the table."""
    names = ["events", "full", "geant4", *STAGES, "hooked", "speed-up", "overhead"]
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))


def events(args: argparse.Namespace) -> None:
    """Time events with and without the hook, by energy."""
    detector = Detector.load(args.detector)
    plain, hooked = Geant4Simulator(detector), HookedGeant4(detector, args.simulator, 0.5 * GEV)
    warm(plain, hooked)
    print_head()
    for energy in args.energies:
        few, many = (np.full(n, energy * GEV) for n in (max(4, (args.n or 400) // energy), 500))
        full = milliseconds(plain, Incidents.make(args.particle, few), 1)
        stats = hooked.run(Incidents.make(args.particle, many), 1).stats
        print(table_row(f"{args.particle} {energy} GeV", full, stats), flush=True)
    plain.close()
    hooked.close()


def mixed(args: argparse.Namespace) -> None:
    """Time events of one e-, one photon and one pi+ of 10 GeV together, with hadronic physics."""
    full, hooked = (mixed_events(args.detector, fast, args.n or 40) for fast in ("none", args.simulator))
    print_head()
    print(table_row("e- + gamma + pi+", full["total"], hooked))
    for name, run in (("full", full), ("hooked", hooked)):
        print(f"{name}: {run['energy']:.0f} +- {run['error']:.0f} MeV per event, {run['fast']:.3f} of it fast")


def mixed_events(detector: str, fast: str, n: int) -> dict[str, float]:
    """Results of `mixed_event.py`, which runs in a separate process."""
    command = [sys.executable, str(Path(__file__).with_name("mixed_event.py")), detector, fast, str(n)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def memory(args: argparse.Namespace) -> None:
    """Measure the resident memory of the Geant4 process after 200 events and after n more."""
    hooked = HookedGeant4(Detector.load(args.detector), args.simulator, GEV)
    n = args.n or 2000
    sizes = []
    for first, count in ((0, 200), (200, n)):
        ids = np.arange(first, first + count)
        hooked.simulate(Incidents.make("e-", np.where(ids % 4, 2 * GEV, 0.5 * GEV), shower_id=ids), 1)
        status = Path(f"/proc/{next(iter(hooked._processes.values())).pid}/status").read_text()
        sizes.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
    print(f"memory: {sizes[0]:.1f} MB after 200 events, {sizes[1] - sizes[0]:+.1f} MB after {n} more")
    hooked.close()


def pions(args: argparse.Namespace) -> None:
    """Compare the mean energy of pi+, with fast simulation of showers inside the calorimeter, with full simulation.

    The response of the fast simulation to electrons matters in proportion to its share of the energy. In the second
    ratio, fast energies are therefore scaled by the ratio of both responses to 10 GeV electrons. Both runs have the
    same seed, so that most first interactions are the same, and the error is that of the events' differences.
    """
    detector = Detector.load(args.detector)
    n = args.n or 6000
    incidents = Incidents.make(args.particle, np.full(n, args.energy * GEV))
    plain, hooked = Geant4Simulator(detector), HookedGeant4(detector, args.simulator, GEV, inside=True)
    full = plain.simulate(incidents, 3).energies.sum(axis=1, dtype=float)
    run = hooked.run(incidents, 3)
    total, fast = run.showers.energies.sum(axis=1, dtype=float), run.showers.fast_energy
    assert fast is not None
    print(f"{args.particle} {args.energy} GeV in {detector.name}, {n} events each, {args.simulator} above 1 GeV:")
    print(f"full {show(full)} MeV, hooked {show(total)} MeV, fast fraction {fast.sum() / total.sum():.3f}")
    print(f"ratio {ratio(total, full)}", flush=True)
    electrons = Incidents.make("e-", np.full(200, 10 * GEV))
    response = [simulator.simulate(electrons, 3).energies.sum(dtype=float) for simulator in (plain, hooked)]
    scaled = total + fast * (response[0] / response[1] - 1)
    print(f"response to electrons {response[1] / response[0]:.4f}, ratio for an equal one {ratio(scaled, full)}")
    plain.close()
    hooked.close()


def show(values: np.ndarray) -> str:
    """Mean and its error."""
    return f"{values.mean():.2f} +- {values.std() / len(values) ** 0.5:.2f}"


def ratio(a: np.ndarray, b: np.ndarray) -> str:
    """Ratio of the means of paired values and its error."""
    r = a.mean() / b.mean()
    return f"{r:.4f} +- {(a - r * b).std() / b.mean() / len(a) ** 0.5:.4f}"


def main() -> None:
    """Run the part named."""
    parts = {"idle": idle, "events": events, "mixed": mixed, "memory": memory, "pions": pions}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--detector", default="calogan-ecal")
    parser.add_argument("--simulator", default="gflash")
    parser.add_argument("--particle", default="e-")
    parser.add_argument("--energy", type=float, default=10.0, help="GeV, for pions")
    parser.add_argument("--energies", type=int, nargs="+", default=[1, 10, 50, 100], help="GeV, for events")
    parser.add_argument("-n", type=int, help="events, or pairs for idle")
    args = parser.parse_args()
    if args.part == "pions" and args.particle == "e-":
        args.particle = "pi+"
    parts[args.part](args)


if __name__ == "__main__":
    main()
