"""CaloFlow's noise study: likelihood of unseen showers and sample quality of teachers with more or less noise on cells.

    python benchmarks/caloflow_noise.py configs/caloflow-eplus-small.toml --showers train.h5 --test test.h5 \
        --noise "0.1 keV" "1 keV" "10 keV" --steps 1500 -o noise

Each teacher is that of the config, with `columns = {kind = "logits", noise = ...}`. All have the same showers (a tenth
selects the weights), steps and seed. The likelihood is that of flow II for cells with noise, on unseen showers, so that
values of different noise are densities of different data. The judge compares generated showers with unseen ones. The
program writes noise.json, prints a table, and skips what noise.json already holds.
"""

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from caloforge.models import Batch
from caloforge.models.caloflow.model import CaloFlow
from caloforge.showers import Showers, read
from caloforge.training import TrainingConfig, load_model
from caloforge.training.seeding import seeded
from judged import train_and_judge

JUDGED = 1000  # showers for the likelihood
Table = dict[str, Any]


def config(path: Path, noise: str, steps: int | None, seed: int) -> TrainingConfig:
    """The config of a file, with another noise and length."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    model = tables["model"] | {"columns": {"kind": "logits", "noise": noise}}
    schedule = {key: value for key, value in tables["training"].items() if key != "minutes"} | {"seed": seed}
    return TrainingConfig(model=model, training=schedule | ({} if steps is None else {"steps": steps}))


def log_likelihood(folder: Path, showers: Showers) -> tuple[float, float]:
    """Mean and error of log p of flow II for one cell of unseen showers."""
    model = cast(CaloFlow, load_model(folder))
    parts = np.array_split(np.arange(min(JUDGED, len(showers))), 10)
    with seeded(1, 0, "likelihood"), torch.no_grad():
        values = [-float(model.cell_loss(Batch.of(showers[part]))) for part in parts]
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def measure(chosen: TrainingConfig, showers: Showers, test: Showers, folder: Path, recipe: str) -> Table:
    """Train, generate and judge one teacher."""
    verdict, drawn = train_and_judge(chosen, showers, test, folder, recipe)
    likelihood, error = log_likelihood(folder, test)
    hits = [float((sample.thresholded() > 0).sum(1).mean()) for sample in (drawn, test)]
    return {
        "log_p": likelihood, "log_p_error": error, "auc": float(verdict.auc.mean), "error": float(verdict.auc.error),
        "hits": hits[0], "hits_geant4": hits[1], "n": verdict.auc.n, "n_train": len(showers),
        "steps": chosen.training.steps,
    }  # fmt: skip


def table(rows: Table) -> str:
    """Markdown: one row per noise."""
    lines = [
        "| noise | log p per cell, unseen showers | AUC of the judge | hits per shower (Geant4) |",
        "|---" * 4 + "|",
    ]
    for noise, row in rows.items():
        quality = f"{row['auc']:.4f} ± {row['error']:.4f} | {row['hits']:.1f} ({row['hits_geant4']:.1f})"
        lines.append(f"| {noise} | {row['log_p']:.3f} ± {row['log_p_error']:.3f} | {quality} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="CaloFlow's noise study.")
    parser.add_argument("config", type=Path, help="TOML file of a run of kind caloflow")
    parser.add_argument("--showers", type=Path, required=True, help="showers to learn from")
    parser.add_argument("--test", type=Path, required=True, help="unseen showers to judge with")
    parser.add_argument("--noise", nargs="+", default=["0.1 keV", "1 keV", "10 keV"])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    showers, test, file = read(given.showers), read(given.test), given.output / "noise.json"
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for noise in given.noise:
        if noise not in rows:
            folder = given.output / noise.replace(" ", "")
            chosen = config(given.config, noise, given.steps, given.seed)
            rows[noise] = measure(chosen, showers, test, folder, given.recipe)
            print(f"{noise}: {rows[noise]}", flush=True)
            file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
