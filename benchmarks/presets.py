"""The tables of benchmarks/results/presets.md: Geant4's showers in each preset, and checks of electromagnetic showers.

python benchmarks/presets.py --cache FOLDER [--showers 12] [--pions 24] [-o FILE.json] [--docs FILE.md]

Each point takes two runs. The preset gives response, resolution and CPU time. Its plates as discs, with one readout
layer per unit of plates and cells in rings, give both profiles. Errors are jackknife estimates over showers.
"""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import curve_fit
from scipy.special import gammainc

from caloforge.detector import Detector
from caloforge.detector.describe import summarise
from caloforge.detector.detector import preset_names
from caloforge.files import replacing
from caloforge.production import Source, SourceConfig
from caloforge.showers import Incidents
from caloforge.simulators.geant4 import Geant4Simulator
from hook import cpu_seconds
from stack import RINGS, Stack

Floats = NDArray[np.float64]
Figure = tuple[float, float]  # value and statistical error

PARTICLES = ("e-", "gamma", "pi+")
FEWEST = 4  # least number of showers of a point
UNKNOWN = 5.0  # error of a maximum [X0] above which it counts as unknown
MAXIMUM_SHIFT = {"e-": -0.5, "gamma": 0.5}  # C_j of t_max = ln(E / Ec) + C_j, PDG (2024) eq. 34.36
MAXIMUM_TOLERANCE = 0.7  # [X0]
LINEARITY_TOLERANCE = 0.01
DEEP = 20.0  # [X0] from which the response must be linear
SIGMAS = 2.0  # standard errors that a check allows in addition
MARKS = "<!-- {} of benchmarks/presets.py -->"


def jackknife(figure: Callable[[Floats], float], rows: Floats) -> Figure:
    """A statistic of n showers and its error, from n samples that each leave one shower out."""
    n = len(rows)
    left_out = [figure(np.delete(rows, i, axis=0)) for i in range(n)]
    return figure(rows), float(np.std(left_out) * math.sqrt(n - 1))


def resolution(energies: Floats) -> float:
    """Standard deviation over mean of the energies (N,)."""
    return float(energies.std(ddof=1) / energies.mean())


def maximum(stack: Stack, units: Floats) -> float:
    """Depth [X0] of the maximum of a gamma distribution fitted to the mean energies of units (N, n_units)."""
    begin, end = stack.depths[stack.main].T
    profile = (units.mean(axis=0) / stack.losses)[stack.main]

    def density(_: Floats, scale: float, a: float, b: float) -> Floats:
        return np.asarray(scale * (gammainc(a, b * end) - gammainc(a, b * begin)) / (end - begin))

    highest = profile.max()
    start, bounds = (10 * highest, 4.0, 0.5), ([0, 1, 0.01], [1e6 * highest, 50, 5])
    (_, a, b), _ = curve_fit(density, begin, profile, p0=start, bounds=bounds, x_scale=start, max_nfev=5000)
    return float((a - 1) / b)


def containment_radius(stack: Stack, rings: Floats) -> float:
    """Radius [mm] that holds 90 % of the counted energy of all showers (N, n_rings)."""
    edges = stack.detector.layers[0].cells.edges_along("r")
    share = np.cumsum(rings.sum(axis=0)) / rings.sum()
    radii = np.geomspace(edges[1], edges[-1], 2000)
    return float(np.interp(0.9, PchipInterpolator(np.log(edges[1:]), share)(np.log(radii)), radii))


def incidents_of(detector: Detector, particle: str, energy: float, n: int) -> Incidents:
    """The incidents that the detector is meant for, or a centred beam; energy in GeV."""
    config = SourceConfig(particle=particle, energy=f"{energy} GeV")
    return Source.from_config(config, detector).draw(0, n, seed=1)


class Bench:
    """Geant4 simulations of a preset and of its units of plates, which are to be closed."""

    def __init__(self, preset: str) -> None:
        self.stack = Stack(Detector.load(preset))
        self._cells, self._units = (Geant4Simulator(d) for d in (self.stack.preset, self.stack.detector))
        self._warm: set[str] = set()

    def measure(self, particle: str, energy: float, n: int) -> dict[str, Any]:
        """Measure n showers of an energy [GeV]."""
        if particle not in self._warm:
            self._cells.simulate(Incidents.make(particle, 100.0), 0)  # reads the tables
            self._warm.add(particle)
        visible, ms = self._timed(incidents_of(self.stack.preset, particle, energy, n))
        readout = self.stack.preset.readout
        response = visible / (readout.sampling_fraction * 1000 * energy)
        beam = incidents_of(self.stack.detector, particle, energy, n)
        cells = self._units.simulate(beam, 2).energies.astype(np.float64).reshape(n, -1, RINGS)
        return {
            "preset": self.stack.preset.name, "particle": particle, "energy_GeV": energy, "n": n,
            "response": (float(response.mean()), float(response.std(ddof=1) / math.sqrt(n))),
            "resolution": jackknife(resolution, response),
            "maximum": jackknife(lambda units: maximum(self.stack, units), cells.sum(axis=2)),
            "radius": jackknife(lambda rings: containment_radius(self.stack, rings), cells.sum(axis=1)),
            "ms": ms,
        }  # fmt: skip

    def _timed(self, incidents: Incidents) -> tuple[Floats, Figure]:
        """Energies [MeV] (N,), and CPU time [ms] of the Geant4 process per shower with its error from four parts."""
        parts = np.array_split(np.arange(len(incidents)), 4)
        energies, times = [], []
        for rows in parts:
            before = cpu_seconds(self._cells)
            energies.append(self._cells.simulate(incidents[rows], 1).energies.sum(axis=1, dtype=np.float64))
            times.append(1000 * (cpu_seconds(self._cells) - before) / len(rows))
        return np.concatenate(energies), (float(np.mean(times)), float(np.std(times, ddof=1) / 2))

    def close(self) -> None:
        """End the Geant4 processes."""
        self._cells.close()
        self._units.close()


def measure_all(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all points; those with as many showers in earlier runs are read from their files."""
    arguments.cache.mkdir(parents=True, exist_ok=True)
    points = []
    for preset in arguments.presets:
        bench = Bench(preset)
        identity = bench.stack.preset.hash[:8]
        for particle in arguments.particles:
            for energy in arguments.energies:
                most = arguments.pions if particle == "pi+" else arguments.showers
                n = max(FEWEST, round(most * math.sqrt(10 / energy)))
                stem = f"{preset}-{identity}-{particle}-{energy:g}GeV"
                file = finished(arguments.cache, stem, n) or arguments.cache / f"{stem}-{n}.json"
                if not file.exists():
                    text = json.dumps(bench.measure(particle, energy, n))
                    with replacing(file) as beside:
                        beside.write_text(text)
                points.append(json.loads(file.read_text()))
                print(row(points[-1]), flush=True)
        bench.close()
    return points


def finished(folder: Path, stem: str, n: int) -> Path | None:
    """The stored point with the most showers, if there are at least n."""
    found = {int(file.stem.rsplit("-", 1)[1]): file for file in folder.glob(f"{stem}-*.json")}
    most = max(found, default=0)
    return found[most] if most >= n else None


def row(point: dict[str, Any]) -> str:
    """One line of the table."""
    spread, error = (100 * value for value in point["resolution"])
    deepest = "{:.2f} ± {:.2f}".format(*point["maximum"]) if point["maximum"][1] < UNKNOWN else "unknown"
    figures = [
        "{:.4g} ± {:.2g}".format(*point["response"]), f"{spread:.3g} ± {error:.2g} %",
        deepest, "{:.1f} ± {:.1f}".format(*point["radius"]),
        "{:.0f} ± {:.0f}".format(*point["ms"]),
    ]  # fmt: skip
    names = [point["preset"], point["particle"], f"{point['energy_GeV']:g}", str(point["n"])]
    return f"| {' | '.join(names + figures)} |"


def check(stack: Stack, points: list[dict[str, Any]]) -> str:
    """One line: maxima of one particle compared with the expected ones, and linearity of the response."""
    particle, critical = points[0]["particle"], stack.critical_energy
    offs = [
        p["maximum"][0] - math.log(1000 * p["energy_GeV"] / critical) - MAXIMUM_SHIFT[particle] for p in points
    ]  # fmt: skip
    verdict = judge(np.array(offs), np.array([p["maximum"][1] for p in points]), MAXIMUM_TOLERANCE)
    off_text = ", ".join(f"{off:+.2f} ± {point['maximum'][1]:.2f}" for off, point in zip(offs, points, strict=True))
    name = stack.preset.name
    return f"| {name} | {particle} | {critical:.2f} | {off_text} | {verdict} | {linearity(stack, points)} |"


def judge(offs: Floats, errors: Floats, tolerance: float) -> str:
    """Verdict: all values are within the tolerance, or one is outside it, within its errors or beyond them."""
    if np.all(np.abs(offs) <= tolerance):
        return "pass"
    return "pass within errors" if np.all(np.abs(offs) <= tolerance + SIGMAS * errors) else "FAIL"


def linearity(stack: Stack, points: list[dict[str, Any]]) -> str:
    """Largest deviation of a response from the mean response, and the verdict for deep detectors."""
    values, errors = np.array([point["response"] for point in points]).T
    mean = np.average(values, weights=errors**-2)
    off, error = values / mean - 1, errors / mean
    worst = int(np.argmax(np.abs(off) - SIGMAS * error))
    text = f"{100 * off[worst]:+.2f} ± {100 * error[worst]:.2f} %"
    if summarise(stack.preset).depth_x0 < DEEP:
        return f"{text} | not asked: thin"
    if stack.dead_depth > 0:
        return f"{text} | not asked: dead material"
    return f"{text} | {judge(off, error, LINEARITY_TOLERANCE)}"


def tables(points: list[dict[str, Any]]) -> str:
    """Both tables as Markdown."""
    heads = (
        ["preset", "particle", "E [GeV]", "showers", "response", "resolution", "maximum [X0]", "R90 [mm]", "ms"],
        ["preset", "particle", "Ec [MeV]", "maximum - expected [X0]", "within 0.7", "response - mean", "linear to 1 %"],
    )  # fmt: skip
    lines = [row(point) for point in points]
    checks = []
    for preset in dict.fromkeys(point["preset"] for point in points):
        stack = Stack(Detector.load(preset))
        for particle in MAXIMUM_SHIFT:
            chosen = [p for p in points if (p["preset"], p["particle"]) == (preset, particle)]
            checks += [check(stack, chosen)] if chosen else []
    return "\n\n".join(
        "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *body])
        for head, body in zip(heads, (lines, checks), strict=True)
    )


def replace_tables(path: Path, text: str) -> None:
    """Replace the tables between their marks in a Markdown file."""
    begin, end = MARKS.format("begin"), MARKS.format("end")
    before, rest = path.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--showers", type=int, default=12, help="of e- and gamma at 10 GeV; as 1 / sqrt(E) at others")
    parser.add_argument("--pions", type=int, default=24, help="of pi+ at 10 GeV")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps finished points")
    parser.add_argument("--energies", type=float, nargs="+", default=[10, 30, 100], help="GeV")
    parser.add_argument("--particles", nargs="+", default=list(PARTICLES), choices=PARTICLES)
    parser.add_argument("--presets", nargs="+", default=preset_names(), choices=preset_names())
    parser.add_argument("-o", "--output", type=Path, help="JSON with all figures")
    parser.add_argument("--docs", type=Path, help="Markdown file that holds the tables")
    arguments = parser.parse_args()
    points = measure_all(arguments)
    text = tables(points)
    print(text)
    if arguments.output:
        arguments.output.write_text(json.dumps(points, indent=1))
    if arguments.docs:
        replace_tables(arguments.docs, text)


if __name__ == "__main__":
    main()
