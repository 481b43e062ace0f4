"""Members of the judge: classifiers that distinguish Geant4 showers from others, with their views."""

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
    """A fitted member, whose scores are higher for showers that look more like Geant4's."""

    def __call__(self, inputs: Inputs) -> Floats:
        """Scores (N,), usually log-odds."""


Fit = Callable[[Sequence[str], Sample, Sample, int], Fitted]


@dataclass(frozen=True)
class Member:
    """A kind of classifier.

    Attributes:
        label: description for the reader.
        views: views that it sees, in addition to the conditions.
        fit: function that trains on the first sample, selects on the second, and takes a seed; it runs on one thread,
            and the same seed gives the same scores.
        fits: largest number of trainings per fold, each with another selection part; their scores are averaged.
        needs_grid: whether all layers must have the same cells.
    """

    label: str
    views: tuple[str, ...]
    fit: Fit
    fits: int = 1
    needs_grid: bool = False


def _network(views: Sequence[str], train: Sample, select: Sample, seed: int) -> Fitted:
    from caloforge.validation.judges import network  # PyTorch is imported on first use

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
    """The members with these names; with None, all members that the detector allows.

    Raises:
        InputError: a member is unknown, there is none, or one needs equal layers and the detector has others.
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
