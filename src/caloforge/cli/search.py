"""`search`: hyper-parameters of a run, trial by trial."""

from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli import complete
from caloforge.cli.options import OUTPUT, WORK, Resume, console
from caloforge.errors import InputError
from caloforge.extras import GEANT4, SEARCH, TRAINING, VALIDATION, check_installed
from caloforge.limits import check_workers
from caloforge.named_runs import SEARCHES, config_file

MOST_TRIALS = 100_000


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("search", epilog="Example: `caloforge search quickstart --out search --trials 24`")(search)


def search(
    config: Annotated[
        str,
        typer.Argument(
            metavar="NAME|CONFIG.toml",
            help="A named search or the TOML file of a run with `[search]`.",
            autocompletion=complete.searches,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--output", "--out", metavar="DIR", help="Folder of the search.", rich_help_panel=OUTPUT),
    ],
    trials: Annotated[int, typer.Option(help="Trials in all, in whatever process.", rich_help_panel=WORK)],
    workers: Annotated[
        int, typer.Option(help="Processes on this machine, which share its cores.", rich_help_panel=WORK)
    ] = 1,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL",
            rich_help_panel=WORK,
            help="Where the study is kept: a journal, an SQLite file (.db) or a database. [default: DIR/study.journal]",
        ),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="MINUTES", min=0, help="Begin no trial later.", rich_help_panel=WORK)
    ] = None,
    resume: Resume = False,
) -> None:
    """Search for hyper-parameters: train, judge and time one trial after the other, and validate the best.

    The table `[search]` of the config names fields with their ranges, and the objectives. The same command with
    --resume continues the search, or joins it from another process or machine.
    """  # fmt: skip
    check_installed(*dict.fromkeys((*SEARCH, *TRAINING, *VALIDATION)))
    if not 1 <= trials <= MOST_TRIALS:
        raise InputError(f"--trials {trials}: 1 to {MOST_TRIALS} trials are possible")
    check_workers(workers)
    from caloforge.search.search import Search

    whole = Search.load(config_file(config, SEARCHES), out, storage)
    if not whole.space.given.showers.from_files:
        check_installed(*GEANT4)
    whole.open(resume=resume)
    found = whole.run(trials, lambda text: console.print(text, markup=False), workers=workers, timeout=timeout)
    states = [trial.state for trial in found.trials]
    told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    console.print(f"{found.ended} of {trials} trials have ended: {told}; processes lost: {found.lost}, "
                  f"trials tried again that ended: {found.retried}")  # fmt: skip
    for number in found.best:
        best = found.trials[number]
        console.print(f"best: trial {number}, AUC {best.auc:.3f} +- {best.auc_error:.3f} on the selection showers, "
                      f"{best.ms:.3g} ms, {whole.folder / 'best' / f'{number:04d}.toml'}")  # fmt: skip
    if found.validated is not None:
        console.print(f"trial {found.validated.trial} on the test showers: AUC {found.validated.auc:.3f} +- "
                      f"{found.validated.error:.3f}")  # fmt: skip
    console.print(f"report: {whole.folder / 'search.html'}", markup=False)
