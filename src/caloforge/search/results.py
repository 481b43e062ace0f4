"""Results of a search: search.json, the best configs, and the page."""

import json
import re
import warnings
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import tomli_w

import caloforge
from caloforge.files import write_text
from caloforge.runs import RunDirectory
from caloforge.runs.listing import read_run
from caloforge.search.schema import SearchFile, State, TrialResult, Validated
from caloforge.search.study import LOST, REASON, SharedStudy

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FEWEST = 4  # complete trials that importances need
MOST_LETTERS = 64  # of the name of a run
FIGURES = ("auc", "auc_error", "member", "ms", "seconds")
STATES: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


class Results:
    """Results of the trials of a study so far.

    Args:
        study: the open study.
    """

    def __init__(self, study: SharedStudy) -> None:
        self.study = study

    def best(self) -> list[int]:
        """Numbers of the Pareto-optimal trials; with one objective, the number of the best trial."""
        return sorted(one.number for one in self._front())

    def winner(self) -> int | None:
        """Number of the best trial by the first objective; None if no trial is complete."""
        front = self._front()
        return min(front, key=lambda one: (one.values[0], one.number)).number if front else None

    def _front(self) -> "list[FrozenTrial]":
        found = self.study.study
        complete = [one for one in self.study.trials() if one.state.name == "COMPLETE"]
        if not complete:
            return []
        if len(found.directions) == 1:
            return [min(complete, key=lambda one: (one.values[0], one.number))]
        return found.best_trials

    def write(self, winner: int | None) -> SearchFile:
        """Write search.json, best/*.toml and search.html.

        Args:
            winner: trial whose validation is reported, if it has been validated.
        """
        from caloforge.search.page import write_page

        folder, found = self.study.folder, self.collect(winner)
        write_text(folder / "search.json", json.dumps(found.model_dump(), indent=1))
        self._write_configs(found)
        write_page(folder / "search.html", found)
        return found

    def collect(self, winner: int | None) -> SearchFile:
        """All that search.json holds."""
        space, best, trials = self.study.space, self.best(), self.study.trials()
        rows = [self._row(one, best) for one in trials]
        search = space.search
        return SearchFile(
            version=caloforge.__version__, name=space.given.name, seed=space.given.seed,
            objectives=list(search.objectives), sampler=search.sampler, prune=search.prune, recipe=search.recipe,
            ended=sum(row.state != "running" for row in rows), lost=sum(row.lost for row in rows),
            retried=sum(row.lost > 0 and row.state in ("complete", "pruned") for row in rows), best=best,
            importances=self._importances(), validated=None if winner is None else self._validated(winner), trials=rows,
        )  # fmt: skip

    def _row(self, one: "FrozenTrial", best: list[int]) -> TrialResult:
        attributes = one.user_attrs
        return TrialResult(
            number=one.number, state=STATES[one.state.name], values=self.study.space.values(one.params),
            lost=attributes.get(LOST, 0), reason=attributes.get(REASON), best=one.number in best,
            **{key: attributes.get(key) for key in FIGURES},
        )  # fmt: skip

    def _validated(self, winner: int) -> Validated | None:
        """Headline on the test showers, if there is one."""
        folder = self.study.trial_folder(winner)
        found, paths = read_run(folder), RunDirectory(folder, self.study.name)
        if found is None or found.auc is None or found.auc_error is None:
            return None
        page = paths.page.relative_to(self.study.folder).as_posix()
        return Validated(trial=winner, auc=found.auc, error=found.auc_error, report=page)

    def _importances(self) -> dict[str, dict[str, float]]:
        """Importances of the searched fields by fANOVA; empty for few trials, or trials that are all alike."""
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        if sum(one.state.name == "COMPLETE" for one in self.study.trials()) < FEWEST:
            return {}
        evaluator = FanovaImportanceEvaluator(seed=self.study.space.given.seed)
        found: dict[str, dict[str, float]] = {}
        for place, name in enumerate(self.study.space.search.objectives):
            with warnings.catch_warnings(), suppress(RuntimeError, ValueError):  # of values without a variance
                warnings.simplefilter("ignore")
                found[name] = get_param_importances(
                    self.study.study, evaluator=evaluator, target=partial(_value_of, place)
                )
        return found

    def _write_configs(self, found: SearchFile) -> None:
        """Write the best configs, ready to run, in place of those of an earlier moment of this search."""
        folder = self.study.folder / "best"
        folder.mkdir(exist_ok=True)
        for number in found.best:
            write_text(folder / f"{number:04d}.toml", self._config(found.trials[number]))
        for path in folder.iterdir():
            if re.fullmatch(r"\d{4,}\.toml", path.name) and int(path.stem) not in found.best:
                path.unlink()

    def _config(self, trial: TrialResult) -> str:
        config, end = self.study.trial_config(trial.values), f"-{trial.number:04d}"
        named = config.model_copy(update={"name": config.name[: MOST_LETTERS - len(end)] + end})
        figures = f"AUC {trial.auc:.3f} +- {trial.auc_error:.3f} on the selection showers, {trial.ms:.3g} ms per shower"
        values = named.model_dump(mode="json", exclude_none=True, exclude_unset=True)
        return f"# trial {trial.number} of a search: {figures}\n{tomli_w.dumps(values)}"


def _value_of(place: int, trial: "FrozenTrial") -> float:
    return float(trial.values[place])
