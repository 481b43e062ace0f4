"""Selection of the weights of a training: the best of each part by validation loss, or of the model by a judge."""

import copy
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from caloforge.errors import RunError
from caloforge.models import Model, OptimiserStep
from caloforge.showers import Showers
from caloforge.training.response import draw
from caloforge.training.run import load_state, save_state

Scorer = Callable[[Showers, Showers], float]
"""Area under the ROC curve of a judge that tells drawn showers, the second, from Geant4's."""

WHOLE = "whole"
Score = tuple[float, int]


class Picker:
    """The best weights so far, and their scores.

    Attributes:
        best: by part of the model, its lowest score and the step it was reached at.
        model: with the best weights of every part.
    """

    def __init__(self, average: Model, parts: Mapping[str, list[str]], file: Path) -> None:
        self.best: dict[str, Score] = {}
        self.model = copy.deepcopy(average)
        self._parts, self._file = parts, file

    @property
    def apart(self) -> bool:
        """Whether parts of the model are selected at steps of their own."""
        return self._parts.keys() != {WHOLE}

    def offer(self, average: Model, scores: Mapping[str, float], step: int) -> None:
        """Keep the averaged weights of the parts whose scores are the lowest so far."""
        better = [name for name, score in scores.items() if score < self.best.get(name, (math.inf, 0))[0]]
        if not better:
            return
        self.best |= {name: (scores[name], step) for name in better}
        taken = {parameter for name in better for parameter in self._parts[name]}
        ours = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, weight in average.named_parameters():
                if name in taken:
                    ours[name].copy_(weight)
            for kept, buffer in zip(self.model.buffers(), average.buffers(), strict=True):
                kept.copy_(buffer)
        if self.apart:  # buffers follow the weights of several parts, of other steps
            self.model.finalise()
        save_state(self._file, self.model.state_dict())

    def restore(self, best: Mapping[str, Score], final: Path) -> None:
        """Continue from the scores of a checkpoint and the weights beside it, or those of a training that has ended."""
        self.best = {name: (score, step) for name, (score, step) in best.items()}
        for file in (self._file, final):
            if file.exists():
                self.model.load_state_dict(load_state(file))
                return

    def check(self) -> None:
        """Check that weights of every part were selected.

        Raises:
            RunError: none of a part's scores was finite.
        """
        if self.best.keys() != self._parts.keys():
            raise RunError(f"no held-out loss of {self._file.parent} was finite; lower the learning rate or the clip")


def parts_of(model: Model, steps: tuple[OptimiserStep, ...], *, apart: bool) -> dict[str, list[str]]:
    """Names of the parameters that are selected together: those of each optimiser step, or all of the model."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    if not apart:
        return {WHOLE: list(names.values())}
    return {step.name: [names[id(parameter)] for parameter in step.parameters] for step in steps}


def separability(scorer: Scorer, model: Model, reference: Showers, seed: int) -> float:
    """Area under a judge's ROC curve for showers generated for a reference's incidents; NaN if they are not finite."""
    cells = draw(model, reference, seed)
    if not np.isfinite(cells).all():
        return math.nan
    return scorer(reference, Showers(reference.detector, reference.incidents, cells))
