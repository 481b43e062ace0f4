"""The features by which the strongest trees distinguish a candidate from Geant4."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.validation.judges.areas import area
from caloforge.validation.judges.cross import Problem, Trained
from caloforge.validation.judges.members import Member
from caloforge.validation.judges.trees import Trees

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Matrix = NDArray[np.float32]
SHOWN = 12
MOST = 2000  # largest number of showers per class and fold that are permuted
FAMILIES = {
    "what is known of the incident": r"log E_inc|theta|cos phi|sin phi|entry point|is ",
    "the response": r"E_tot / E_inc|log E_tot",
    "the energies of the layers": r"E / E_|log E$|log of the ratio|.*in depth|layer of the maximum",
    "faint hits": r"faint",
    "the numbers of hits": r"hits (above|below|between|from)",
    "the energies of the hits": r"(sum|mean|spread|skewness) of log E",
    "isolated hits and neighbours": r"isolated|hit neighbours|likeness",
    "the hottest cells": r".*hottest|share of cell",
    "the lateral shape": r"centre in|width in|third moment|fourth moment|distance",
    "single cells": r"cell ",
}


@dataclass(frozen=True)
class Column:
    """One feature of the judge.

    Attributes:
        name: name in words.
        family: kind of the feature, one of `FAMILIES`.
        share: share of the feature in the decrease of the loss by all splits of the trees.
        reference, candidate: means over Geant4's and over the candidate's showers.
        shift: difference of the means in standard deviations of Geant4's showers.
    """

    name: str
    family: str
    share: float
    reference: float
    candidate: float
    shift: float


@dataclass(frozen=True)
class Where:
    """Features that the strongest trees use.

    Attributes:
        member: name of the trees.
        families: loss of area if all features of a kind are permuted together, by kind, largest first.
        columns: features with the largest gains, largest first.
        cells: share of each cell in the gain of the strongest trees that see cells (n_cells,); None if none do.
    """

    member: str
    families: dict[str, float]
    columns: tuple[Column, ...]
    cells: Floats | None


def where_it_shows(problem: Problem, members: dict[str, Member], trained: dict[str, list[Trained]]) -> Where | None:
    """Features by their gain, and kinds of features by their permutation importance on test showers.

    Features of a kind are permuted together, since correlated features replace each other. The result is None if no
    member consists of trees. Source: Breiman, Machine Learning 45 (2001) 5.
    """
    strength = {name: float(np.mean([part.strength for part in parts])) for name, parts in trained.items()
                if isinstance(parts[0].fitted[0], Trees)}  # fmt: skip
    if not strength:
        return None
    strongest = sorted(strength, key=lambda name: -strength[name])
    name = strongest[0]
    trees = [_first_trees(part) for part in trained[name]]
    names = problem.inputs.names(members[name].views)
    gains, family = _gains(trees), [family_of(column) for column in names]
    groups = {kind: np.flatnonzero([f == kind for f in family]) for kind in FAMILIES if kind in family}
    drops = _drops(problem, trees, groups)
    kinds = sorted(drops, key=lambda kind: -drops[kind])
    best = [int(k) for k in np.argsort(-gains, kind="stable")[:SHOWN] if gains[k] > 0]
    columns = [_column(problem, members[name], k, names[k], family[k], float(gains[k])) for k in best]
    cells = _cells(problem, members, trained, strongest)
    return Where(name, {kind: drops[kind] for kind in kinds}, tuple(columns), cells)


def _first_trees(part: Trained) -> Trees:
    first = part.fitted[0]
    assert isinstance(first, Trees)
    return first


def _gains(trees: list[Trees]) -> Floats:
    return np.asarray(np.mean([one.gains / max(one.gains.sum(), 1e-30) for one in trees], axis=0))


def _cells(
    problem: Problem, members: dict[str, Member], trained: dict[str, list[Trained]], strongest: list[str]
) -> Floats | None:
    for name in strongest:
        if "cells" in members[name].views:
            gains = _gains([_first_trees(part) for part in trained[name]])
            return gains[-problem.inputs.detector.n_cells :]
    return None


def family_of(name: str) -> str:
    """The kind of a feature, one of `FAMILIES`, from its name."""
    bare = re.sub(r"^layers? [^:]*: ", "", name)
    return next(kind for kind, pattern in FAMILIES.items() if re.match(pattern, bare))


def _drops(problem: Problem, trees: list[Trees], groups: dict[str, Indices]) -> dict[str, float]:
    """Mean over folds of the loss of area if the features of a group are permuted between showers."""
    lost = dict.fromkeys(groups, 0.0)
    for fold, one in enumerate(trees):
        rng = np.random.default_rng([problem.seed, fold, *b"where"])
        rows = rng.permutation(problem.tested(fold))[: 2 * MOST]
        labels, matrix = problem.labels[rows], problem.inputs[rows].matrix(one.views)
        whole = area(one.score(matrix), labels)
        for name, columns in groups.items():
            kept = matrix[:, columns].copy()
            matrix[:, columns] = rng.permutation(kept)
            lost[name] += (whole - area(one.score(matrix), labels)) / len(trees)
            matrix[:, columns] = kept
    return lost


def _column(problem: Problem, member: Member, k: int, name: str, family: str, share: float) -> Column:
    for view in ("conditions", *member.views):
        values = problem.inputs.view(view)
        if k < values.shape[1]:
            break
        k -= values.shape[1]
    column = values[:, k].astype(np.float64)
    true, other = column[problem.labels == 1], column[problem.labels == 0]
    shift = (other.mean() - true.mean()) / max(true.std(), 1e-30)
    return Column(name, family, share, float(true.mean()), float(other.mean()), float(shift))
