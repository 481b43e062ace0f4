"""Members of the judge: classifiers that tell Geant4 showers from others, each a label, its views, and a fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError, nearest
from caloforge.validation.judges import pairs, trees
from caloforge.validation.judges.inputs import Inputs, Sample, regular_grid

Floats = NDArray[np.float64]


class Fitted(Protocol):
    """A fitted member: higher scores (N,) for showers that look more like Geant4's, log-odds as a rule."""

    def __call__(self, inputs: Inputs) -> Floats:
        """Scores (N,)."""


Fit = Callable[[Sequence[str], Sample, Sample, int], Fitted]


@dataclass(frozen=True)
class Member:
    """A kind of classifier.

    Attributes:
        label: what it is, for the reader.
        views: what it sees, besides what is known of the incidents.
        fit: learns from the first sample, stops by the second, and takes a seed; it runs on one thread and gives the
            same scores for the same seed.
        fits: trainings per fold at most, each stopped by another part of the training folds; their scores are averaged.
        needs_grid: whether all layers must have the same cells.
    """

    label: str
    views: tuple[str, ...]
    fit: Fit
    fits: int = 1
    needs_grid: bool = False


def _network(views: Sequence[str], train: Sample, select: Sample, seed: int) -> Fitted:
    from caloforge.validation.judges import network  # PyTorch is loaded where it is used

    return network.fit(views, train, select, seed)


def _resnet3d(views: Sequence[str], train: Sample, select: Sample, seed: int) -> Fitted:
    from caloforge.validation.judges import resnet3d

    return resnet3d.fit(views, train, select, seed)


MEMBERS: dict[str, Member] = {
    "trees_features": Member("boosted trees on features", ("features",), trees.fit, fits=4),
    "trees_shapes": Member("boosted trees on shapes of hits", ("shapes",), trees.fit, fits=4),
    "trees_cells": Member("boosted trees on log cells", ("cells",), trees.fit, fits=4),
    "trees_all": Member("boosted trees on everything", ("features", "shapes", "cells"), trees.fit, fits=4),
    "trees_pairs": Member("boosted trees on the most wrong columns and products", ("features", "shapes", "cells"),
                          pairs.fit, fits=4),
    "network": Member("network on features and shapes", ("features", "shapes"), _network),
    "network_cells": Member("network on log cells, with symmetries", ("cells",), _network),
    "resnet3d": Member("three-dimensional residual network", ("cells",), _resnet3d, needs_grid=True),
}  # fmt: skip


def find_members(names: Sequence[str] | None, detector: Detector) -> dict[str, Member]:
    """The members of those names; with None all that the detector allows.

    Raises:
        InputError: an unknown member, none at all, or one that needs a regular grid where there is none.
    """
    if names is None:
        return {name: m for name, m in MEMBERS.items() if regular_grid(detector) is not None or not m.needs_grid}
    if not names:
        raise InputError("the judge needs at least one member")
    for name in names:
        if name not in MEMBERS:
            raise InputError(f"unknown judge '{name}'; {nearest(name, MEMBERS)}")
        if MEMBERS[name].needs_grid and regular_grid(detector) is None:
            raise InputError(f"judge '{name}' needs layers that all have the same cells; "
                             f"those of {detector.name} differ")  # fmt: skip
    return {name: MEMBERS[name] for name in names}
