"""Cross-validation: every shower is scored once, by members that have seen neither it nor its fold."""

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
PARTS = 4  # of the training folds, of which one stops a training
ENOUGH = 20_000  # showers per class, times trainings per fold: where showers are many, one training is enough,
VALUES = 2e7  # and where showers times columns are many, more than one is dear
FEWEST = 40  # Geant4 showers per fold


@dataclass(frozen=True)
class Trained:
    """One member on one fold.

    Attributes:
        fitted: trained without the fold, one for each part that stopped a training.
        held: rows of those parts, which belong to the other folds (M,).
        out: scores of `held`, each by the one of `fitted` that was not trained on it (M,).
        strength: mean area under the curve of the parts.
        test: scores of the fold's showers, the mean over `fitted`.
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
        inputs: columns of all showers.
        labels: 1 for Geant4, 0 for others (N,).
        folds: fold that tests each shower (N,), -1 for those that only train.
        n_folds: number of folds.
        seed: of folds, selection parts and members.
    """

    inputs: Inputs
    labels: Floats
    folds: Indices
    n_folds: int
    seed: int

    def tested(self, fold: int) -> Indices:
        """Rows that the fold tests."""
        return np.flatnonzero(self.folds == fold)

    @property
    def n(self) -> int:
        """Showers per class that are tested."""
        return int((self.folds[self.labels == 1] >= 0).sum())

    def area(self, scores: Sequence[Floats]) -> tuple[float, float]:
        """Area under the curve and its error, of scores of each fold's showers."""
        return area_over_folds(scores, [self.labels[self.tested(fold)] for fold in range(self.n_folds)])

    def parts(self, fold: int, share: float = 1.0) -> list[Indices]:
        """Rows of a share of the other folds' showers, at random per class, in `PARTS` parts."""
        rng = np.random.default_rng([self.seed, fold, *b"parts"])
        classes = []
        for label in (1.0, 0.0):
            rows = rng.permutation(np.flatnonzero((self.folds != fold) & (self.labels == label)))
            classes.append(np.array_split(rows[: round(share * len(rows))], PARTS))
        return [np.concatenate(pair) for pair in zip(*classes, strict=True)]

    def sample(self, rows: Indices) -> Sample:
        """Rows with weights that make both classes count alike."""
        labels = self.labels[rows]
        true = labels.mean()
        return Sample(self.inputs[rows], labels, np.where(labels == 1, 0.5 / true, 0.5 / (1 - true)))

    def _affordable(self, member: Member, share: float) -> int:
        columns = sum(len(self.inputs.columns[view].names) for view in member.views)
        return round(min(ENOUGH / (share * self.n), VALUES / (share * self.n * columns)))

    def train(self, name: str, member: Member, fold: int, share: float = 1.0) -> Trained:
        """Train one member without the fold, stopped by each of some parts in turn, and score the fold with it."""
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
    """Columns, labels and folds of Geant4's and a candidate's showers.

    Folds are dealt at random, of equal sizes per class; showers that the candidate has more than Geant4 only train.
    Showers of one incident share a fold: else the energy of a shower to be tested tells the label of its twin in the
    training folds, which is the other one.

    Raises:
        InputError: fewer than two folds, or fewer than 40 showers per class and fold.
    """
    sizes = len(reference), len(candidate)
    if n_folds < 2:
        raise InputError(f"folds must be 2 or more, not {n_folds}")
    if min(sizes) < n_folds * FEWEST:
        raise InputError(f"{min(sizes)} showers per class are too few for {n_folds} folds of at least {FEWEST}; "
                         f"give {n_folds * FEWEST} or more, or fewer folds")  # fmt: skip
    rng = np.random.default_rng([seed, *b"folds"])
    folds = [_deal(size, min(sizes), n_folds, rng) for size in sizes]
    if _answers(reference, candidate):
        folds[1] = np.concatenate([folds[0], np.full(sizes[1] - sizes[0], -1)])
    labels = np.repeat([1.0, 0.0], sizes)
    return Problem(make_inputs(reference, candidate), labels, np.concatenate(folds), n_folds, seed)


def _answers(reference: Showers, candidate: Showers) -> bool:
    """Whether the candidate's first showers are of Geant4's incidents, one by one."""
    n = len(reference)
    return len(candidate) >= n and np.array_equal(reference.incidents.energy, candidate.incidents.energy[:n])


def _deal(size: int, tested: int, n_folds: int, rng: np.random.Generator) -> Indices:
    folds = np.full(size, -1)
    folds[rng.permutation(size)[:tested]] = np.arange(tested) % n_folds
    return folds


def in_parallel(work: Sequence[Callable[[], Result]], ended: Callable[[int], None]) -> list[Result]:
    """Results in order, as many at once as there are cores, each on one thread; `ended` hears of each in order."""
    results = []
    with ThreadPoolExecutor(min(len(work), os.cpu_count() or 1)) as pool:
        for k, result in enumerate(pool.map(lambda one: one(), work)):
            results.append(result)
            ended(k)
    return results
