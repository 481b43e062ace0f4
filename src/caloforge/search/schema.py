"""The content of search.json."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

State = Literal["complete", "pruned", "failed", "running"]


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrialResult(_Result):
    """One trial.

    Attributes:
        number: number of the trial and name of its run directory; 0 is the config as given.
        state: end of the trial; "running" before its end.
        values: values of the searched fields, by dotted path.
        auc, auc_error: headline of the judge on the selection showers, and its standard error.
        member: the strongest classifier of the judge.
        ms: least processor time per shower at batch 1 on one thread.
        seconds: time of the process that ended it.
        lost: processes that died while they worked on it.
        reason: reason of a failure.
        best: whether no other trial is better in one objective and as good in the others.
    """

    number: int
    state: State
    values: dict[str, Any]
    auc: float | None = None
    auc_error: float | None = None
    member: str | None = None
    ms: float | None = None
    seconds: float | None = None
    lost: int = 0
    reason: str | None = None
    best: bool = False


class Validated(_Result):
    """The winner on the test showers.

    Attributes:
        trial: number of the winner.
        auc, error: headline of the judge, and its standard error.
        report: path of its validation page, relative to the folder of the search.
    """

    trial: int
    auc: float
    error: float
    report: str


class SearchFile(_Result):
    """Results of a search.

    Attributes:
        version: version of caloforge.
        name: name of the run.
        seed: seed of the search.
        objectives: quantities that are minimised.
        sampler: sampler that suggested the values.
        prune: whether trials could be ended early.
        recipe: recipe whose judge compared the trials.
        ended: trials that have ended in any way.
        lost: processes that died while they worked on a trial.
        retried: trials that had lost a process and ended complete or pruned.
        best: numbers of the best trials: the Pareto set, or the best trial.
        importances: share of each field in the variance of an objective, by objective; empty for few trials.
        validated: the winner on the test showers, once the search has ended.
        trials: all, by number.
    """

    version: str
    name: str
    seed: int
    objectives: list[str]
    sampler: str
    prune: bool
    recipe: str
    ended: int
    lost: int
    retried: int
    best: list[int]
    importances: dict[str, dict[str, float]]
    validated: Validated | None
    trials: list[TrialResult]
