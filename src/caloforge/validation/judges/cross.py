"""Cross-validation: every shower is scored once, by members that were trained without its fold."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.showers import Showers
from caloforge.validation.judges.areas import area_over_folds
from caloforge.validation.judges.inputs import Inputs, Sample, make_inputs
from caloforge.validation.judges.members import Fitted, Member

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Result = TypeVar("Result")
PARTS = 4  # parts of the training folds; one of them selects when a training stops
ENOUGH = 20_000  # showers per class times trainings per fold, since one training suffices for many showers
VALUES = 2e7  # showers per class times columns times trainings, which limits the time
FEWEST = 40  # least number of Geant4 showers per fold


@dataclass(frozen=True)
class Trained:
    """One member on one fold.

    Attributes:
        fitted: classifiers trained without the fold, one for each selection part.
        held: rows of the selection parts, which belong to the other folds (M,).
        out: scores of `held`, each by the classifier that was not trained on it (M,).
        strength: mean area under the ROC curve on the selection parts.
        test: scores of the fold's showers, averaged over `fitted`.
    """

    fitted: tuple[Fitted, ...]
    held: Indices
    out: Floats
    strength: float
    test: Floats


@dataclass(frozen=True)
class Problem:
    """Showers of both classes in one matrix, Geant4's first, and the folds.

    Attributes:
        inputs: features of all showers.
        labels: 1 for Geant4, 0 for others (N,).
        folds: fold in which each shower is tested (N,); -1 for showers that are only used for training.
        n_folds: number of folds.
        seed: seed of folds, selection parts and members.
    """

    inputs: Inputs
    labels: Floats
    folds: Indices
    n_folds: int
    seed: int

    def tested(self, fold: int) -> Indices:
        """Rows that are tested in a fold."""
        return np.flatnonzero(self.folds == fold)

    @property
    def n(self) -> int:
        """Showers per class that are tested."""
        return int((self.folds[self.labels == 1] >= 0).sum())

    def area(self, scores: Sequence[Floats]) -> tuple[float, float]:
        """Area under the ROC curve and its error, from the scores of the showers of each fold."""
        return area_over_folds(scores, [self.labels[self.tested(fold)] for fold in range(self.n_folds)])

    def parts(self, fold: int, share: float = 1.0) -> list[Indices]:
        """Rows of a random share of the other folds' showers, in `PARTS` parts with equal classes."""
        rng = np.random.default_rng([self.seed, fold, *b"parts"])
        classes = []
        for label in (1.0, 0.0):
            rows = rng.permutation(np.flatnonzero((self.folds != fold) & (self.labels == label)))
            classes.append(np.array_split(rows[: round(share * len(rows))], PARTS))
        return [np.concatenate(pair) for pair in zip(*classes, strict=True)]

    def sample(self, rows: Indices) -> Sample:
        """Sample of rows, with weights that balance the classes."""
        labels = self.labels[rows]
        true = labels.mean()
        return Sample(self.inputs[rows], labels, np.where(labels == 1, 0.5 / true, 0.5 / (1 - true)))

    def _affordable(self, member: Member, share: float) -> int:
        columns = sum(len(self.inputs.columns[view].names) for view in member.views)
        return round(min(ENOUGH / (share * self.n), VALUES / (share * self.n * columns)))

    def train(self, name: str, member: Member, fold: int, share: float = 1.0) -> Trained:
        """Train one member without the fold, once for each of some selection parts, and score the fold."""
        parts = self.parts(fold, share)
        fits = min(member.fits, max(1, self._affordable(member, share)))
        seeds = np.random.SeedSequence([self.seed, fold, *name.encode()]).generate_state(fits)
        fitted, out = [], []
        for k, seed in enumerate(seeds.tolist()):
            train, select = (self.sample(r) for r in (np.concatenate(parts[:k] + parts[k + 1 :]), parts[k]))
            fitted.append(member.fit(member.views, train, select, seed))
            out.append(fitted[k](select.inputs))
        test = self.inputs[self.tested(fold)]
        strength = area_over_folds(out, [self.labels[rows] for rows in parts[:fits]])[0]
        scores = np.mean([one(test) for one in fitted], axis=0)
        return Trained(tuple(fitted), np.concatenate(parts[:fits]), np.concatenate(out), strength, scores)


def make_problem(reference: Showers, candidate: Showers, n_folds: int, seed: int) -> Problem:
    """Features, labels and folds of Geant4's and a candidate's showers.

    Folds are random and of equal size per class. If the candidate has more showers than Geant4, the additional ones are
    only used for training. Showers of the same incident share a fold. Otherwise a member could recognise a test shower
    by its incident energy: the other shower of that incident, in the training folds, has the other label.

    Raises:
        InputError: there are fewer than two folds, or fewer than 40 showers per class and fold.
    """
    sizes = len(reference), len(candidate)
    if n_folds < 2:
        raise InputError(f"folds must be 2 or more, not {n_folds}")
    if min(sizes) < n_folds * FEWEST:
        raise InputError(f"{min(sizes)} showers per class are too few for {n_folds} folds of at least {FEWEST}; "
                         f"give {n_folds * FEWEST} or more, or fewer folds")  # fmt: skip
    rng = np.random.default_rng([seed, *b"folds"])
    folds = [_assign_folds(size, min(sizes), n_folds, rng) for size in sizes]
    if _is_paired(reference, candidate):
        folds[1] = np.concatenate([folds[0], np.full(sizes[1] - sizes[0], -1)])
    labels = np.repeat([1.0, 0.0], sizes)
    return Problem(make_inputs(reference, candidate), labels, np.concatenate(folds), n_folds, seed)


def _is_paired(reference: Showers, candidate: Showers) -> bool:
    """Whether the candidate's first showers have the same incidents as Geant4's, in the same order."""
    n = len(reference)
    return len(candidate) >= n and np.array_equal(reference.incidents.energy, candidate.incidents.energy[:n])


def _assign_folds(size: int, tested: int, n_folds: int, rng: np.random.Generator) -> Indices:
    folds = np.full(size, -1)
    folds[rng.permutation(size)[:tested]] = np.arange(tested) % n_folds
    return folds


def in_parallel(work: Sequence[Callable[[], Result]], ended: Callable[[int], None]) -> list[Result]:
    """Results of all work, in order; as many calls run at once as there are cores.

    Args:
        work: functions, each of which runs on one thread.
        ended: function that is called with the number of each result, in order.
    """
    results = []
    with ThreadPoolExecutor(min(len(work), os.cpu_count() or 1)) as pool:
        for k, result in enumerate(pool.map(lambda one: one(), work)):
            results.append(result)
            ended(k)
    return results
