"""Effect and cost of saturation and a time gate, for pions and electrons in steel and scintillator.

python benchmarks/physics_signal.py [-n 300] [--energy 20] [-o FILE.json] prints mean signals [MeV], their ratio pi/e
and the CPU time of the Geant4 process per shower in 120 x (Fe 14 mm, polystyrene 3 mm, air 1 mm). The same showers are
simulated without keys, with Birks' constant, with a gate of 150 ns, and with both. --muons prints the most probable
deposit of muons of 10 GeV in thin and thick plates, and the value of `caloforge detectors`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.mip import mip_signal
from caloforge.showers import Incidents
from caloforge.simulators.geant4 import Geant4Simulator
from production import child_of, cpu_seconds

STACK = """
name = "steel-scintillator"
[[layer]]
copies = 120
plates = [{material = "G4_Fe", thickness = "14 mm"}, {material = "G4_POLYSTYRENE", thickness = "3 mm"},
          {material = "G4_AIR", thickness = "1 mm"}]
counts = ["G4_POLYSTYRENE"]
cells = {kind = "cartesian", n = [1, 1], size = ["2 m", "2 m"]}
"""
BIRKS, GATE = 'birks = "0.126 mm/MeV"', 'time_gate = "150 ns"'
CASES = {"deposit": "", "birks": BIRKS, "gate": GATE, "birks and gate": f"{BIRKS}\n{GATE}"}
CHUNK = 10
PLATES = (("G4_POLYSTYRENE", 3), ("G4_POLYSTYRENE", 20), ("G4_Si", 0.3), ("G4_lAr", 4), ("G4_Ar", 10), ("G4_PbWO4", 10))


def detector_of(keys: str) -> Detector:
    """The stack with additional keys in its `[[layer]]`."""
    return Detector.from_toml(STACK.replace("counts", f"{keys}\ncounts"))


def measure(energy: float, n: int) -> dict[str, Any]:
    """Signals and CPU times of n showers of each particle; the cases alternate every few showers."""
    simulators = {name: Geant4Simulator(detector_of(keys)) for name, keys in CASES.items()}
    found: dict[str, Any] = {}
    for particle in ("pi+", "e-"):
        signals: dict[str, list[NDArray[np.float64]]] = {name: [] for name in CASES}
        seconds = dict.fromkeys(CASES, 0.0)
        for simulator in simulators.values():
            simulator.simulate(Incidents.make(particle, np.full(1, energy), shower_id=np.array([n])), 1)
        for first in range(0, n, CHUNK):
            incidents = Incidents.make(particle, np.full(CHUNK, energy), shower_id=np.arange(first, first + CHUNK))
            for name, simulator in simulators.items():
                before = cpu_seconds(child_of(simulator))
                signals[name].append(simulator.simulate(incidents, 1).energies.sum(1, dtype=np.float64))
                seconds[name] += cpu_seconds(child_of(simulator)) - before
        for name in CASES:
            found[f"{name}, {particle}"] = _mean(np.concatenate(signals[name])) | {"ms": 1000 * seconds[name] / n}
    for simulator in simulators.values():
        simulator.close()
    return found


def _mean(signals: NDArray[np.float64]) -> dict[str, Any]:
    return {"mean": signals.mean(), "error": signals.std(ddof=1) / np.sqrt(len(signals)), "n": len(signals)}


def tell(found: dict[str, Any]) -> None:
    """Print a Markdown table."""
    print("| | pi+ [MeV] | e- [MeV] | pi/e | pi+ [ms] | e- [ms] |\n|---|---|---|---|---|---|")
    for name in CASES:
        pion, electron = (found[f"{name}, {particle}"] for particle in ("pi+", "e-"))
        ratio = pion["mean"] / electron["mean"]
        error = ratio * np.hypot(pion["error"] / pion["mean"], electron["error"] / electron["mean"])
        means = (f"{x['mean']:.1f} ± {x['error']:.1f}" for x in (pion, electron))
        print(f"| {name} | {' | '.join(means)} | {ratio:.3f} ± {error:.3f} | {pion['ms']:.0f} | {electron['ms']:.0f} |")


def muons(n: int) -> None:
    """Print the most probable deposits of n muons of 10 GeV in 50 plates, and the computed ones."""
    print("| plate | Geant4 [MeV] | computed [MeV] |\n|---|---|---|")
    for material, thickness in PLATES:
        detector = Detector.from_toml(f"""
            name = "plates"
            [[layer]]
            copies = 50
            plates = [{{material = "{material}", thickness = "{thickness} mm"}}]
            counts = ["{material}"]
            cells = {{kind = "cartesian", n = [1, 1], size = ["500 mm", "500 mm"]}}
        """)
        simulator = Geant4Simulator(detector)
        deposits = simulator.simulate(Incidents.make("mu-", np.full(n, 1e4)), 5).energies[:, 5:].ravel()
        simulator.close()
        halves = [mode(part) for part in np.array_split(deposits, 8)]
        error = np.std(halves, ddof=1) / np.sqrt(8)
        computed = mip_signal(detector.spec.layer[0], detector)
        print(f"| {material} {thickness} mm | {np.mean(halves):.4g} ± {error:.1g} | {computed:.4g} |")


def mode(deposits: NDArray[Any]) -> float:
    """Most probable deposit: maximum of a parabola through the logarithm of the counts around the peak."""
    peak = float(np.median(deposits))
    for _ in range(5):
        counts, edges = np.histogram(deposits, 12, (0.8 * peak, 1.25 * peak))
        middle = (edges[1:] + edges[:-1]) / 2
        curve = np.polyfit(middle / peak, np.log(np.maximum(counts, 0.5)), 3, w=np.sqrt(np.maximum(counts, 1)))
        fine = np.linspace(0.85, 1.2, 701)
        peak *= float(fine[np.polyval(curve, fine).argmax()])
    return peak


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=300)
    parser.add_argument("--energy", type=float, default=20.0, help="GeV")
    parser.add_argument("--muons", action="store_true")
    parser.add_argument("-o", type=Path)
    options = parser.parse_args()
    if options.muons:
        muons(options.n)
        return
    found = measure(1000 * options.energy, options.n)
    tell(found)
    if options.o:
        options.o.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
