"""Objectives of a search, which are minimised."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Objective:
    """One objective.

    Attributes:
        label: label of axes in figures.
        score: function that gives the objective of a trial, an object with `auc` and `ms`.
    """

    label: str
    score: Callable[[Any], float]


def distance(auc: float) -> float:
    """Distance of an area under the ROC curve from one half, the area for indistinguishable showers."""
    return abs(auc - 0.5)


OBJECTIVES: dict[str, Objective] = {
    "auc": Objective("AUC, distance from 0.5", lambda trial: distance(trial.auc)),
    "ms": Objective("ms per shower, batch 1", lambda trial: float(trial.ms)),
}
"""By the names that `[search] objectives` takes."""
