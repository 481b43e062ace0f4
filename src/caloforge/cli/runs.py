"""The runs of a folder side by side, for `runs FOLDER`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from caloforge.cli.options import console

if TYPE_CHECKING:
    from caloforge.runs.listing import RunSummary

MOST_KEYS = 8  # of configs that are shown


def show_runs(folder: Path, *, as_json: bool) -> None:
    """List the runs of a folder: what differs in their configs, losses, headline figures and times.

    Raises:
        InputError: no such folder, or no run in it.
    """
    from caloforge.runs import listing

    found = listing.find_runs(folder)
    if as_json:
        print(listing.as_json(found))  # noqa: T201
        return
    keys = listing.differing(found)
    console.print(table(found, keys[:MOST_KEYS]))
    if len(keys) > MOST_KEYS:
        console.print(
            f"{len(keys) - MOST_KEYS} further keys differ, which --json prints: {', '.join(keys[MOST_KEYS:])}"
        )


def table(found: "list[RunSummary]", keys: list[str]) -> Table:
    """Runs as a table for the terminal."""
    drawn = Table(title=f"{len(found)} runs")
    drawn.add_column("run", overflow="fold")
    for head in ("model", *keys):
        drawn.add_column(head, overflow="fold")
    searched = any(run.selection_auc is not None for run in found)
    heads = ("steps", "held-out loss", "AUC", "ms, batch 1", "x Geant4", "training [min]")
    for head in (*heads, *(("AUC, selection",) if searched else ())):
        drawn.add_column(head, justify="right")
    for run in found:
        last = [_area(run.selection_auc, run.selection_error)] if searched else []
        drawn.add_row(run.path, run.kind, *(_text(run.config.get(key)) for key in keys), *_figures(run), *last)
    return drawn


def _figures(run: "RunSummary") -> list[str]:
    steps = "-" if run.steps is None else f"{run.steps}{'' if run.trained else ' so far'}"
    factor = f"{run.geant4_ms / run.ms:.3g}" if run.geant4_ms and run.ms else "-"
    return [steps, _text(run.held_out), _area(run.auc, run.auc_error), _text(run.ms), factor, _text(run.minutes)]


def _area(auc: float | None, error: float | None) -> str:
    return "-" if auc is None else f"{auc:.3f} +- {error:.3f}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
