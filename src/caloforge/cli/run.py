"""`run`: run the whole chain from a config."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.cli.options import (
    WORK,
    AsJson,
    Cut,
    Force,
    PhysicsList,
    Resume,
    RunFile,
    RunFolder,
    Workers,
    aligned,
    chosen_physics,
    console,
)
from caloforge.cli.runs import show_runs
from caloforge.config import read_file
from caloforge.errors import InputError
from caloforge.extras import GEANT4, TRAINING, VALIDATION, check_installed
from caloforge.named_runs import config_file, run_names

TITLES = ("name", "detector", "incidents", "model", "showers")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("run", epilog="Example: `caloforge run quickstart`")(run)
    app.command("runs", epilog="Example: `caloforge runs`, or `caloforge runs runs`")(runs)


def runs(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Where run directories are, to compare them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs that come with caloforge, by the names that `run` and `train` take; or the runs of a folder.

    Those of a folder stand side by side: what differs in their configs, losses, headline figures and times.
    """
    if folder is not None:
        show_runs(folder, as_json=as_json)
        return
    rows = [_facts(name) for name in run_names()]
    if as_json:
        print(json.dumps(rows, indent=1))  # noqa: T201
        return
    words = [(row["name"], row["detector"], row["incidents"], row["model"], " + ".join(map(str, row["showers"])))
             for row in rows]  # fmt: skip
    console.print(*aligned([TITLES, *words]), sep="\n")
    console.print("showers: for training, to select the weights, for the test; `run` and `train` take the names")


def _facts(name: str) -> dict[str, Any]:
    """A named run in a few values; JSON values."""
    from caloforge.runs.config import RunConfig

    config: RunConfig = read_file(RunConfig, config_file(name))
    beam = config.beam
    return {"name": name, "detector": config.detector, "incidents": f"{beam.particle}, {beam.energy or beam.labels}",
            "model": config.model["kind"], "showers": config.showers.sizes}  # fmt: skip


def run(
    config: RunFile,
    out: RunFolder = None,
    workers: Workers = None,
    physics: PhysicsList = None,
    cut: Cut = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=1, help="Make fewer showers and steps if the run would take longer.", rich_help_panel=WORK),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            metavar="auto",
            rich_help_panel=WORK,
            help="With --minutes: choose the model among few by short trainings; [model] may be left out.",
        ),
    ] = None,
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Produce showers, train, export, run inside Geant4, time and validate: everything in one directory."""
    check_installed(*dict.fromkeys((*TRAINING, *VALIDATION)))
    from caloforge import runs
    from caloforge.bench import read_report
    from caloforge.cli.judge import bench_table
    from caloforge.fit import fit_to_minutes
    from caloforge.simulators.geant4 import physics_line
    from caloforge.validation import summary_table

    begun, absent = time.monotonic(), _optional_tables(search, minutes)
    whole = runs.load(config_file(config), out, workers,
                      change=lambda base: chosen_physics(physics, cut, base), absent=absent)  # fmt: skip
    if whole.own is None:
        check_installed(*GEANT4)
    if minutes is not None:
        whole = fit_to_minutes(whole, minutes, console.print, anew=force)
    if whole.own is None:
        console.print(physics_line(whole.config.physics))
    if search is not None and minutes is not None:
        from caloforge.search.auto import select_model

        whole = select_model(whole, minutes, begun, console.print, resume=resume, force=force)
    whole.open(resume=resume, force=force)
    whole.execute()
    paths = whole.paths
    console.print(bench_table(read_report(paths.bench)))
    console.print(summary_table(json.loads(paths.metrics.read_text(encoding="utf-8"))))
    if whole.own is None:
        console.print(whole.inside_line())
    console.print(f"model: {paths.model}\nreport: {paths.page}")


def _optional_tables(search: str | None, minutes: float | None) -> dict[str, Any] | None:
    """Tables that a config may leave out."""
    if search is None:
        return None
    if search != "auto":
        raise InputError(f"--search {search}: the one built-in search is 'auto'; others are for `caloforge search`")
    if minutes is None:
        raise InputError("--search auto needs --minutes, the time for everything")
    from caloforge.search.auto import FIRST

    return {"model": FIRST}
