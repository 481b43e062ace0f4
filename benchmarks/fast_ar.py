"""FAST.AR by energy label: profiles and responses at held-out and at training labels, and losses on both samples.

    python benchmarks/fast_ar.py RUN --labels 10 11.5 13.5 --per-label 500 [--references FOLDER]
    python benchmarks/fast_ar.py runs/fast-ar-high --labels 93 95 98 --reference runs/fast-ar-high/showers/test.h5

RUN is a folder of `caloforge run`, or of a training, whose ONNX file --model names. Geant4 showers of each label are
simulated once and kept in FOLDER; --reference FILE.h5 takes them from a file instead. The program prints tables in
Markdown; --plot FILE.png draws the profiles.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import widths
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.models import Batch
from caloforge.showers import Incidents, Showers, concatenate, read, write
from caloforge.simulators import create
from caloforge.simulators.learned import LearnedSimulator
from caloforge.training import check_trained, load_model

Floats = NDArray[np.float64]

MAIN = 0.05  # share of the energy from which a layer must have the right mean
STREAM = 11  # seed of the model's noise
PARTICLE = "e-"
OWN_SEED = 77  # seed of Geant4's showers, which differs from that of the training showers


def geant4_showers(detector: Detector, energy: float, n: int, folder: Path) -> Showers:
    """Showers of one label [MeV], from the file of an earlier call if there is one."""
    path = folder / f"{detector.name}-{PARTICLE}-{energy / 1000:g}GeV-{n}-seed{OWN_SEED}.h5"
    if not path.is_file():
        ids = np.arange(n) + 1000 * int(energy)  # labels share no random numbers
        place = np.full((n, 3), [0.004, 0.003, 0.0])
        incidents = Incidents.make(PARTICLE, np.full(n, energy), position=place, shower_id=ids)
        geant4 = create("geant4", detector)
        try:
            write(path, geant4.simulate(incidents, OWN_SEED))
        finally:
            geant4.close()
    return read(path, detector)


def figures(showers: Showers) -> dict[str, Floats]:
    """Response, depth centre [mm], mean radius [mm] and hit cells of each shower (N,), and its layers (N, Z) [MeV]."""
    detector, cells = showers.detector, showers.thresholded().astype(np.float64)
    layers = detector.sum_layers(cells)
    total = layers.sum(1)
    depth = np.array([layer.z for layer in detector.layers])
    radius = np.hypot(*detector.cell_centres[:, :2].T)
    return {
        "response": total / showers.incidents.energy,
        "depth": layers @ depth / total,
        "radius": cells @ radius / total,
        "hits": (cells > 0).sum(1).astype(float),
        "layers": layers,
    }


def standard_error(values: Floats) -> Floats:
    """Standard error of the mean over showers."""
    return np.asarray(values.std(0, ddof=1) / np.sqrt(len(values)))


def compare(reference: Showers, model: Showers) -> dict[str, float]:
    """Deviations of the model from Geant4 [%], each with its statistical error."""
    theirs, ours = figures(reference), figures(model)
    share = theirs["layers"].mean(0) / theirs["layers"].sum(1).mean()
    held = share > MAIN
    ratio = ours["layers"].mean(0) / theirs["layers"].mean(0) - 1
    error = np.hypot(standard_error(ours["layers"]), standard_error(theirs["layers"])) / theirs["layers"].mean(0)
    beyond = np.abs(ratio) / np.maximum(0.02, 2 * error)  # above 1: off by more than 2 % and two errors
    worst = int(np.flatnonzero(held)[beyond[held].argmax()])
    found = {"showers": len(reference), "worst": 100 * ratio[worst], "worst_error": 100 * error[worst],
             "worst_layer": worst, "good": bool(beyond[worst] < 1)}  # fmt: skip
    for name, width in (("width", widths.standard), ("central", widths.central)):
        found[name], found[f"{name}_error"] = widths.ratio(ours["response"], theirs["response"], width)
    for name in ("response", "depth", "radius", "hits"):
        mean = theirs[name].mean()
        found[name] = 100 * (ours[name].mean() / mean - 1)
        found[f"{name}_error"] = 100 * np.hypot(standard_error(ours[name]), standard_error(theirs[name])) / mean
    return found


def row(title: str, found: dict[str, float]) -> str:
    """One line of the table."""
    means = " | ".join(f"{found[n]:+.2f} +- {found[f'{n}_error']:.2f}" for n in ("response", "depth", "radius", "hits"))
    worst = f"{found['worst_layer']} | {found['worst']:+.1f} +- {found['worst_error']:.1f}"
    good = "yes" if found["good"] else "no"
    width = " | ".join(f"{found[n]:.2f} +- {found[f'{n}_error']:.2f}" for n in ("width", "central"))
    return f"| {title} | {found['showers']} | {worst} | {good} | {width} | {means} |"


def profiles(showers: Showers) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Mean energies [MeV] and their errors: of layers by depth [mm], and of cells summed over depth by radius [mm]."""
    detector, cells = showers.detector, showers.thresholded().astype(np.float64)
    layers = detector.sum_layers(cells)
    first = detector.layers[0].slice
    radius = np.round(np.hypot(*detector.cell_centres[first, :2].T), 6)
    across = cells.reshape(len(cells), len(detector.layers), -1).sum(1)
    radii, ring = np.unique(radius, return_inverse=True)
    rings = np.stack([across[:, ring == k].mean(1) for k in range(len(radii))], 1)
    depths = np.array([layer.z for layer in detector.layers])
    return {
        "depth [mm]": (depths, layers.mean(0), standard_error(layers)),
        "radius [mm]": (radii, rings.mean(0), standard_error(rings)),
    }


def draw(samples: dict[float, Showers], made: dict[float, Showers], known: Floats, path: Path) -> None:
    """Draw profiles along the axis (above) and across it (below, logarithmic), with one column per label."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(samples), 6), layout="constrained")
    grid = figure.subplots(2, len(samples), squeeze=False)
    for column, energy in enumerate(samples):
        theirs, ours = profiles(samples[energy]), profiles(made[energy])
        for axes, (name, (x, mean, error)) in zip(grid[:, column], theirs.items(), strict=True):
            axes.errorbar(x, mean, error, fmt="o", ms=3, color="black", label=f"Geant4, {len(samples[energy])} showers")
            _, y, spread = ours[name]
            axes.step(x, y, where="mid", color="C3", label="FAST.AR")
            axes.fill_between(x, y - spread, y + spread, step="mid", color="C3", alpha=0.3)
            axes.set_xlabel(name)
        grid[1, column].set_yscale("log")
        grid[0, column].set_title(f"{energy / 1000:g} GeV, {'seen' if energy in known else 'held out'}")
    grid[0, 0].set_ylabel("energy of a layer [MeV]")
    grid[1, 0].set_ylabel("energy of a cell, all layers [MeV]")
    grid[0, 0].legend()
    figure.savefig(path, dpi=100)


def losses(run: Path, showers: dict[str, Showers], size: int = 50) -> dict[str, float]:
    """Mean loss per cell of the trained model on each sample."""
    model = load_model(run)

    def mean(sample: Showers) -> float:
        torch.manual_seed(1)
        batches = (Batch.of(sample[i : i + size]) for i in range(0, len(sample), size))
        with torch.no_grad():
            return sum(float(model.loss(batch)) * len(batch) for batch in batches) / len(sample)

    return {name: mean(sample) for name, sample in showers.items()}


def labelled(showers: Showers, energies: list[float]) -> Showers:
    """Showers of the given labels [MeV]."""
    found = showers[np.isin(np.round(showers.incidents.energy, 3), np.round(energies, 3))]
    if len(found) < 2:
        raise InputError(f"{len(found)} showers of {energies} MeV in the reference; at least two are needed")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--model", type=Path, help="exported model; by default the one in RUN")
    parser.add_argument("--train", type=Path, help="training showers; by default those in RUN")
    parser.add_argument("--labels", type=float, nargs="+", required=True, help="GeV")
    parser.add_argument("--per-label", type=int, default=500)
    parser.add_argument("--references", type=Path, default=Path(), help="folder that keeps Geant4's showers")
    parser.add_argument("--reference", type=Path, help="file with showers of the labels, instead of making them")
    parser.add_argument("--plot", type=Path, help="figure of the profiles")
    arguments = parser.parse_args()
    trained = check_trained(arguments.run)
    simulator = LearnedSimulator(arguments.model or next(arguments.run.glob("*.onnx")))
    detector, energies = simulator.detector, [1000 * label for label in arguments.labels]
    train = read(arguments.train or arguments.run / "showers" / "train.h5", detector)
    known = np.unique(np.round(train.incidents.energy, 3))
    file = read(arguments.reference, detector) if arguments.reference else None
    samples = {
        energy: labelled(file, [energy])
        if file is not None
        else geant4_showers(detector, energy, arguments.per_label, arguments.references)
        for energy in energies
    }
    print("| label [GeV] | showers | worst layer with > 5 % | off [%] | within 2 % or 2 errors | width ratio "
          "| of central 68 % | response [%] | centre in depth [%] | mean radius [%] | hit cells [%] |")  # fmt: skip
    print("|---" * 11 + "|")
    groups: dict[str, list[float]] = {"held out": [e for e in energies if e not in known],
                                      "seen": [e for e in energies if e in known]}  # fmt: skip
    made = {energy: simulator.simulate(sample.incidents, STREAM) for energy, sample in samples.items()}
    for group, members in groups.items():
        for energy in members:
            print(row(f"{energy / 1000:g}, {group}", compare(samples[energy], made[energy])), flush=True)
        if len(members) > 1:
            both = (concatenate([sets[energy] for energy in members]) for sets in (samples, made))
            print(row(f"all {group}", compare(*both)), flush=True)
    if arguments.plot:
        draw(samples, made, known, arguments.plot)
    tested = {f"test, label {e / 1000:g} ({'seen' if e in known else 'held out'})": s for e, s in samples.items()}
    print("\n| sample | loss per cell |\n|---|---|")
    for name, loss in losses(trained, {"train": train[:500], **tested}).items():
        print(f"| {name} | {loss:.4f} |")


if __name__ == "__main__":
    main()
