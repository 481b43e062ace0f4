"""GFlash against Geant4: mean longitudinal profile per X0, radius of 90 % containment, response, resolution, time.

python benchmarks/gflash.py prints the first table of benchmarks/results/gflash.md; --low prints the second, and
--detectors 60 the last.
"""

import argparse
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.materials import matter
from caloforge.detector.sampling import Unit, main_layer
from caloforge.production import Source, SourceConfig
from caloforge.showers import Incidents, Showers, read, write
from caloforge.simulators import create
from caloforge.simulators.gflash import simulator as limits

Floats = NDArray[np.float64]

FAST = 1000  # showers of GFlash
LOW = {30: 500, 50: 500, 100: 500, 200: 400, 300: 300, 500: 200, 1000: 150, 3000: 60}  # energies [MeV] and showers
CRYSTALS = """
name = "crystals"
[[layer]]
copies = 25
plates = [{material = "G4_PbWO4", thickness = "9 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [9, 9], size = ["22 mm", "22 mm"]}
"""

LEAD_ARGON = (("G4_Pb", "2 mm"), ("G4_lAr", "4 mm"))
# plates of one unit, counted plates, number of units, width of a ring [mm]
STACKS = {
    "PbWO4": ((("G4_PbWO4", "8.9241 mm"),), ("G4_PbWO4",), 27, 1.5),
    "Pb/LAr": (LEAD_ARGON, ("G4_Pb", "G4_lAr"), 80, 2.5),
    "Pb/LAr, argon counts": (LEAD_ARGON, ("G4_lAr",), 80, 2.5),
}


def fine_detector(stack: str) -> Detector:
    """Detector with one readout layer per unit of plates, 40 fine rings and 5 wide ones."""
    plates, counts, units, ring = STACKS[stack]
    return Detector.from_toml('name = "fine"\n' + _layer(plates, counts, ring, units))


def plate_detector(stack: str) -> Detector:
    """Detector with one counted readout layer per plate, whose Geant4 sample serves any choice of counted plates."""
    plates, _, units, ring = STACKS[stack]
    unit = "".join(_layer((plate,), (plate[0],), ring, 1) for plate in plates)
    return Detector.from_toml('name = "plates"\n' + unit * units)


def _layer(plates: tuple[tuple[str, str], ...], counts: tuple[str, ...], ring: float, copies: int) -> str:
    edges = [*(ring * i for i in range(41)), *(ring * 40 * f for f in (1.3, 1.7, 2.2, 3.0, 4.0))]
    return f"""[[layer]]
copies = {copies}
plates = [{", ".join(f'{{material = "{m}", thickness = "{d}"}}' for m, d in plates)}]
counts = {list(counts)}
cells = {{kind = "cylindrical", n = [1, 45], r_edges = {[f"{edge:.6g} mm" for edge in edges]}}}
"""


def stored(name: str, detector: Detector, incidents: Incidents, path: Path) -> Showers:
    """Showers of a simulator, from the file of an earlier run if there is one."""
    if path.is_file():
        return read(path, detector)
    simulator = create(name, detector)
    try:
        showers = simulator.simulate(incidents, 1)
    finally:
        simulator.close()
    write(path, showers)
    return showers


def geant4_showers(stack: str, incidents: Incidents, folder: Path) -> Showers:
    """Geant4 showers in the stack's fine detector, from the file of an earlier run if there is one."""
    plates, counts, units, _ = STACKS[stack]
    path = folder / f"{'-'.join(m for m, _ in plates)}-{incidents.energy[0] / 1000:g}GeV-{len(incidents)}.h5"
    full = stored("geant4", plate_detector(stack), incidents, path)
    counted = [material in counts for material, _ in plates]
    cells = full.energies.reshape(len(full), units, len(plates), -1)[:, :, counted].sum(2, dtype=np.float64)
    return Showers(fine_detector(stack), incidents, cells.reshape(len(full), -1).astype(np.float32), full.provenance)


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
    edges = showers.detector.layers[0].cells.edges_along("r")
    rings = showers.energies.astype(np.float64).sum(0).reshape(-1, len(edges) - 1).sum(0)
    cumulative = np.concatenate([[0.0], np.cumsum(rings)]) / rings.sum()
    return float(np.interp(share, cumulative, edges))


def compare(stack: str, energy: float, n: int, folder: Path) -> dict[str, Any]:
    """Ratios of GFlash to Geant4 for n electrons of `energy` [MeV]."""
    incidents = Incidents.make("e-", np.full(n, energy))
    full = geant4_showers(stack, incidents, folder)
    gflash = create("gflash", fine_detector(stack))
    fast = gflash.simulate(Incidents.make("e-", np.full(FAST, energy)), 1)
    start = time.process_time()
    gflash.simulate(incidents, 2)
    ms = 1000 * (time.process_time() - start) / n
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


def low_rows() -> Iterator[str]:
    """Lines of Markdown: Geant4, then GFlash, from 30 MeV to 3 GeV in crystals and in lead and argon."""
    limits.LEAST_ENERGY = 0.0
    crystals, argon = Detector.from_toml(CRYSTALS), fine_detector("Pb/LAr, argon counts")
    simulators = [(create(name, crystals), create(name, argon)) for name in ("geant4", "gflash")]
    for energy, n in LOW.items():
        incidents = Incidents.make("e-", np.full(n, float(energy)))
        pairs = [[simulator.simulate(incidents, 1) for simulator in pair] for pair in simulators]
        hottest = [pair[0].energies.reshape(n, 25, -1).sum(1).max(1).mean() / energy for pair in pairs]
        radius = [containment_radius(pair[1]) for pair in pairs]
        depth, deep = ([mean_depth(pair[i]) for pair in pairs] for i in (0, 1))
        cells = [f"{a:.{digits}f}, {b:.{digits}f}" for (a, b), digits in
                 zip((hottest, depth, radius, deep), (3, 1, 1, 1), strict=True)]  # fmt: skip
        yield f"| {energy} | {n} | {' | '.join(cells)} |"
    for pair in simulators:
        for simulator in pair:
            simulator.close()


def mean_depth(showers: Showers) -> float:
    """Mean depth of the energy [mm]."""
    layers = showers.detector.sum_layers(showers.energies).sum(0)
    return float(layers @ np.array([layer.z for layer in showers.detector.layers]) / layers.sum())


def sampling_detectors() -> list[Detector]:
    """The presets in which only some plates count, and one that is changed to such a detector."""
    names = ("par04-siw", "clic-ecal", "atlas-barrel", "fcc-lar", "sdhcal")
    calogan = Detector.load("calogan-ecal").toml.replace('"calogan-ecal"', '"calogan-argon"')
    argon = re.sub(r"counts = \[[^]]*\]", 'counts = ["G4_lAr"]', calogan)
    return [*map(Detector.load, names), Detector.from_toml(argon)]


def visible_row(detector: Detector, n: int, folder: Path) -> str:
    """Line of Markdown: visible share, resolution, mean depth of 10 GeV electrons, n of Geant4 and 1000 of GFlash."""
    source = Source.from_config(SourceConfig(particle="e-", energy="10 GeV"), detector)
    z = np.array([layer.z for layer in detector.layers])
    found = []
    path = folder / f"{detector.name}-{detector.hash[:8]}-{n}.h5"
    full_showers = stored("geant4", detector, source.draw(0, n, 1), path)
    fast_showers = create("gflash", detector).simulate(source.draw(0, FAST, 1), 1)
    for count, showers in ((n, full_showers), (FAST, fast_showers)):
        layers = detector.sum_layers(showers.energies).astype(np.float64)
        visible = layers.sum(1)
        error = visible.std() / np.sqrt(count) / visible.mean()
        found.append((visible.mean() / 1e4, error, visible.std() / visible.mean(), (layers @ z / visible).mean()))
    (full, e, width, depth), (fast, f, fast_width, fast_depth) = found
    unit = Unit.of(detector, main_layer(detector))
    return (f"| `{detector.name}` | {unit.e_over_mip:.3f} | {unit.visible_fraction():.4g} | {full:.4g} | {fast:.4g} "
            f"| {fast / full:.3f} +- {fast / full * np.hypot(e, f):.3f} | {100 * width:.1f}, {100 * fast_width:.1f} % "
            f"| {depth:.1f}, {fast_depth:.1f} |")  # fmt: skip


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--showers", type=int, nargs="+", default=[200, 150, 150], help="of Geant4 at each energy")
    parser.add_argument("--references", type=Path, default=Path(), help="folder that keeps Geant4's showers")
    parser.add_argument("--energies", type=float, nargs="+", default=[10, 30, 100], help="GeV")
    parser.add_argument("--stacks", nargs="+", default=list(STACKS), choices=list(STACKS))
    parser.add_argument("-o", "--output", type=Path, help="JSON with all figures")
    parser.add_argument("--low", action="store_true", help="the table of low energies instead")
    parser.add_argument("--detectors", type=int, metavar="N", help="the last table instead, of N Geant4 showers each")
    arguments = parser.parse_args()
    if len(arguments.showers) != len(arguments.energies):
        parser.error("--showers and --energies go together, one number each")
    if arguments.low:
        print("\n".join(low_rows()))
        return
    if arguments.detectors:
        print("| detector | e / mip | `detectors` | visible Geant4 | GFlash | ratio | resolution | depth [mm] |")
        print("|---" * 8 + "|")
        for detector in sampling_detectors():
            print(visible_row(detector, arguments.detectors, arguments.references), flush=True)
        return
    print("| stack | E [GeV] | showers | X0 with > 2 % | worst X0 | off | mean off | R90 Geant4 [mm] | R90 ratio "
          "| visible | ratio | resolution Geant4, GFlash | ms |")  # fmt: skip
    print("|---" * 13 + "|")
    results = {}
    for stack in arguments.stacks:
        for energy, n in zip(arguments.energies, arguments.showers, strict=True):
            r = results[f"{stack} {energy:g} GeV"] = compare(stack, 1000 * energy, n, arguments.references)
            print(f"| {stack} | {energy:g} | {n} | {r['bins']} | {r['worst_bin']}-{r['worst_bin'] + 1} "
                  f"| {r['worst']:+.1f} +- {r['statistics']:.1f} % | {r['mean_off']:.1f} % | {r['r90']:.1f} "
                  f"| {r['r90_ratio']:.3f} | {r['visible']:.4f} | {r['visible_ratio']:.3f} "
                  f"| {r['resolution']:.2f}, {r['resolution_fast']:.2f} % | {r['ms']:.2f} |", flush=True)  # fmt: skip
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
