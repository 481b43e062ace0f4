"""The built-in search of `run --search auto`: the judge halves a few models, and the best trains for the time left."""

import time
from typing import Any

from caloforge.config import read_file
from caloforge.errors import InputError, RunError
from caloforge.runs import Run
from caloforge.runs.config import RunConfig, ShowerCounts
from caloforge.search.objectives import distance
from caloforge.search.trial import Outcome, check_selection, prepared, run_trial
from caloforge.search.worker import Say

RECIPE = "quick"
ROUND = 0.03  # share of the minutes that a model of the first round trains; those of the second train twice as long
KEPT = 2  # models of the second round
RESERVE = 0.3  # share of the minutes for what follows the last training
LEAST = 0.1  # share of the minutes that the last training has in any case
MOST_STEPS = 1_000_000  # the minutes end a training before

Tables = dict[str, dict[str, Any]]


def _flow(layers: int, blocks: int, hidden: int, local: int) -> Tables:
    sizes = {"layers": {"blocks": 6, "hidden": layers}, "cells": {"blocks": blocks, "hidden": hidden}, "local": local}
    return {"model": {"kind": "coupling-flow", **sizes}, "training": {"batch": 256, "learning_rate": 2e-3}}


CANDIDATES: dict[str, Tables] = {
    "flow-medium": _flow(layers=64, blocks=4, hidden=128, local=16),
    "flow-small": _flow(layers=64, blocks=4, hidden=64, local=0),
    "flow-large": _flow(layers=128, blocks=6, hidden=256, local=32),
    "vae": {"model": {"kind": "vae"}, "training": {"learning_rate": 2e-3}},
}
FIRST = CANDIDATES["flow-medium"]["model"]


def select_model(run: Run, minutes: float, begun: float, say: Say, *, resume: bool, force: bool) -> Run:
    """The run with the best of a few models, and with a training for the time that is left.

    Every model trains for the same short time; the judge compares it with the selection showers. The better half
    trains anew, twice as long. The models' runs, and the showers of all, are in a folder beside the run's.

    Args:
        run: the run of the config, whose own model takes part.
        minutes: time for everything, the search included.
        begun: time at which the command began, by the monotonic clock [s].
        say: function that is called with a line on each model.
        resume: whether to continue a search, or the run that it has led to.
        force: whether to replace the run; a search is never replaced.

    Raises:
        InputError: too few selection showers, or a folder that holds something else.
        RunError: no model could be trained.
    """
    if resume and run.paths.config.exists():
        saved: RunConfig = read_file(RunConfig, run.paths.config)
        return Run(saved, run.folder, workers=run.workers)
    check_selection(run, RECIPE)
    run.check_folder(resume=resume, force=force)
    halving = _Halving(run, say)
    halving.check(resume=resume)
    first = halving.round(1, list(halving.candidates), ROUND * minutes)
    second = halving.round(2, first[:KEPT], 2 * ROUND * minutes)
    if not (ranked := second or first):
        raise RunError(f"none of the models could be trained; {halving.folder} keeps what they have left")
    left = minutes - (time.monotonic() - begun) / 60
    length = max(LEAST * minutes, left - RESERVE * minutes)
    say(f"{ranked[0]} is the best: it trains for {length:.1f} minutes")
    return Run(halving.config(ranked[0], length), run.folder, workers=run.workers)


class _Halving:
    """Rounds of models that are trained and judged.

    Attributes:
        folder: folder of the models' runs, beside the run directory.
        candidates: tables `[model]` and `[training]` by name.
    """

    def __init__(self, run: Run, say: Say) -> None:
        self.say = say
        self.folder = run.folder.with_name(f"{run.folder.name}-search").absolute()
        self.given = given = run.given.model_copy(update={"showers": self._initial_showers() or run.given.showers})
        own = {} if given.model == FIRST else {"as-given": {"model": given.model, "training": dict(given.training)}}
        self.candidates: dict[str, Tables] = {**own, **CANDIDATES}

    def _initial_showers(self) -> ShowerCounts | None:
        """Numbers of showers with which the search began, since timing Geant4 once more may give others."""
        for file in sorted(self.folder.glob("1-*/config.toml")):
            saved: RunConfig = read_file(RunConfig, file)
            return saved.showers
        return None

    def check(self, *, resume: bool) -> None:
        """Check that the folder may be filled.

        Raises:
            InputError: it holds something already.
        """
        if self.folder.exists() and not resume:
            raise InputError(f"{self.folder} exists; --resume continues its search, another --out begins anew")

    def config(self, name: str, minutes: float) -> RunConfig:
        """Config of a model that trains for some minutes, on the showers of all models."""
        tables, given = self.candidates[name], self.given
        training = {"steps": MOST_STEPS, **tables["training"], "minutes": minutes}
        showers = given.showers.model_copy(update={"folder": given.showers.folder or str(self.folder / "showers")})
        return given.model_copy(update={"model": tables["model"], "training": training, "showers": showers})

    def round(self, number: int, names: list[str], minutes: float) -> list[str]:
        """Train and judge models, and return the names of those that did not fail, best first."""
        self.say(f"round {number}: {', '.join(names)}, {minutes:.2g} minutes of training each")
        outcomes = {name: found for name in names if (found := self._outcome(number, name, minutes))}
        return sorted(outcomes, key=lambda name: distance(outcomes[name].auc))

    def _outcome(self, number: int, name: str, minutes: float) -> Outcome | None:
        """Outcome of a model; None if it does not suit the detector, or its training failed."""
        try:
            run = prepared(self.config(name, minutes), self.folder / f"{number}-{name}")
        except InputError as error:
            self.say(f"{name} is left out: {error}")
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            outcome = run_trial(run, RECIPE)
        except RunError as error:
            self.say(f"{name} failed: {error}")
            return None
        self.say(f"{name}: AUC {outcome.auc:.3f} +- {outcome.auc_error:.3f} on the selection showers, "
                 f"{outcome.ms:.3g} ms")  # fmt: skip
        return outcome
