"""GFlash against Geant4: mean longitudinal profile per X0, radius of 90 % containment, response, resolution, time.

python benchmarks/gflash.py [--showers 400] [--energies 10 30 100] prints the table of docs/gflash.md.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.materials import matter
from caloforge.showers import Incidents, Showers
from caloforge.simulators import create

Floats = NDArray[np.float64]

PLATES = {
    "PbWO4": ('{material = "G4_PbWO4", thickness = "8.9241 mm"}', '"G4_PbWO4"', 27, 1.5),
    "Pb/LAr": ('{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}',
               '"G4_Pb", "G4_lAr"', 80, 2.5),
    "Pb/LAr, argon counts": ('{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}',
                             '"G4_lAr"', 80, 2.5),
}  # fmt: skip


def fine_detector(name: str) -> Detector:
    """One readout layer per plate pair, 40 fine rings and 5 wide ones."""
    plates, counts, copies, ring = PLATES[name]
    edges = [*(ring * i for i in range(41)), *(ring * 40 * f for f in (1.3, 1.7, 2.2, 3.0, 4.0))]
    radii = ", ".join(f'"{edge:.6g} mm"' for edge in edges)
    return Detector.from_toml(f"""
name = "fine"
[[layer]]
copies = {copies}
plates = [{plates}]
counts = [{counts}]
cells = {{kind = "cylindrical", n = [1, 45], r_edges = [{radii}]}}
""")


def longitudinal(showers: Showers) -> tuple[Floats, Floats]:
    """Mean share of the energy in each X0 of depth, and its statistical error, both (n,)."""
    detector = showers.detector
    t = np.cumsum([0.0, *(sum(p.thickness / matter(p.material, detector).x0_mm for p in layer.spec.plates)
                          for layer in detector.layers)])  # fmt: skip
    layers = detector.sum_layers(showers.energies)
    cumulative = np.cumsum(np.pad(layers, ((0, 0), (1, 0))), axis=1)
    whole = np.arange(np.floor(t[-1] + 1e-3) + 1)
    shares = np.diff([np.interp(whole, t, row) for row in cumulative], axis=1) / layers.sum() * len(layers)
    return shares.mean(0), shares.std(0) / np.sqrt(len(layers))


def containment_radius(showers: Showers, share: float = 0.9) -> float:
    """Radius [mm] that holds `share` of the mean energy."""
    edges = showers.detector.layers[0].cells.edges[1]
    rings = showers.energies.astype(np.float64).sum(0).reshape(-1, len(edges) - 1).sum(0)
    cumulative = np.concatenate([[0.0], np.cumsum(rings)]) / rings.sum()
    return float(np.interp(share, cumulative, edges))


def compare(name: str, energy: float, n: int) -> dict[str, float]:
    """Figures of GFlash over those of Geant4 for n electrons of `energy` [MeV]."""
    detector = fine_detector(name)
    incidents = Incidents.make("e-", np.full(n, energy))
    full, _ = simulate("geant4", detector, incidents)
    fast, ms = simulate("gflash", detector, incidents)
    (reference, error), (profile, fast_error) = longitudinal(full), longitudinal(fast)
    held = np.flatnonzero(reference > 0.02)
    off = profile[held] / reference[held] - 1
    worst = held[np.abs(off).argmax()]
    visible = [s.energies.sum(1, dtype=np.float64) for s in (full, fast)]
    return {
        "energy_GeV": energy / 1000, "n": n, "bins": f"{held[0]}-{held[-1] + 1}",
        "worst": 100 * off[np.abs(off).argmax()], "worst_bin": int(worst),
        "statistics": 100 * float(np.hypot(error[worst], fast_error[worst]) / reference[worst]),
        "mean_off": 100 * float(np.abs(off).mean()),
        "r90": containment_radius(full), "r90_ratio": containment_radius(fast) / containment_radius(full),
        "visible": visible[0].mean() / energy, "visible_ratio": visible[1].mean() / visible[0].mean(),
        "resolution": 100 * visible[0].std() / visible[0].mean(),
        "resolution_fast": 100 * visible[1].std() / visible[1].mean(), "ms": ms,
        "ratios": [round(float(r), 3) for r in profile[held] / reference[held]],
    }  # fmt: skip


def simulate(name: str, detector: Detector, incidents: Incidents) -> tuple[Showers, float]:
    """Showers of a simulator, and its time per shower [ms]."""
    simulator = create(name, detector)
    try:
        simulator.simulate(incidents[:2], 2)
        start = time.perf_counter()
        showers = simulator.simulate(incidents, 1)
        return showers, 1000 * (time.perf_counter() - start) / len(incidents)
    finally:
        simulator.close()


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--showers", type=int, default=400, help="at 10 GeV; fewer above, as 1 / sqrt(E)")
    parser.add_argument("--energies", type=float, nargs="+", default=[10, 30, 100], help="GeV")
    parser.add_argument("--stacks", nargs="+", default=list(PLATES), choices=list(PLATES))
    parser.add_argument("-o", "--output", type=Path, help="JSON with all figures")
    arguments = parser.parse_args()
    print("| stack | E [GeV] | showers | X0 with > 2 % | worst X0 | off | mean off | R90 Geant4 [mm] | R90 ratio "
          "| visible | ratio | resolution Geant4, GFlash | ms |")  # fmt: skip
    print("|---" * 13 + "|")
    results = {}
    for stack in arguments.stacks:
        for energy in arguments.energies:
            n = int(arguments.showers * np.sqrt(10 / energy))
            r = results[f"{stack} {energy:g} GeV"] = compare(stack, 1000 * energy, n)
            print(f"| {stack} | {energy:g} | {n} | {r['bins']} | {r['worst_bin']}-{r['worst_bin'] + 1} "
                  f"| {r['worst']:+.1f} +- {r['statistics']:.1f} % | {r['mean_off']:.1f} % | {r['r90']:.1f} "
                  f"| {r['r90_ratio']:.3f} | {r['visible']:.4f} | {r['visible_ratio']:.3f} "
                  f"| {r['resolution']:.2f}, {r['resolution_fast']:.2f} % | {r['ms']:.2f} |", flush=True)  # fmt: skip
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
