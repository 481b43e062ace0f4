"""Counted share of the energy of electrons in stacks of two plates: Geant4, the formula fitted to it, and the table.

python benchmarks/sampling.py --measure   Geant4 in those stacks of benchmarks/results/sampling.json without a result
python benchmarks/sampling.py --fit       parameters for `caloforge.detector.sampling.FIT`, from the stacks marked "fit"
python benchmarks/sampling.py             the table of benchmarks/results/gflash.md

Electrons of 10 GeV enter 30 X0 of two plates, 1 m wide (3 m in aluminium), each of which is read out as a whole.
`counted` is the mean share of the second plates in the deposited energy, so that leakage (below 0.5 %) does not matter.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from caloforge.detector import Detector
from caloforge.detector.materials import nist
from caloforge.detector.sampling import FIT, Fit, Unit
from caloforge.showers import Incidents
from caloforge.simulators import create

Floats = NDArray[np.float64]

RESULTS = Path(__file__).parent / "results" / "sampling.json"
DEPTH = 30.0  # X0
ENERGY = 10_000.0  # MeV
FLOOR = 0.005  # relative error of the formula that the fit allows for
LAYER = """[[layer]]
plates = [{{material = "{0}", thickness = "{1} mm"}}]
counts = ["{0}"]
cells = {{kind = "cylindrical", n = [1, 1], r_max = "{2} mm"}}
"""


def unit(stack: dict[str, Any]) -> Unit:
    """The sampling unit of a stack."""
    return Unit(((nist()[stack["passive"]], stack["plate"], False), (nist()[stack["active"]], stack["gap"], True)))


def measure(stack: dict[str, Any]) -> dict[str, Any]:
    """The stack with Geant4's counted share."""
    plates = [(stack["passive"], stack["plate"]), (stack["active"], stack["gap"])]
    depth = sum(thickness / nist()[name].x0_mm for name, thickness in plates)
    radius = 1500 if stack["passive"] == "G4_Al" else 500
    layers = "".join(LAYER.format(name, thickness, radius) for name, thickness in plates)
    detector = Detector.from_toml('name = "stack"\n' + layers * min(math.ceil(DEPTH / depth), 495))
    simulator = create("geant4", detector)
    try:
        showers = simulator.simulate(Incidents.make("e-", np.full(stack["showers"], ENERGY)), 1)
    finally:
        simulator.close()
    left = showers.energies.astype(np.float64).reshape(len(showers), -1, 2).sum(1)
    share = left[:, 1] / left.sum(1)
    physics = showers.provenance["physics"][0]["list"]
    error = float(share.std(ddof=1) / math.sqrt(len(share)))
    return stack | {"physics": physics, "counted": round(float(share.mean()), 7), "error": round(error, 8)}


def fit(stacks: Sequence[dict[str, Any]]) -> Fit:
    """Parameters of the best fit to the logarithms of Geant4's responses."""
    units = [unit(stack) for stack in stacks]
    values, errors = np.array([(stack["counted"], stack["error"]) for stack in stacks]).T
    rest = 1 - values  # the fit is to the logarithm of counted over remaining energy
    names = [field.name for field in fields(Fit)]

    def pulls(parameters: Floats) -> Floats:
        tried = Fit(**dict(zip(names, parameters.tolist(), strict=True)))
        found = np.array([one.visible_fraction(tried) for one in units])
        return np.asarray(np.log(found / (1 - found) / values * rest) / np.hypot(errors / values / rest, FLOOR))

    start = np.array(list(asdict(FIT).values()))
    low = [5, 0.3, 0.01, 0.2, -3, -1, -2, -3, -1, -1]
    high = [300, 4, 20, 3, 3, 2, 2, 3, 1, 1]
    found = least_squares(pulls, start, bounds=(low, high), x_scale=np.abs(start) + 0.1)
    return Fit(**dict(zip(names, (float(f"{value:.4g}") for value in found.x), strict=True)))


def rows(stacks: Sequence[dict[str, Any]]) -> list[str]:
    """One line of Markdown for each stack."""
    lines = []
    for stack in stacks:
        one = unit(stack)
        name = f"{stack['passive'][3:]} {stack['plate']:g} / {stack['active'][3:]} {stack['gap']:g}"
        published = one.mip_fraction / (1 + 0.007 * (one.passive[0][0].z_eff - one.counted[0][0].z_eff))
        ratio, error = one.visible_fraction() / stack["counted"], stack["error"] / stack["counted"]
        lines.append(
            f"| {name} | {stack['showers']} | {stack['counted'] / one.mip_fraction:.3f} | {one.e_over_mip:.3f} "
            f"| {100 * (ratio - 1):+.1f} +- {100 * error:.1f} % | {100 * (published / stack['counted'] - 1):+.1f} % |"
        )
    return lines


def summary(stacks: Sequence[dict[str, Any]]) -> str:
    """Spread and largest deviation of the formula in one line."""
    off = np.array([unit(stack).visible_fraction() / stack["counted"] - 1 for stack in stacks])
    noise = np.array([stack["error"] / stack["counted"] for stack in stacks])
    root, expected = (100 * math.sqrt(float(np.mean(values**2))) for values in (off, noise))
    largest = 100 * np.abs(off).max()
    return (f"{len(stacks)} stacks: root mean square {root:.2f} % (Geant4's statistics alone {expected:.2f} %), "
            f"largest {largest:.1f} %")  # fmt: skip


def main() -> None:
    """Measure, fit, or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    stacks: list[dict[str, Any]] = json.loads(RESULTS.read_text())
    if arguments.measure:
        for index, stack in enumerate(stacks):
            if "counted" not in stack:
                stacks[index] = measure(stack)
                RESULTS.write_text("[\n" + ",\n".join(map(json.dumps, stacks)) + "\n]\n")
        return
    stacks = [stack for stack in stacks if "counted" in stack]
    if arguments.fit:
        print(fit([stack for stack in stacks if stack["use"] == "fit"]))
        return
    print("| stack [mm] | showers | e / mip Geant4 | formula | counted share, formula - Geant4 | published |")
    print("|---" * 6 + "|")
    for use in ("fit", "held out"):
        chosen = [stack for stack in stacks if stack["use"] == use]
        print("\n".join(rows(chosen)))
        print(f"\n{use}: {summary(chosen)}\n")


if __name__ == "__main__":
    main()
