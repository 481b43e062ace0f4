"""Where it shows: the columns by which the strongest trees tell a candidate from Geant4, in words of physics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.validation.judges.areas import area
from caloforge.validation.judges.cross import Problem, Trained
from caloforge.validation.judges.members import Member
from caloforge.validation.judges.trees import Trees

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
SHOWN = 12
TRIED = 40  # columns with the largest gains, whose permutation is tried
MOST = 2000  # showers of a fold that are permuted


@dataclass(frozen=True)
class Column:
    """One column of the judge.

    Attributes:
        name: what it is, in words.
        drop: loss of area under the curve when its values are exchanged between showers.
        reference, candidate: means over Geant4's showers and the candidate's.
        shift: difference of the means in Geant4's standard deviations.
    """

    name: str
    drop: float
    reference: float
    candidate: float
    shift: float


@dataclass(frozen=True)
class Where:
    """What the strongest trees go by.

    Attributes:
        member: the trees.
        columns: most important first.
        cells: share of the gain by each cell (n_cells,); None where the trees do not see cells.
    """

    member: str
    columns: tuple[Column, ...]
    cells: Floats | None


def where_it_shows(problem: Problem, members: dict[str, Member], trained: dict[str, list[Trained]]) -> Where | None:
    """Columns by permutation importance on showers that the trees have not seen; None where no member is trees.

    Source: Breiman, Machine Learning 45 (2001) 5.
    """
    trees = {name: parts for name, parts in trained.items() if isinstance(parts[0].fitted, Trees)}
    if not trees:
        return None
    name = max(trees, key=lambda n: np.mean([part.select for part in trees[n]]))
    views = members[name].views
    fitted = [part.fitted for part in trees[name] if isinstance(part.fitted, Trees)]
    gains = np.mean([one.gains / max(one.gains.sum(), 1e-30) for one in fitted], axis=0)
    tried = np.argsort(-gains, kind="stable")[:TRIED]
    drops = _drops(problem, fitted[0], tried[gains[tried] > 0])
    best = sorted(drops, key=lambda k: -drops[k])[:SHOWN]
    columns = tuple(_column(problem, views, k, drops[k]) for k in best if drops[k] > 0)
    cells = gains[-problem.inputs.detector.n_cells :] if "cells" in views else None
    return Where(name, columns, cells)


def _drops(problem: Problem, trees: Trees, columns: NDArray[np.int64]) -> dict[int, float]:
    """Loss of area for each column, in the first fold."""
    rows = problem.tested(0)
    rng = np.random.default_rng([problem.seed, *b"where"])
    rows = rng.permutation(rows)[: 2 * MOST]
    labels, matrix = problem.labels[rows], problem.inputs[rows].matrix(trees.views)
    whole = area(trees.score(matrix), labels)
    drops = {}
    for k in columns.tolist():
        kept = matrix[:, k].copy()
        matrix[:, k] = rng.permutation(kept)
        drops[k] = whole - area(trees.score(matrix), labels)
        matrix[:, k] = kept
    return drops


def _column(problem: Problem, views: tuple[str, ...], k: int, drop: float) -> Column:
    inputs = problem.inputs
    values = inputs.matrix(views)[:, k].astype(np.float64)
    true, other = values[problem.labels == 1], values[problem.labels == 0]
    shift = (other.mean() - true.mean()) / max(true.std(), 1e-30)
    return Column(inputs.names(views)[k], drop, float(true.mean()), float(other.mean()), float(shift))
