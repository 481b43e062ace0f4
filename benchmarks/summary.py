"""Tables of the model pages: report and times of finished runs, each as a Markdown table.

python benchmarks/summary.py runs/vae-small [runs/wgan-gp-small ...]
"""

import argparse
import json
from pathlib import Path
from typing import Any

from caloforge.validation.summary import Cell, overall, told_apart, verdict_rows, where_it_shows
from times import milliseconds

DEPTH = "depth_centre"
BATCHES = (1, 100, 1000)


def metric_rows(metrics: dict[str, Any]) -> list[list[str]]:
    """Rows of the verdict's metrics and of the mean depth centre over Geant4's, with the floor in the first column."""
    columns, rows = verdict_rows(metrics)
    table = [[column.label, *(_with_note(row[i]) for row in rows.values())] for i, column in enumerate(columns)]
    samples = (metrics["floor"], *metrics["candidates"].values())
    if "auc" in metrics["floor"]:
        table.insert(1, ["told apart at, showers per class", *map(told_apart, samples)])
        table.insert(0, ["verdict", "", *(overall(metrics, found).word for found in metrics["candidates"].values())])
    found = [sample["observables"][DEPTH] for sample in samples]
    return [*table, ["depth centre", *(f"{o['mean_ratio']:.4f} ± {o['mean_ratio_error']:.4f}" for o in found)]]


def _with_note(cell: Cell) -> str:
    return f"{cell.text} ({cell.note})" if cell.note else cell.text


def time_rows(measured: dict[str, Any], names: list[str]) -> list[list[str]]:
    """Rows of milliseconds per shower by batch; Geant4, which simulates single showers, is in the floor's column."""
    full = measured["geant4_ms"][measured["energy"]]
    rows = []
    for batch in BATCHES:
        cells = (milliseconds(measured["simulators"].get(name, {}), batch) for name in names)
        rows.append([f"ms, batch {batch}", f"Geant4: {full:.4g}", *cells])
    return rows


def page(run: Path) -> str:
    """The table of one run, below a line on the compared samples."""
    metrics = json.loads((run / "report" / "metrics.json").read_text(encoding="utf-8"))
    times = metrics["timings"]
    names, reference = list(metrics["candidates"]), metrics["reference"]
    rows = [["", "Geant4 (floor)", *names], ["---"] * (2 + len(names))]
    rows += metric_rows(metrics) + time_rows(times, names)
    judge = metrics["floor"]["auc_low"]
    sizes = f"{reference['n']} Geant4 showers per side, {judge['n_train']} per class to learn from"
    judges = f"recipe {metrics['recipe']}, {judge['seeds']} networks per view"
    timed = f"times for {times['particle']} of {times['energy']}, one thread, {times['cpu']}"
    head = f"{run.name}: {sizes}; {judges}; {timed}"
    return "\n".join([head, "", *(f"| {' | '.join(row)} |" for row in rows), "", *where_it_shows(metrics)])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    print("\n\n".join(page(run) for run in parser.parse_args().runs))


if __name__ == "__main__":
    main()
