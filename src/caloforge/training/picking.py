"""Selection of the weights of a training: by the validation loss of each part, or by a judge of the whole model."""

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
"""Area under the ROC curve of a judge that tells generated showers (second argument) from Geant4's (first)."""

WHOLE = "whole"
Score = tuple[float, int]


class Picker:
    """The best weights so far, and their scores.

    Attributes:
        best: lowest score and its step, by part of the model.
        model: model with the best weights of every part.
    """

    def __init__(self, average: Model, parts: Mapping[str, list[str]], file: Path) -> None:
        self.best: dict[str, Score] = {}
        self.model = copy.deepcopy(average)
        self._parts, self._file = parts, file

    @property
    def apart(self) -> bool:
        """Whether the parts of the model are selected independently, perhaps at different steps."""
        return self._parts.keys() != {WHOLE}

    def offer(self, average: Model, scores: Mapping[str, float], step: int) -> None:
        """Keep the averaged weights of those parts whose scores are the lowest so far."""
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
        if self.apart:  # buffers depend on the weights of all parts, which come from different steps
            self.model.finalise()
        save_state(self._file, self.model.state_dict())

    def restore(self, best: Mapping[str, Score], final: Path) -> None:
        """Continue from the scores of a checkpoint and the weights selected up to it.

        Args:
            best: scores and steps, by part of the model.
            final: weights of a training that has ended, used if there are no weights of a running one.
        """
        self.best = {name: (score, step) for name, (score, step) in best.items()}
        for file in (self._file, final):
            if file.exists():
                self.model.load_state_dict(load_state(file))
                return

    def check(self) -> None:
        """Check that weights were selected for every part.

        Raises:
            RunError: no score of some part was finite.
        """
        if self.best.keys() != self._parts.keys():
            raise RunError(f"no held-out loss of {self._file.parent} was finite; lower the learning rate or the clip")


def parts_of(model: Model, steps: tuple[OptimiserStep, ...], *, apart: bool) -> dict[str, list[str]]:
    """Names of the parameters that are selected together, by part: one part per optimiser step if `apart`, else one."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    if not apart:
        return {WHOLE: list(names.values())}
    return {step.name: [names[id(parameter)] for parameter in step.parameters] for step in steps}


def separability(scorer: Scorer, model: Model, reference: Showers, seed: int) -> float:
    """Area under a judge's ROC curve for showers generated for a reference's incidents; NaN if one is not finite."""
    cells = draw(model, reference, seed)
    if not np.isfinite(cells).all():
        return math.nan
    return scorer(reference, Showers(reference.detector, reference.incidents, cells))
