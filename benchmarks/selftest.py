"""Self-test of the benchmark: Geant4 showers with one change, compared with unchanged ones.

    python benchmarks/selftest.py SHOWERS.h5 [--detector calogan-ecal] [--per-class 2750]

The file is split in four by position: reference, floor, the sample that is changed, and a training set. The program
prints a table in Markdown.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from caloforge.detector import Detector, symmetries
from caloforge.report import validate
from caloforge.showers import Showers, read
from caloforge.validation.benchmark import Metrics

VIEWS = ("low", "low_normed", "high", "log", "fixed", "high_trees")


def heavy_cells(showers: Showers) -> tuple[int, int]:
    """Two cells with over 1 % of the energy each that no symmetry of the detector maps onto each other."""
    mean = showers.energies.mean(axis=0)
    share = mean / mean.sum()
    order = [int(cell) for cell in np.argsort(share)[::-1] if share[cell] > 0.01]
    symmetry_classes = {cell: set(symmetries(showers.detector)[:, cell].tolist()) for cell in order}
    second = next(cell for cell in reversed(order) if cell not in symmetry_classes[order[0]])
    return order[0], second


def changed(showers: Showers, training: Showers, seed: int = 1) -> dict[str, Showers]:
    """The changed samples by name."""
    rng = np.random.default_rng(seed)
    detector, energies, n = showers.detector, showers.energies, len(showers)
    first, second = heavy_cells(showers)
    scaled, swapped, shifted, shuffled = (energies.copy() for _ in range(4))
    scaled[:, second] *= 1.1
    swapped[:, [first, second]] = energies[:, [second, first]]
    layer = detector.layers[0]
    grid = energies[:, layer.slice].reshape(n, *layer.cells.shape)
    shifted[:, layer.slice] = np.roll(grid, 1, axis=2).reshape(n, -1)
    order = np.argsort(showers.incidents.energy)
    neighbours = order.reshape(-1)[_shuffle_nearby(n, rng)]
    back = detector.layers[1].slice
    shuffled[order, back] = energies[neighbours, back]
    smeared = energies * rng.normal(1.0, 0.01, (n, 1)).astype(np.float32)
    samples = {"unchanged": energies, "one cell x 1.1": scaled, "two cells swapped": swapped,
               "layer shifted by a cell": shifted, "layers shuffled between showers": shuffled,
               "energies smeared by 1 %": smeared}  # fmt: skip
    copies = {name: replace(showers, energies=values) for name, values in samples.items()}
    return copies | {"training set again": training[:n]}


def _shuffle_nearby(n: int, rng: np.random.Generator, reach: int = 20) -> np.ndarray:
    """Indices 0 to n - 1, shuffled within blocks, so that partners have nearly the same incident energy."""
    blocks = [rng.permutation(np.arange(start, min(start + reach, n))) for start in range(0, n, reach)]
    return np.concatenate(blocks)


def findings(metrics: Metrics, floor: Metrics) -> list[str]:
    """Metrics that find the change: AUC five errors above the floor, probabilities below 1e-4, pulls above five."""
    found = []
    for name in ("auc", *(f"auc_{view}" for view in VIEWS)):
        score, base = metrics[name], floor[name]
        if score["mean"] - base["mean"] > 5 * np.hypot(score["error"], base["error"]):
            found.append(f"{name} {score['mean']:.3f}")
    for test in ("cells", "correlations"):
        if metrics[test]["probability"] < 1e-4:
            found.append(f"{test} {metrics[test]['largest_pull']:+.0f} σ")
    width = metrics["observables"]["response"]
    if abs(width["std_ratio"] - 1) > 5 * width["std_ratio_error"]:
        found.append(f"response width ratio {width['std_ratio']:.2f}")
    pulls = {name: values["mean_pull"] for name, values in metrics["observables"].items()}
    worst = max(pulls, key=lambda name: abs(pulls[name] or 0))
    if abs(pulls[worst]) > 5:
        found.append(f"mean of {worst} {pulls[worst]:+.0f} σ")
    if metrics["memorisation"]["copied"] > 5 * metrics["memorisation"]["copied_error"]:
        found.append(f"copied {metrics['memorisation']['copied']:.2f}")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--detector", default="calogan-ecal")
    parser.add_argument("--per-class", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    showers = read(arguments.file, Detector.load(arguments.detector))
    n = min(arguments.per_class, len(showers) // 4)
    reference, floor, sample, training = (showers[i * n : (i + 1) * n] for i in range(4))
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        metrics = validate(reference, changed(sample, training), Path(folder), floor=floor, training=training,
                           seeds=arguments.seeds)  # fmt: skip
    print(f"{n} showers per class, {arguments.seeds} seeds, {time.perf_counter() - started:.0f} s\n")
    print("| change | found by |\n|---|---|")
    for name, found in {"(floor)": metrics["floor"], **metrics["candidates"]}.items():
        print(f"| {name} | {', '.join(findings(found, metrics['floor'])) or 'nothing'} |")


if __name__ == "__main__":
    main()
