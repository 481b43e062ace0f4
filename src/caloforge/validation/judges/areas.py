"""Area under the ROC curve of scores from several folds, and its standard error."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
LEAST = 0.3  # standard errors; least significance in interpolations


def placements(scores: Floats, labels: Floats) -> Floats:
    """Share (N,) of the other class that ranks in the right order with each shower; ties count half.

    The mean of these placements over either class is the area under the ROC curve; their variances give its error.
    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837.

    Args:
        scores: scores of the showers (N,).
        labels: 1 for Geant4, 0 for others (N,).
    """
    true = labels == 1
    result = np.empty(len(scores))
    result[true] = _below(scores[true], scores[~true])
    result[~true] = 1 - _below(scores[~true], scores[true])
    return result


def _below(values: Floats, others: Floats) -> Floats:
    ordered = np.sort(others)
    low, high = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return (low + high) / (2 * len(others))


def area(scores: Floats, labels: Floats) -> float:
    """Area under the ROC curve of scores (N,) with labels (N,)."""
    return float(placements(scores, labels)[labels == 1].mean())


def area_over_folds(scores: Sequence[Floats], labels: Sequence[Floats]) -> tuple[float, float]:
    """Mean of the areas of folds of equal size, and its standard error; showers are ranked within their fold only.

    The error is at least that of half a shower, which applies if all showers are classified correctly.
    """
    ranks = [placements(s, t) for s, t in zip(scores, labels, strict=True)]
    joined, label = np.concatenate(ranks), np.concatenate(list(labels))
    variance = sum(joined[label == k].var(ddof=1) / (label == k).sum() for k in (0, 1))
    mean = np.mean([rank[t == 1].mean() for rank, t in zip(ranks, labels, strict=True)])
    return float(mean), max(float(np.sqrt(variance)), 0.5 / max(1, int((label == 1).sum())))


def told_apart(curve: Sequence[tuple[int, float, float]], deviations: float = 3.0) -> int | None:
    """Showers per class at which the area is first `deviations` standard errors above 0.5; None if it never is.

    The logarithm of the significance is interpolated linearly in the logarithm of the number of showers. The error at n
    showers is that of the largest sample times sqrt(size / n). No number below the first point is returned.

    Args:
        curve: showers per class, area and error of each point, in order of size.
        deviations: required significance in standard errors.
    """
    largest, _, error = curve[-1]
    sizes = np.array([n for n, _, _ in curve], np.float64)
    significance = np.array([(mean - 0.5) / (error * np.sqrt(largest / n)) for n, mean, _ in curve])
    above = np.flatnonzero(significance >= deviations)
    if not len(above):
        return None
    k = int(above[0])
    if k == 0:
        return int(sizes[0])
    before, at = np.log(np.maximum(significance[k - 1 : k + 1], LEAST) / deviations)
    part = -before / (at - before)
    return int(np.ceil(np.exp(np.log(sizes[k - 1]) + part * np.log(sizes[k] / sizes[k - 1]))))
