"""`run`: the whole chain from a config."""

import json
from typing import Annotated

import typer

from caloforge.cli.options import (
    WORK,
    Cut,
    Force,
    PhysicsList,
    Resume,
    RunFile,
    RunFolder,
    Workers,
    chosen_physics,
    console,
)
from caloforge.extras import GEANT4, TRAINING, VALIDATION, check_installed
from caloforge.named_runs import config_file


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("run", epilog="Example: `caloforge run quickstart`")(run)


def run(
    config: RunFile,
    out: RunFolder = None,
    workers: Workers = None,
    physics: PhysicsList = None,
    cut: Cut = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=1, help="Make fewer showers and steps where the run would take longer.", rich_help_panel=WORK),
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

    whole = runs.load(config_file(config), out, workers, lambda base: chosen_physics(physics, cut, base))
    if whole.own is None:
        check_installed(*GEANT4)
    if minutes is not None:
        whole = fit_to_minutes(whole, minutes, console.print, anew=force)
    if whole.own is None:
        console.print(physics_line(whole.config.physics))
    whole.open(resume=resume, force=force)
    whole.execute()
    paths = whole.paths
    console.print(bench_table(read_report(paths.bench)))
    console.print(summary_table(json.loads(paths.metrics.read_text(encoding="utf-8"))))
    if whole.own is None:
        console.print(whole.inside_line())
    console.print(f"model: {paths.model}\nreport: {paths.page}")
