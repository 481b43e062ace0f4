"""CaloFlow's two tables for our showers: AUC of classifiers between models and Geant4, and time per shower.

    python benchmarks/caloflow.py -o tables \
        --particle e+ reference=SHOWERS/test.h5 floor=SHOWERS/train.h5 teacher=runs/caloflow-eplus-small \
            student=runs/caloflow-eplus-student-small coupling=runs/coupling-flow-eplus gan=runs/wgan-gp-calogan-small \
        --particle gamma reference=...

A model is a run directory, which is exported first, or the name of a simulator (FILE.onnx, FILE.h5, gflash). The floor
compares Geant4 with Geant4. It may use the training showers, since no model is judged against them; without `floor`
the reference is split in two by position. Geant4 is timed in the same run; --no-time leaves the times out. The program
prints both tables and the trainings of the models in Markdown, and writes them to tables.json. For orientation, it adds
the values of the talk (C. Krause, LHCP 2022), whose classifier was trained on 100 000 showers per class.
"""

import argparse
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import times
from caloforge import bench as timing
from caloforge import provenance
from caloforge.export import export
from caloforge.models import Batch
from caloforge.particles import particle_name, pdg_code
from caloforge.production import SourceConfig
from caloforge.showers import Showers, read
from caloforge.simulators import Simulator, create
from caloforge.training import check_trained, load_model
from caloforge.training.run import TrainingFolder
from caloforge.training.seeding import seeded
from caloforge.validation.classifier import classify
from caloforge.validation.classifier_threads import over_seeds, single_threaded
from caloforge.validation.recipes import Recipe, find_recipe
from caloforge.validation.samples import halves
from caloforge.validation.views import auc_error, view_inputs

VIEWS = {"low": "unnorm.", "low_normed": "norm."}
BATCHES = (1, 10, 100, 1000, 10000)
JUDGED = 1000  # showers for the likelihood, for which a student needs one step per cell
DENSITIES = ("caloflow", "caloflow-student", "coupling-flow")
Table = dict[str, Any]
PUBLISHED_AUC = {
    "e+": {"CaloGAN": (1.000, 1.000), "teacher": (0.859, 0.870), "student": (0.786, 0.824)},
    "gamma": {"CaloGAN": (1.000, 1.000), "teacher": (0.756, 0.796), "student": (0.758, 0.760)},
    "pi+": {"CaloGAN": (1.000, 1.000), "teacher": (0.649, 0.755), "student": (0.729, 0.807)},
}
PUBLISHED_MS = {  # on a TITAN V; batch 1 is not given
    "teacher": {10: 835, 100: 96.1, 1000: 41.4, 10000: 36.2},
    "student": {10: 5.81, 100: 0.60, 1000: 0.12, 10000: 0.08},
    "CaloGAN": {10: 2.2, 100: 0.3, 1000: 0.08, 10000: 0.07},
}


def simulator_of(path: str, name: str, folder: Path, reference: Showers) -> Simulator:
    """The simulator of a run directory or a simulator's name."""
    if Path(path).is_dir():
        file = folder / f"{name}.onnx"
        print(f"{name}: {export(check_trained(Path(path)), file)}")
        path = str(file)
    return create(path, reference.detector)


def training_row(path: Path, reference: Showers) -> Table:
    """Training of the model of a run directory, and its mean negative log likelihood of held-out showers."""
    folder = TrainingFolder(check_trained(path))
    lines = [json.loads(line) for line in folder.losses_file.read_text(encoding="utf-8").splitlines()]
    best = min(lines, key=lambda line: line["held_out"])
    row = {"kind": folder.config.model.kind, "minutes": lines[-1]["seconds"] / 60, "steps": lines[-1]["step"]}
    row |= {"best_step": best["step"], **{n: folder.provenance["training"][n] for n in ("n_showers", "n_selection")}}
    if row["kind"] in DENSITIES:
        model, parts = load_model(folder.path), np.array_split(np.arange(min(JUDGED, len(reference))), 10)
        with seeded(1, 0, "likelihood"), torch.no_grad():
            losses = [float(model.loss(Batch.of(reference[part]))) for part in parts]
        row["loss"], row["loss_error"] = float(np.mean(losses)), float(np.std(losses, ddof=1) / np.sqrt(len(losses)))
    return row


def auc_rows(
    reference: Showers, samples: dict[str, Showers], views: list[str], sizes: list[int], chosen: Recipe, seeds: int
) -> Table:
    """AUC by sample, view and number of training showers of the classifier per class (60 to 80 % of all)."""
    rows = Table()
    for size in sizes:
        for view in views:
            for name, showers in samples.items():
                recipe = replace(chosen, learn=size)
                n = min(len(reference), len(showers), int(np.ceil(size / 0.6)))
                if size > 0.8 * n:
                    continue
                generated, geant4, _ = view_inputs(view, showers[:n], reference[:n], recipe)
                with single_threaded():
                    scores = over_seeds(partial(classify, generated, geant4, recipe), list(range(seeds)))
                aucs = [score.auc for score in scores]
                error = max(float(np.std(aucs)), auc_error(float(np.mean(aucs)), scores[0].n_test))
                rows.setdefault(name, {}).setdefault(view, {})[scores[0].n_train] = (float(np.mean(aucs)), error)
                print(f"{name} {view} {scores[0].n_train}: {np.mean(aucs):.3f} ± {error:.3f}", flush=True)
    return rows


def measure(given: list[str], arguments: argparse.Namespace) -> Table:
    """All tables of one particle."""
    particle, files = particle_name(pdg_code(given[0])), dict(item.split("=", 1) for item in given[1:])
    reference = read(Path(files.pop("reference")))
    if "floor" in files:
        floor = read(Path(files.pop("floor")), reference.detector)
    else:
        reference, floor, _ = halves(reference)
    slug = particle.replace("+", "plus").replace("-", "minus")
    trained = {n: training_row(Path(path), reference) for n, path in files.items() if Path(path).is_dir()}
    models = {n: simulator_of(path, f"{slug}-{n}", arguments.output, reference) for n, path in files.items()}
    samples = {"floor": floor} | {n: s.simulate(reference.incidents, arguments.seed) for n, s in models.items()}
    recipe = find_recipe(arguments.recipe)
    recipe = replace(recipe, precise=recipe.precise and not arguments.single)
    aucs = auc_rows(reference, samples, arguments.views, arguments.sizes, recipe, arguments.seeds)
    if not arguments.no_time:
        incidents, told = SourceConfig(particle=particle), partial(print, flush=True)
        timed = timing.bench(reference.detector, models, incidents, arguments.energy, told, BATCHES)
    else:
        timed = None
    for model in models.values():
        model.close()
    return {"particle": particle, "n_reference": len(reference), "trained": trained, "auc": aucs, "times": timed}


def training_table(tables: list[Table]) -> str:
    """Markdown: one row per particle and model."""
    head = ["particle", "model", "training showers", "selection", "minutes", "steps", "best", "-log p per cell¹"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for table in tables:
        for name, row in table["trained"].items():
            loss = f"{row['loss']:.4f} ± {row['loss_error']:.4f}" if "loss" in row else "-"
            cells = [table["particle"], name, row["n_showers"], row["n_selection"], f"{row['minutes']:.0f}",
                     row["steps"], row["best_step"], loss]  # fmt: skip
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, "", "¹ of what each model sees: a teacher and its student compare, others do not."])


def auc_table(tables: list[Table]) -> str:
    """Markdown: one row per particle, view and size, which ends with the published values."""
    names = list(dict.fromkeys(name for table in tables for name in table["auc"]))
    head = ["particle", "inputs", "showers per class", *names, "published: teacher", "student", "CaloGAN"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for table in tables:
        for k, (view, title) in enumerate(VIEWS.items()):
            found = sorted({n for rows in table["auc"].values() for n in rows.get(view, {})})
            published = PUBLISHED_AUC.get(table["particle"], {})
            theirs = [f"{published[n][k]:.3f}" if n in published else "-" for n in ("teacher", "student", "CaloGAN")]
            for n in found:
                ours = [table["auc"][name].get(view, {}).get(n) for name in names]
                cells = [f"{pair[0]:.3f} ± {pair[1]:.3f}" if pair else "-" for pair in ours]
                lines.append(f"| {table['particle']} | {title} | {n} | {' | '.join([*cells, *theirs])} |")
    return "\n".join(lines)


def time_table(table: Table) -> str:
    """Markdown: ms per shower by batch, with Geant4's; batches that take too long have the value of the largest one.

    The passes have the same size, since learned simulators divide large batches.
    """
    found, published = table["times"], ("teacher", "student", "CaloGAN")
    geant4 = [f"Geant4, {energy}" for energy in found["geant4_ms"]]
    head = ["batch", *found["simulators"], *geant4, "published (TITAN V): teacher", "student", "CaloGAN"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for batch in BATCHES:
        ours = [times.milliseconds(rows, batch) for rows in found["simulators"].values()]
        full = [f"{ms:.4g}" for ms in found["geant4_ms"].values()]
        theirs = [str(PUBLISHED_MS[name].get(batch, "-")) for name in published]
        lines.append(f"| {batch} | {' | '.join([*ours, *full, *theirs])} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="CaloFlow's two tables on our own showers.")
    parser.add_argument("--particle", action="append", nargs="+", required=True, metavar="PARTICLE reference=FILE.h5")
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=list(VIEWS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 5000])
    parser.add_argument("--energy", nargs="+", default=["10 GeV", "50 GeV"])
    parser.add_argument("--no-time", action="store_true", help="do not time models and Geant4")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--single", action="store_true", help="single precision, in place of the recipe's")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    tables = [measure(given, arguments) for given in arguments.particle]
    (arguments.output / "tables.json").write_text(json.dumps(tables, indent=1), encoding="utf-8")
    print(f"\nTraining, and loss of {JUDGED} reference showers\n\n{training_table(tables)}")
    print(f"\nAUC, recipe {arguments.recipe}, {arguments.seeds} networks each\n\n{auc_table(tables)}")
    for table in () if arguments.no_time else tables:
        print(f"\n{table['particle']}: ms per shower, one thread, {provenance.cpu()}\n\n{time_table(table)}")


if __name__ == "__main__":
    main()
