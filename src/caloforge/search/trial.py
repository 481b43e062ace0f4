"""One trial: an ordinary run up to its exported model, judged and timed on the selection showers."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from caloforge.bench import bench, write_report
from caloforge.claims import claim
from caloforge.errors import InputError
from caloforge.files import write_text
from caloforge.runs import Run
from caloforge.runs.config import RunConfig
from caloforge.seeds import next_seed
from caloforge.simulators import candidate, create
from caloforge.training import Listener
from caloforge.validation.judges import judge
from caloforge.validation.judges.cross import FEWEST
from caloforge.validation.recipes import find_recipe

LAST = "export"  # step of a run after which a trial goes on in its own way


@dataclass(frozen=True)
class Outcome:
    """Results of a trial.

    Attributes:
        auc, auc_error: headline of the judge on the selection showers.
        member: the strongest classifier of the judge.
        ms: least processor time per shower at batch 1 on one thread.
        seconds: time of this process.
    """

    auc: float
    auc_error: float
    member: str
    ms: float
    seconds: float


def check_selection(run: Run, recipe: str) -> None:
    """Check that there are enough showers for the judge of a search.

    Raises:
        InputError: an unknown recipe, or too few selection showers.
    """
    least = find_recipe(recipe).folds * FEWEST
    if (n := run.config.showers.sizes[1]) < least:
        raise InputError(f"a search judges on the selection showers: [showers] select = {least} or more, not {n}")


def prepared(config: RunConfig, folder: Path, listener: Listener | None = None) -> Run:
    """The run of a trial, which prints nothing.

    Raises:
        InputError: the config does not hold together.
    """
    run = Run(config, folder, listener=listener)
    run.console = Console(quiet=True)
    return run


def run_trial(run: Run, recipe: str) -> Outcome:
    """Train, export, judge and time a model; steps that an earlier process has finished are kept.

    Args:
        run: run of the trial.
        recipe: recipe whose judge tells drawn showers from the selection showers.

    Raises:
        InputError: the folder is of another config.
        RunError: the training or the export failed.
    """
    begin = time.perf_counter()
    run.open(resume=True, force=False)
    run.execute(last=LAST)
    with claim(run.folder):
        found = _judge(run, recipe)
        ms = _time(run)
        outcome = Outcome(*found, ms, time.perf_counter() - begin)
        write_text(run.paths.selection, json.dumps(outcome.__dict__, indent=1))
    return outcome


def _judge(run: Run, recipe: str) -> tuple[float, float, str]:
    """AUC, error and strongest member on the selection showers."""
    chosen, seed, reference = find_recipe(recipe), run.config.seed, run.showers("select")
    drawn = candidate(str(run.paths.model), reference, next_seed(seed))
    verdict = judge(reference, drawn, seed=seed, folds=chosen.folds, members=chosen.judges, curve=())
    return float(verdict.auc.mean), float(verdict.auc.error), verdict.auc.member


def _time(run: Run) -> float:
    """Least processor time [ms] per shower at batch 1; other trials may keep the machine busy meanwhile."""
    config, name = run.config, run.config.name
    with create(str(run.paths.model), run.detector) as simulator:
        report = bench(run.detector, {name: simulator}, config.beam, config.bench.energies[:1], lambda _: None,
                       batches=(1,), physics=config.physics, with_geant4=False)  # fmt: skip
    write_report(report, run.paths.bench)
    return float(report["simulators"][name]["1"]["cpu_min"])
