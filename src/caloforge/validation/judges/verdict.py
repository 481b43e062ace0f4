"""The judge: the strongest of several cross-validated classifiers, chosen without the showers on which it is tested."""

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
LEAST = 32  # least number of showers per class at a point of the curve
FEWEST_OF_PARTICLE = 8  # least number of showers of a particle per class and fold


@dataclass(frozen=True)
class Area:
    """Area under the ROC curve of one member.

    Attributes:
        mean: area, which is 0.5 for equal samples.
        error: standard error of the area.
        n: showers per class, each tested once.
        strength: mean area on the selection parts of the training folds.
    """

    mean: float
    error: float
    n: int
    strength: float


@dataclass(frozen=True)
class Headline:
    """The headline: the area of the members that are the strongest on each fold's selection parts.

    Attributes:
        mean, error, n: as in `Area`.
        member: member that is chosen for most folds.
        chosen: member that is chosen for each fold.
        curve: showers per class, mean and error, in order of size; the last point is the headline.
        particles: areas among the showers of each particle, by PDG code, if there are several.
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
        mean, error, n: as in `Area`.
    """

    mean: float
    error: float
    n: int


@dataclass(frozen=True)
class Verdict:
    """Result of the judge for one candidate.

    Attributes:
        auc: the headline.
        members: area of every member, by name.
        told_apart_at: showers per class at which the headline is first three standard errors above 0.5; None if it is
            not at any size of the curve.
        where: features that the strongest trees use; None without trees.
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
    """Distinguish a candidate's showers from Geant4's with several classifiers, and report the strongest.

    Args:
        reference: Geant4's showers.
        candidate: showers of the same spectrum of incidents; additional ones are used for training.
        seed: seed of folds, selection parts and members; the result does not depend on the number of cores.
        folds: parts of the showers that are tested in turn.
        members: names in `MEMBERS`; by default all members that the detector allows.
        curve: shares of the showers at which the strongest member is trained again; smaller shares are added as long
            as the smallest suffices to distinguish the candidate.
        tick: function that is called with the name of each step as it ends, `n_steps` times.

    Raises:
        InputError: the detectors differ, a member is unknown or needs equal layers, or there are too few showers.
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
    """Number of times that `judge` calls its `tick`."""
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
    """Showers per class, area and error of the chosen members if they are trained on a share of the showers."""
    work = [partial(problem.train, name, members[name], fold, share) for fold, name in enumerate(chosen)]
    n = round(share * problem.n)
    scores = [one.test for one in in_parallel(work, lambda _: tick(f"{n} showers"))]
    return (n, *problem.area(scores))


def _of_particles(problem: Problem, scores: list[Floats], pdg: NDArray[np.integer[Any]]) -> dict[int, ParticleArea]:
    """Areas of the scores among the showers of each particle; empty if there is only one."""
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
