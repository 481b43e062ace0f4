"""Distances between one-dimensional distributions, with errors from the bootstrap."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.validation.moments import Floats
from caloforge.validation.table import Table, bin_edges

GRID = 400  # bins in which errors of Wasserstein distances are computed
ENERGY_BINS = 5
Metrics = dict[str, Any]


def separation_power(a: Floats, b: Floats) -> float:
    """Separation power 1/2 sum (a - b)^2 / (a + b) of two normalised histograms.

    It is 0 for equal and 1 for disjoint histograms. Source: eq. 15 of arXiv:2009.03796; CaloChallenge's
    `_separation_power`.

    Args:
        a: counts of one histogram (n_bins,).
        b: counts of the other (n_bins,).
    """
    return float(_separation(_unit_sum(a), _unit_sum(b)))


def histogram(values: Floats, edges: Floats) -> Floats:
    """Counts per bin; the first and the last bin also hold the values outside, so that none is dropped."""
    values = values[np.isfinite(values)]
    index = np.searchsorted(edges, values, side="right") - 1
    return np.bincount(index.clip(0, len(edges) - 2), minlength=len(edges) - 1).astype(np.float64)


def wasserstein(a: Floats, b: Floats) -> float:
    """Wasserstein distance of two samples in the observable's unit; values that are not finite are left out."""
    from scipy.stats import wasserstein_distance

    a, b = (x[np.isfinite(x)] for x in (a, b))
    return float(wasserstein_distance(a, b)) if len(a) and len(b) else float("nan")


def compare(reference: Table, other: Table, bootstraps: int, seed: int) -> dict[str, Metrics]:
    """Ratios of mean and width, separation power and Wasserstein distance of every observable, each with its error.

    Ratios are other over reference. Wasserstein distances are given in the observable's unit, and in widths of the
    reference.
    """
    columns = list(reference)
    a, b = (np.column_stack([table[name].values for name in columns]) for table in (reference, other))
    rng = np.random.default_rng(seed)
    ratios = ratio_errors(a, b, bootstraps, rng)
    return {
        name: {key: float(values[i]) for key, values in ratios.items()}
        | shape_distances(a[:, i], b[:, i], bin_edges(reference[name]), bootstraps, rng)
        | {"unit": reference[name].unit}
        for i, name in enumerate(columns)
    }


def ratio_errors(a: Floats, b: Floats, bootstraps: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Ratios b / a of means and standard deviations of columns (N, K), and their bootstrap errors, without NaN."""
    (mean_a, std_a), (mean_b, std_b) = _moments(a, None), _moments(b, None)
    boot_a, boot_b = (_moments(x, rng.poisson(1.0, (bootstraps, len(x))).astype(np.float32)) for x in (a, b))
    mean_error, std_error = (np.std(_ratio(y, x), axis=0) for x, y in zip(boot_a, boot_b, strict=True))
    spread = np.hypot(*(np.std(boot[0], axis=0) for boot in (boot_a, boot_b)))
    return {
        "mean_ratio": _ratio(mean_b, mean_a)[0],
        "mean_ratio_error": mean_error,
        "std_ratio": _ratio(std_b, std_a)[0],
        "std_ratio_error": std_error,
        "mean_pull": _ratio(mean_b - mean_a, spread)[0],
    }


def _ratio(a: Floats, b: Floats) -> Floats:
    return a / np.where(b == 0, np.nan, b)


def _moments(values: Floats, weights: NDArray[np.float32] | None) -> tuple[Floats, Floats]:
    """Means and standard deviations (B, K) of columns (N, K) under weights (B, N); a shift keeps digits of widths."""
    finite = np.isfinite(values)
    shift = np.where(finite, values, 0).sum(axis=0) / finite.sum(axis=0).clip(min=1)
    x = np.where(finite, values - shift, 0.0)
    if weights is None:
        weights = np.ones((1, len(values)), np.float32)
    n, first, second = (_weigh(weights, column) for column in (finite, x, x**2))
    n = np.where(n > 0, n, np.nan)
    mean = first / n
    return mean + shift, np.sqrt((second / n - mean**2).clip(min=0))


def _weigh(weights: NDArray[np.float32], columns: NDArray[Any]) -> Floats:
    return weights.astype(np.float64) @ columns.astype(np.float64)


def shape_distances(a: Floats, b: Floats, edges: Floats, bootstraps: int, rng: np.random.Generator) -> Metrics:
    """Separation power in bins of `edges`, and Wasserstein distance, of two samples, with bootstrap errors."""
    counts = [histogram(x, edges) for x in (a, b)]
    boot = [_unit_sum(rng.poisson(c, (bootstraps, len(c))).astype(np.float64)) for c in counts]
    distance, error = wasserstein_error(a, b, bootstraps, rng)
    width = float(np.std(a[np.isfinite(a)])) if np.isfinite(a).any() else 0.0
    return {
        "separation_power": separation_power(*counts),
        "separation_power_error": float(np.std(_separation(*boot))),
        "wasserstein": distance,
        "wasserstein_error": error,
        "wasserstein_scaled": distance / width if width > 0 else (0.0 if distance == 0 else float("inf")),
    }


def wasserstein_error(a: Floats, b: Floats, bootstraps: int, rng: np.random.Generator) -> tuple[float, float]:
    """Wasserstein distance, and its bootstrap error on a grid of 400 bins over the range of both samples."""
    joined = np.concatenate([x[np.isfinite(x)] for x in (a, b)])
    if not len(joined) or joined.min() == joined.max():
        return wasserstein(a, b), 0.0
    edges = np.linspace(joined.min(), joined.max(), GRID + 1)
    boot = [_unit_sum(rng.poisson(histogram(x, edges), (bootstraps, GRID)).astype(np.float64)) for x in (a, b)]
    gaps = np.abs(np.cumsum(boot[0] - boot[1], axis=1)).sum(axis=1) * (edges[1] - edges[0])
    return wasserstein(a, b), float(np.std(gaps))


def width_error(values: Floats) -> float:
    """Standard error of the standard deviation, from the fourth moment."""
    centred = (values - values.mean()) ** 2
    variance = centred.mean()
    return float(np.sqrt(max((centred**2).mean() - variance**2, 0) / (4 * variance * len(values)))) if variance else 0.0


def energy_bins(energy: Floats) -> list[tuple[float, float]]:
    """Bins [low, high] of incident energy [MeV]: one per energy if at most ten occur, else five with equal contents.

    If many showers share an energy, bins contain equal numbers of distinct energies, so that none is divided.
    """
    distinct = np.unique(energy)
    if len(distinct) <= 10:
        return [(float(e), float(e)) for e in distinct]
    if len(distinct) < len(energy) / 2:
        return [(float(part[0]), float(part[-1])) for part in np.array_split(distinct, ENERGY_BINS)]
    edges = np.quantile(energy, np.linspace(0, 1, ENERGY_BINS + 1))
    return [(float(low), float(high)) for low, high in pairwise(edges)]


def _unit_sum(counts: Floats) -> Floats:
    total = counts.sum(axis=-1, keepdims=True)
    return counts / np.where(total > 0, total, 1)


def _separation(a: Floats, b: Floats) -> Floats:
    return np.asarray(0.5 * ((a - b) ** 2 / (a + b + 1e-16)).sum(axis=-1))
