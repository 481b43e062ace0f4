"""The judge: the strongest of several cross-validated classifiers, chosen without the showers that it is tested on."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.showers import Showers
from caloforge.validation.classifier_threads import single_threaded
from caloforge.validation.judges.areas import area_over_folds, told_apart
from caloforge.validation.judges.cross import Problem, Trained, in_parallel, make_problem
from caloforge.validation.judges.members import Member, find_members
from caloforge.validation.judges.where import Where, where_it_shows

Floats = NDArray[np.float64]
CURVE = (1 / 8, 1 / 4, 1 / 2)
FOLDS = 5
LEAST = 32  # showers per class of a point of the curve
FEWEST_OF_PARTICLE = 8  # showers per class and fold


@dataclass(frozen=True)
class Area:
    """Area under the ROC curve of one member.

    Attributes:
        mean: 0.5 for equal samples.
        error: its standard error.
        n: showers per class, each tested once.
        strength: mean area on the parts of the training folds that stopped the training.
    """

    mean: float
    error: float
    n: int
    strength: float


@dataclass(frozen=True)
class Headline:
    """The headline figure.

    Attributes:
        mean, error, n: as of `Area`, for the member that was the strongest on each fold's selection part.
        member: the one chosen for most folds.
        chosen: the one chosen for each fold.
        curve: showers per class, mean, error, growing; the last is the headline itself.
        particles: the same scores among the showers of one particle, by PDG code, where there are several.
    """

    mean: float
    error: float
    member: str
    n: int
    chosen: tuple[str, ...]
    curve: tuple[tuple[int, float, float], ...]
    particles: dict[int, "ParticleArea"]


@dataclass(frozen=True)
class ParticleArea:
    """Area under the ROC curve among the showers of one particle.

    Attributes:
        mean, error, n: as of `Area`.
    """

    mean: float
    error: float
    n: int


@dataclass(frozen=True)
class Verdict:
    """Result of the judge for one candidate.

    Attributes:
        auc: the headline.
        members: every member's figure, by name.
        told_apart_at: showers per class at which the headline first lies three standard errors above 0.5; None where
            it does not at any size of the curve.
        where: what the strongest trees go by.
    """

    auc: Headline
    members: dict[str, Area]
    told_apart_at: int | None
    where: Where | None


def silent(what: str) -> None:
    """Report nothing at the end of a step."""


def judge(
    reference: Showers,
    candidate: Showers,
    *,
    seed: int,
    folds: int = FOLDS,
    members: Sequence[str] | None = None,
    curve: Sequence[float] = CURVE,
    tick: Callable[[str], None] = silent,
) -> Verdict:
    """Tell a candidate's showers from Geant4's with several classifiers, and report the strongest.

    Args:
        reference: Geant4's showers.
        candidate: the candidate's, of the same spectrum of incidents; more than Geant4's are used to train.
        seed: of folds, selection parts and members; same seed, same figures, on any number of cores.
        folds: parts of the showers that are tested in turn.
        members: names in `MEMBERS`; by default all that the detector allows.
        curve: shares of the showers at which the strongest member is trained again; smaller ones follow while these
            are enough to tell the candidate.
        tick: called with what ended, `n_steps` times.

    Raises:
        InputError: another detector, an unknown member or one that needs a regular grid, or too few showers.
    """
    found = find_members(members, reference.detector)
    problem = make_problem(reference, candidate, folds, seed)
    with single_threaded():
        trained = _cross_validate(problem, found, tick)
        chosen = [max(found, key=lambda name: trained[name][k].strength) for k in range(folds)]
        point = partial(_point, problem, found, chosen)
        points = [point(share, tick) for share in sorted(curve) if share * problem.n >= LEAST]
        scores = [trained[name][k].test for k, name in enumerate(chosen)]
        mean, error = problem.area(scores)
        points.append((problem.n, mean, error))
        while curve and points[0][0] >= 2 * LEAST and told_apart(points) == points[0][0]:
            points.insert(0, point(points[0][0] / 2 / problem.n, silent))
        where = where_it_shows(problem, found, trained)
    areas = {name: _area(problem, parts) for name, parts in trained.items()}
    strongest = Counter(chosen).most_common(1)[0][0]
    particles = _of_particles(problem, scores, np.concatenate([reference.incidents.pdg, candidate.incidents.pdg]))
    headline = Headline(mean, error, strongest, problem.n, tuple(chosen), tuple(points), particles)
    return Verdict(headline, areas, told_apart(headline.curve), where)


def n_steps(members: int, folds: int = FOLDS, curve: Sequence[float] = CURVE) -> int:
    """How often `judge` calls its `tick`."""
    return folds * (members + len(curve))


def _cross_validate(
    problem: Problem, members: dict[str, Member], tick: Callable[[str], None]
) -> dict[str, list[Trained]]:
    """Train and test every member on every fold."""
    work = [(name, fold) for name in members for fold in range(problem.n_folds)]
    results = in_parallel([partial(problem.train, name, members[name], fold) for name, fold in work],
                          lambda k: tick(members[work[k][0]].label))  # fmt: skip
    return {name: [results[k] for k, (other, _) in enumerate(work) if other == name] for name in members}


def _point(
    problem: Problem, members: dict[str, Member], chosen: list[str], share: float, tick: Callable[[str], None]
) -> tuple[int, float, float]:
    """Showers per class, area and error of the chosen members where they learn from a share of the showers."""
    work = [partial(problem.train, name, members[name], fold, share) for fold, name in enumerate(chosen)]
    n = round(share * problem.n)
    scores = [one.test for one in in_parallel(work, lambda _: tick(f"{n} showers"))]
    return (n, *problem.area(scores))


def _of_particles(problem: Problem, scores: list[Floats], pdg: NDArray[np.integer[Any]]) -> dict[int, ParticleArea]:
    """Areas of the scores among the showers of each particle, where there are several."""
    codes, found = np.unique(pdg), {}
    for code in codes.tolist() if len(codes) > 1 else ():
        chosen = [pdg[problem.tested(fold)] == code for fold in range(problem.n_folds)]
        labels = [problem.labels[problem.tested(fold)][mask] for fold, mask in enumerate(chosen)]
        n = int(sum(label.sum() for label in labels))
        if min(min(label.sum(), (1 - label).sum()) for label in labels) >= FEWEST_OF_PARTICLE:
            parts = [score[mask] for score, mask in zip(scores, chosen, strict=True)]
            found[code] = ParticleArea(*area_over_folds(parts, labels), n)
    return found


def _area(problem: Problem, parts: list[Trained]) -> Area:
    mean, error = problem.area([part.test for part in parts])
    return Area(mean, error, problem.n, float(np.mean([part.strength for part in parts])))
