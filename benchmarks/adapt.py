"""Learning curve of adaptation: a trained model adapted to other showers, and the same model from random weights.

    python benchmarks/adapt.py runs/eplus --showers gamma.h5 --test gamma-test.h5 -o curve

Every size takes the first showers of the file. Both models have the same showers, of which a tenth selects the weights
as in `caloforge adapt`, the same number of steps and the same seed. The learning rates are those of `caloforge adapt`
and of the first training. The judge compares showers that each model generates for the incidents of the test sample
with that sample. The program writes curve.json, prints a table, and skips what curve.json already holds.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from caloforge.showers import Showers, read
from caloforge.training import TrainingConfig, check_trained
from caloforge.training.adapt import adapted_config
from caloforge.training.run import TrainingFolder
from judged import train_and_judge

Table = dict[str, Any]


def configs(start: Path, changes: dict[str, Any]) -> dict[str, TrainingConfig]:
    """Configs of the adapted model and of the same model from random weights."""
    own = TrainingFolder(check_trained(start)).config.training.learning_rate
    scratch = adapted_config(start, {"learning_rate": own} | changes).model_copy(update={"start": None})
    return {"adapted": adapted_config(start, changes), "scratch": scratch}


def measure(config: TrainingConfig, showers: Showers, test: Showers, folder: Path, recipe: str) -> Table:
    """Train, generate and judge one model."""
    verdict, _ = train_and_judge(config, showers, test, folder, recipe)
    lines = [json.loads(line) for line in TrainingFolder(folder).losses_file.read_text(encoding="utf-8").splitlines()]
    return {
        "auc": float(verdict.auc.mean), "error": float(verdict.auc.error), "member": verdict.auc.member,
        "members": {name: float(area.mean) for name, area in verdict.members.items()},
        "n": verdict.auc.n, "held_out": min(line["held_out"] for line in lines),
        "minutes": lines[-1]["seconds"] / 60, "steps": lines[-1]["step"],
    }  # fmt: skip


def table(rows: Table) -> str:
    """Markdown: one row per number of showers."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [f"| showers | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for size, row in rows.items():
        cells = (f"{row[name]['auc']:.3f} ± {row[name]['error']:.3f}" if name in row else "-" for name in names)
        lines.append(f"| {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Learning curve of adaptation.")
    parser.add_argument("start", type=Path, help="run directory of the trained model")
    parser.add_argument("--showers", type=Path, required=True, help="new showers to learn from")
    parser.add_argument("--test", type=Path, required=True, help="new showers to judge with")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000, 3000, 10000])
    parser.add_argument("--tune", choices=["all", "biases"], default="all")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    changes = {"tune": given.tune, "steps": given.steps, "learning_rate": given.learning_rate, "seed": given.seed}
    showers, test, file = read(given.showers), read(given.test), given.output / "curve.json"
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for size in given.sizes:
        row = rows.setdefault(str(size), {})
        for name, config in configs(given.start, {k: v for k, v in changes.items() if v is not None}).items():
            if name not in row:
                folder = given.output / f"{name}-{size}"
                row[name] = measure(config, showers[:size], test, folder, given.recipe)
                print(f"{size} {name}: {row[name]}", flush=True)
                file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
