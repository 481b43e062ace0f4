"""Models at ranges of the angle theta, such as one that their training left out: moments, response and AUC.

    python benchmarks/angles.py geant4.h5 model.onnx [OTHER ...] --edges 0 0.25 0.35 0.6

Geant4's showers are divided at the edges [rad]. Each model simulates their incidents, and the program prints the ratios
of the mean response, of the first and second moments in depth and in radius, and of the hits to Geant4's with their
statistical errors, and the judge's AUC (recipe quick) of each range.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.showers import Showers, read
from caloforge.simulators import create, labelled
from caloforge.validation.judges import judge
from caloforge.validation.recipes import find_recipe

Floats = NDArray[np.float64]
STREAM = 11  # seed of the models' noise
LEAST = 200  # showers of a range
NAMES = ("response", "depth", "its spread", "radius", "its spread", "hits")


def figures(showers: Showers) -> Floats:
    """Response, mean and spread of the depth [mm] and of the radius [mm], and hits of each shower (N, 6)."""
    detector, cells = showers.detector, showers.thresholded().astype(np.float64)
    total = np.maximum(cells.sum(1), detector.threshold)
    columns = [total / showers.incidents.energy]
    for values in (detector.cell_centres[:, 2], np.hypot(*detector.cell_centres[:, :2].T)):
        mean = cells @ values / total
        columns += [mean, np.sqrt(np.maximum(cells @ values**2 / total - mean**2, 0))]
    return np.column_stack([*columns, (cells > 0).sum(1)])


def ratios(reference: Showers, model: Showers) -> list[str]:
    """Ratios of the model's mean figures to Geant4's, each with its error."""
    theirs, ours = figures(reference), figures(model)
    ratio = ours.mean(0) / theirs.mean(0)
    error = np.sqrt(sum((x.std(0, ddof=1) / x.mean(0)) ** 2 / len(x) for x in (theirs, ours)))
    return [f"{a:.3f} ± {b:.3f}" for a, b in zip(ratio, ratio * error, strict=True)]


def auc(reference: Showers, model: Showers) -> str:
    """The judge's AUC and its error."""
    quick = find_recipe("quick")
    found = judge(reference, model, seed=1, folds=quick.folds, members=quick.judges, curve=()).auc
    return f"{found.mean:.3f} ± {found.error:.3f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("geant4", type=Path)
    parser.add_argument("candidates", nargs="+")
    parser.add_argument("--edges", type=float, nargs="+", required=True, help="rad")
    given = parser.parse_args()
    showers = read(given.geant4)
    theta = showers.incidents.theta
    parts = {(low, high): showers[(theta >= low) & (theta < high)] for low, high in pairwise(given.edges)}
    if min(map(len, parts.values()), default=0) < LEAST:
        found = ", ".join(str(len(part)) for part in parts.values()) or "no"
        raise InputError(f"{found} showers between the edges; {LEAST} are needed in each range")
    print("| theta [rad] | showers | model | " + " | ".join(NAMES) + " | AUC |")
    print("|---" * (len(NAMES) + 4) + "|")
    for label, name in labelled(given.candidates).items():
        with create(name, showers.detector) as simulator:
            for (low, high), part in parts.items():
                made = simulator.simulate(part.incidents, STREAM)
                cells = [f"{low:g} to {high:g}", str(len(part)), label, *ratios(part, made), auc(part, made)]
                print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
