"""Fidelity against time: the judge's AUC and ms per shower at batch 1 and 100, for simulators, frozen showers, Geant4.

    python benchmarks/pareto.py geant4.h5 coupling-flow-eplus-small gflash frozen=train.h5 -o pareto --energy "50 GeV"

The first half of the file is what every candidate is compared with, and whose incidents it simulates. The second half
is the floor, Geant4's own point. Candidates are names of simulators, as in `caloforge validate`. All are timed on one
thread in the same run as Geant4. The program writes pareto.md, pareto.json and pareto.svg. CaloChallenge's models of
its photons (data set 1, 368 cells) are drawn in grey: theirs is another sample, another judge (the larger AUC of two
networks) and another machine. Source: arXiv:2410.21611.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from caloforge import bench as timing
from caloforge.particles import particle_name
from caloforge.production import SourceConfig
from caloforge.showers import Showers, read
from caloforge.simulators import create, labelled
from caloforge.validation.judges import judge
from caloforge.validation.recipes import find_recipe
from caloforge.validation.samples import check_unseen, halves

BATCHES = (1, 100)
COLOURS = ("#2a78d6", "#e2703a", "#12a07a", "#a952c8", "#c99700", "#0e9bb0", "#db4a7e", "#7a8b2a")
OFFSETS = ((6, 4), (6, -11))  # of names from their points, in turn
# larger AUC of cells and high-level features, ms per shower of one CPU core at batch 1 and 100
PUBLISHED = {
    "CaloDiffusion": (0.635, 15677.0, 4266.0), "CaloINN": (0.638, 37.9, 2.78), "CaloScore": (0.751, 19324.0, 9425.0),
    "CaloScore single-shot": (0.866, 223.0, 20.5), "CaloFlow teacher": (0.733, 42875.0, 2053.0),
    "CaloFlow student": (0.761, 576.0, 11.1), "BoloGAN": (0.966, 106.0, 1.73), "CaloVAE+INN": (0.966, 38.0, 1.58),
    "CaloForest": (0.924, 28400.0, 308.0), "CaloGraph": (0.820, 3250.0, 914.0), "Calo-VQ": (0.998, 93.6, 10.4),
}  # fmt: skip


class Point(NamedTuple):
    """One simulator: AUC, its error, the strongest member, and ms per shower by batch."""

    auc: float
    error: float
    member: str
    ms: dict[str, float]


def verdict(reference: Showers, sample: Showers, recipe: str) -> tuple[float, float, str]:
    """AUC of the judge, its error, and the strongest member."""
    chosen = find_recipe(recipe)
    found = judge(reference, sample, seed=1, folds=chosen.folds, members=chosen.judges, curve=()).auc
    return float(found.mean), float(found.error), found.member


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Judge and time all simulators."""
    reference, floor, _ = halves(read(given.geant4))
    detector = reference.detector
    simulators = {label: create(name, detector) for label, name in labelled(given.candidates).items()}
    samples = {label: one.simulate(reference.incidents, given.seed) for label, one in simulators.items()}
    check_unseen(reference, samples)
    verdicts = {}
    for label, sample in {"Geant4": floor, **samples}.items():
        verdicts[label] = verdict(reference, sample, given.recipe)
        print(label, *verdicts[label], flush=True)
    incidents = SourceConfig(particle=particle_name(int(reference.incidents.pdg[0])))
    times = timing.bench(detector, simulators, incidents, [given.energy], partial(print, flush=True), BATCHES)
    for one in simulators.values():
        one.close()
    ms = {"Geant4": {str(batch): full for full in times["geant4_ms"].values() for batch in BATCHES}}
    ms |= {label: {batch: row["ms"] for batch, row in rows.items()} for label, rows in times["simulators"].items()}
    points = {label: Point(*verdicts[label], ms[label])._asdict() for label in verdicts}
    return {"points": points, "n": len(reference), "recipe": given.recipe, "energy": given.energy, "seed": given.seed,
            "particle": incidents.particle, "detector": detector.name, "cpu": times["cpu"]}  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """Markdown: one row per simulator."""
    lines = ["| simulator | AUC | strongest member | ms at batch 1 | ms at batch 100 |", "|---|---|---|---|---|"]
    for label, row in found["points"].items():
        times = " | ".join(f"{row['ms'][str(batch)]:.3g}" if str(batch) in row["ms"] else "-" for batch in BATCHES)
        lines.append(f"| {label} | {row['auc']:.4f} ± {row['error']:.4f} | {row['member']} | {times} |")
    return "\n".join(lines)


def draw(found: dict[str, Any]) -> Figure:
    """AUC against time: a filled marker for batch 1, joined with an open one for batch 100."""
    canvas = Figure(figsize=(9, 6), layout="constrained")
    axes = canvas.add_subplot()
    for k, (name, (auc, one, hundred)) in enumerate(PUBLISHED.items()):
        _pair(axes, [one, hundred], auc, "#9aa0a8")
        axes.annotate(name, (one, auc), color="#7a8088", fontsize=8, xytext=OFFSETS[k % 2], textcoords="offset points")
    for k, (label, row) in enumerate((label, row) for label, row in found["points"].items() if row["ms"]):
        colour = "black" if label == "Geant4" else COLOURS[k % len(COLOURS)]
        _pair(axes, list(row["ms"].values()), row["auc"], colour)
        axes.errorbar(next(iter(row["ms"].values())), row["auc"], row["error"], color=colour)
        axes.annotate(label, (next(iter(row["ms"].values())), row["auc"]), color=colour, fontsize=10, weight="bold",
                      xytext=OFFSETS[k % 2], textcoords="offset points")  # fmt: skip
    axes.axhline(0.5, color="black", linewidth=0.8, linestyle="--")
    axes.set(xscale="log", xlabel="ms per shower, one thread (filled: batch 1, open: batch 100)", ylabel="AUC")
    axes.set_title(f"{found['particle']} in {found['detector']}, {found['n']} showers per side; grey: CaloChallenge's "
                   "photons, other judge and machine", fontsize=10)  # fmt: skip
    return canvas


def _pair(axes: Axes, ms: list[float], auc: float, colour: str) -> None:
    axes.plot(ms, [auc] * len(ms), color=colour, linewidth=0.8)
    axes.plot(ms[:1], [auc], "o", color=colour)
    axes.plot(ms[1:], [auc] * len(ms[1:]), "o", color=colour, markerfacecolor="white")


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("geant4", type=Path, help="Geant4's showers, which no candidate has learned from")
    parser.add_argument("candidates", nargs="+", help="names of simulators")
    parser.add_argument("--energy", default="50 GeV", help="of the showers that are timed")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    found = measure(given)
    (given.output / "pareto.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    (given.output / "pareto.md").write_text(table(found) + "\n", encoding="utf-8")
    draw(found).savefig(given.output / "pareto.svg")
    print(table(found))


if __name__ == "__main__":
    main()
