"""The plots and tables of ATLAS's talk (ATL-SOFT-PUB-2018-001) for any simulators of `atlas-barrel`, against Geant4.

python benchmarks/atlas.py vae.onnx wgan-gp.onnx gflash --cache FOLDER -o FOLDER

The plots show the energy of each layer at 65 GeV, the first and the second moment in depth at 4, 65 and 260 GeV, and
the mean energy against delta eta in the strips and delta phi in the middle layer at 65 GeV. The panel below each plot
shows the ratios to Geant4. A Markdown table gives means, widths and milliseconds per shower. Geant4's showers are
simulated once and kept in the cache.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import widths
from caloforge.detector import Detector
from caloforge.detector.cells import CartesianCells
from caloforge.detector.frames.window import hit_cells
from caloforge.errors import InputError
from caloforge.production import Order, Source, SourceConfig, produce
from caloforge.showers import Showers, read
from caloforge.simulators import create, labelled
from caloforge.validation import observables as obs

Floats = NDArray[np.float64]
Samples = dict[str, Showers]  # by simulator, Geant4 first

ENERGIES = (4, 65, 260)  # GeV
PLOTTED = 65
FULL = "Geant4"
LAYERS = ("presampler", "strips", "middle", "back")
STRIPS, MIDDLE = 1, 2
LARGE_SHARE = 0.05  # share of the energy from which a layer must have the right mean
CELL_ETA, CELL_PHI = 0.025 / 38.4, 0.0245 / 36.8  # per mm: a middle cell is 0.025 x 0.0245
BATCHES = (1, 100, 1000)
RATIOS = (0.5, 1.5)  # range of the panels with ratios
WIDTHS = {"width of the response": widths.standard, "of its central 68 %": widths.central}


def geant4(detector: Detector, energy: int, n: int, cache: Path) -> Showers:
    """Geant4's photons of one energy [GeV], from the cache or simulated now."""
    source = Source.from_config(SourceConfig(particle="gamma", energy=f"{energy} GeV"), detector)
    order = Order(detector, "geant4", partial(create, "geant4", detector), source, n, seed=1000 + energy)
    path = cache / f"atlas-{energy}GeV-{n}.h5"
    produce(order, path, workers=1, resume=True)
    return read(path, detector)


def samples(detector: Detector, calls: list[str], energy: int, n: int, cache: Path) -> Samples:
    """Showers of Geant4 and of every simulator on the same incidents."""
    full = geant4(detector, energy, n, cache)
    found = {FULL: full}
    for label, call in labelled(calls).items():
        simulator = create(call, detector)
        found[label] = simulator.simulate(full.incidents, seed=2)
        simulator.close()
    return found


def layers(showers: Showers) -> Floats:
    """Layer energies (N, 4) [MeV]."""
    return obs.layer_energies(showers.detector, showers.thresholded())


def centres(showers: Showers) -> Floats:
    """Longitudinal centres (N,) [mm]."""
    return obs.depth_centre(showers.detector, layers(showers))


def spreads(showers: Showers) -> Floats:
    """Second moments in depth (N,) [mm]: roots of the second central moment of the longitudinal profile."""
    return obs.depth_width(showers.detector, layers(showers))


def distances(showers: Showers, layer: int, axis: int) -> Floats:
    """Distance of each cell of a layer from the photon's straight line (N, cells), delta eta (x) or delta phi (y)."""
    detector, incidents = showers.detector, showers.incidents
    chosen, centre = detector.layers[layer], detector.layers[MIDDLE].cells
    if not isinstance(centre, CartesianCells):
        raise InputError(f"delta eta and delta phi are of cartesian cells, which '{detector.name}' has not")
    hit = hit_cells(detector, incidents.theta, incidents.phi, incidents.position)
    window = (hit + 0.5 - np.array(centre.fixed_shape) / 2) * np.array(centre.size)
    line = incidents.position[:, :2] + chosen.z * (incidents.direction / incidents.direction[:, 2:])[:, :2]
    away = chosen.cells.centres[:, axis] - (line - window)[:, axis : axis + 1]
    return np.asarray(away * (CELL_ETA, CELL_PHI)[axis])


def profile(showers: Showers, layer: int, axis: int, edges: Floats) -> tuple[Floats, Floats]:
    """Mean energy per shower [MeV] in bins of distance along an axis, and its statistical error."""
    where = np.searchsorted(edges, distances(showers, layer, axis)) - 1
    cells = showers.thresholded()[:, showers.detector.layers[layer].slice]
    per_shower = np.stack([np.where(where == b, cells, 0).sum(1, dtype=np.float64) for b in range(len(edges) - 1)], 1)
    return per_shower.mean(0), per_shower.std(0) / np.sqrt(len(showers))


MOMENTS = {"longitudinal centre": centres, "second moment in depth": spreads}


def ratio(ours: Floats, full: Floats) -> tuple[float, float]:
    """Ratio of the means of independent samples, and its statistical error."""
    value = ours.mean() / full.mean()
    relative = [values.std(ddof=1) / values.mean() / np.sqrt(len(values)) for values in (ours, full)]
    return float(value), float(value * np.hypot(*relative))


def judged(value: float, error: float, allowed: float) -> str:
    """A ratio with its error; unmarked if within `allowed` of one, "?" if only within two errors, else "✗"."""
    off = abs(value - 1)
    mark = "" if off <= allowed else " ?" if off <= 2 * error else " ✗"
    return f"{value:.3f} ± {error:.3f}{mark}"


def geant4_row(energy: int, full: Showers) -> str:
    """Row of Geant4's values."""
    each, total = layers(full).mean(0), layers(full).sum(1)
    cells = [f"{value:.4g} MeV ({100 * value / total.mean():.1f} %)" for value in each]
    cells += [f"{100 * float(width(total[None])[0]) / total.mean():.2f} %" for width in WIDTHS.values()]
    cells += [f"{moment(full).mean():.1f} mm" for moment in MOMENTS.values()]
    return f"| {' | '.join([str(energy), FULL, str(len(full)), *cells])} |"


def ratio_row(energy: int, name: str, showers: Showers, full: Showers, shares: Floats) -> str:
    """Ratios of a sample to Geant4's; layers with large shares (4,) of the energy are judged."""
    ours, theirs = layers(showers), layers(full)
    cells = [judged(*ratio(a, b), 0.02) if share > LARGE_SHARE else "{:.3f} ± {:.3f}".format(*ratio(a, b))
             for a, b, share in zip(ours.T, theirs.T, shares, strict=True)]  # fmt: skip
    cells += [judged(*widths.ratio(ours.sum(1), theirs.sum(1), width), 0.15) for width in WIDTHS.values()]
    cells += [judged(*ratio(moment(showers), moment(full)), 0.01) for moment in MOMENTS.values()]
    return f"| {' | '.join([str(energy), name, str(len(showers)), *cells])} |"


def rows(energy: int, found: Samples) -> list[str]:
    """Lines of the table for one energy; the floor compares the first half of Geant4's showers with the second."""
    full = found[FULL]
    half, shares = len(full) // 2, layers(full).mean(0) / layers(full).sum(1).mean()
    floor = [ratio_row(energy, "floor", full[:half], full[half:], shares)] if half > 1 else []
    others = [ratio_row(energy, name, showers, full, shares) for name, showers in found.items() if name != FULL]
    return [geant4_row(energy, full), *floor, *others]


def times(detector: Detector, calls: list[str]) -> list[str]:
    """Lines with ms per shower at 65 GeV by batch: the least of several calls on one thread."""
    source = Source.from_config(SourceConfig(particle="gamma", energy=f"{PLOTTED} GeV"), detector)
    incidents = source.draw(0, max(BATCHES), seed=3)
    lines = []
    for label, call in labelled(calls).items():
        simulator = create(call, detector)
        cells = [f"{fastest(simulator, incidents[:n]):.3g}" for n in BATCHES]
        simulator.close()
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return lines


def fastest(simulator: Any, incidents: Any) -> float:
    """Least milliseconds per shower."""
    tries = []
    for _ in range(max(5, 300 // len(incidents))):
        start = time.perf_counter()
        simulator.simulate(incidents, 1)
        tries.append(1000 * (time.perf_counter() - start) / len(incidents))
    return min(tries)


def table(detector: Detector, by_energy: dict[int, Samples], calls: list[str]) -> str:
    """Both tables as Markdown."""
    head = ["E [GeV]", "simulator", "showers", *LAYERS, *WIDTHS, *MOMENTS]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for energy, found in by_energy.items():
        lines += rows(energy, found)
    head = ["simulator", *(f"ms per shower, batch {n}" for n in BATCHES)]
    lines += ["", f"| {' | '.join(head)} |", "|---" * len(head) + "|", *times(detector, calls)]
    return "\n".join(lines) + "\n"


def common_edges(found: dict[str, Floats], n: int = 30) -> Floats:
    """Bins that hold nearly all values of Geant4."""
    low, high = np.quantile(found[FULL], [0.002, 0.998])
    margin = 0.1 * (high - low) or 1.0
    return np.linspace(max(low - margin, 0.0), high + margin, n + 1)


def panels(width: float, height: float, n: int) -> tuple[Any, Any]:
    """A figure of n plots, each with a panel for ratios below; and the pairs of axes."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    grid = figure.subplots(2, n, sharex="col", squeeze=False, height_ratios=(3, 1))
    return figure, grid.T


def histograms(pair: Any, found: dict[str, Floats], label: str) -> None:
    """Draw densities of all simulators, with Geant4's filled, and below their ratios to Geant4's."""
    edges = common_edges(found)
    counts = {name: np.histogram(v.clip(edges[0], edges[-1]), edges)[0] for name, v in found.items()}
    middle = (edges[1:] + edges[:-1]) / 2
    for name, n in counts.items():
        style = {"fill": True, "color": "0.8"} if name == FULL else {}
        pair[0].stairs(n / (n.sum() * np.diff(edges)), edges, label=name, **style)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios(pair[1], middle, n / n.sum(), np.sqrt(n) / n.sum(), counts[FULL] / counts[FULL].sum(), name)
    pair[0].set(yticks=[])
    pair[1].set(xlabel=label)


def curves(pair: Any, found: Samples, layer: int, axis: int, edges: Floats, labels: tuple[str, str]) -> None:
    """Draw mean energies against the distance from the photon's line, with Geant4's as points, and their ratios."""
    middle = (edges[1:] + edges[:-1]) / 2
    full, _ = profile(found[FULL], layer, axis, edges)
    for name, showers in found.items():
        mean, error = profile(showers, layer, axis, edges)
        style = {"fmt": "ko", "ms": 3} if name == FULL else {"drawstyle": "steps-mid"}
        pair[0].errorbar(middle, mean, error, label=name, **style)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios(pair[1], middle, mean, error, full, name)
    pair[0].set(ylabel=labels[1], yscale="log")
    pair[1].set(xlabel=labels[0])


def ratios(axes: Any, x: Floats, ours: Floats, error: Floats, full: Floats, name: str) -> None:
    """Draw ratios to Geant4's values with the errors of the simulator; around one, Geant4's own errors."""
    if name == FULL:
        axes.fill_between(x, 1 - error / full, 1 + error / full, color="0.8", step="mid")
        axes.set(ylim=RATIOS, ylabel=f"ratio to\n{FULL}")
    else:
        axes.errorbar(x, ours / full, error / full, fmt=".", ms=3, lw=0.8)


def draw(by_energy: dict[int, Samples], folder: Path) -> None:
    """Draw the figures of the talk as PNG, and the second moments in depth."""
    plotted = by_energy[PLOTTED]
    figure, pairs = panels(13, 4.2, len(LAYERS))
    for i, pair in enumerate(pairs):
        histograms(pair, {name: layers(s)[:, i] for name, s in plotted.items()}, f"energy in the {LAYERS[i]} [MeV]")
    _save(figure, pairs, folder / "atlas-layers.png")
    for file, (title, moment) in zip(("centre", "width"), MOMENTS.items(), strict=True):
        figure, pairs = panels(11, 4.2, len(by_energy))
        for (energy, found), pair in zip(by_energy.items(), pairs, strict=True):
            histograms(pair, {name: moment(s) for name, s in found.items()}, f"{title} at {energy} GeV [mm]")
        _save(figure, pairs, folder / f"atlas-{file}.png")
    figure, pairs = panels(10, 4.8, 2)
    eta, phi = 4.8 * CELL_ETA * np.arange(-24.5, 25), 18.4 * CELL_PHI * np.arange(-6.5, 7)
    curves(pairs[0], plotted, STRIPS, 0, eta, (r"$\Delta\eta$", "mean energy in the strips [MeV]"))
    curves(pairs[1], plotted, MIDDLE, 1, phi, (r"$\Delta\phi$", "mean energy in the middle layer [MeV]"))
    _save(figure, pairs, folder / "atlas-lateral.png")


def _save(figure: Any, pairs: Any, path: Path) -> None:
    pairs[-1][0].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Simulate, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("simulators", nargs="+", help="exported models, gflash, frozen=LIBRARY.h5")
    parser.add_argument("--showers", type=int, nargs=len(ENERGIES), default=[1000, 500, 250],
                        help="of Geant4 at 4, 65 and 260 GeV")  # fmt: skip
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps Geant4's showers")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of figures and table")
    arguments = parser.parse_args()
    for folder in (arguments.cache, arguments.output):
        folder.mkdir(parents=True, exist_ok=True)
    detector = Detector.load("atlas-barrel")
    counts = zip(ENERGIES, arguments.showers, strict=True)
    by_energy = {e: samples(detector, arguments.simulators, e, n, arguments.cache) for e, n in counts}
    draw(by_energy, arguments.output)
    text = table(detector, by_energy, arguments.simulators)
    (arguments.output / "atlas.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
