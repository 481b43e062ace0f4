"""Fréchet and kernel physics distances of high-level features.

Source: Kansal et al., Phys. Rev. D 107 (2023) 076017, arXiv:2211.10295. The algorithms are those of jetnet's
`gen_metrics.py` (commit 6ca12b7); random numbers differ.
"""

import numpy as np
from numpy.typing import NDArray

from caloforge.validation.moments import Floats
from caloforge.validation.recipes import Recipe

POINTS, BATCHES = 10, 20
KERNEL_BATCHES, DEGREE = 10, 4
BLOCK = 1000
ROUNDING = 1e-6  # spread of a feature, relative to its size, below which it counts as constant


def physics_distances(reference: Floats, other: Floats, recipe: Recipe, seed: int) -> dict[str, dict[str, float]]:
    """FPD and KPD of features (N, D), each with its error.

    CaloChallenge draws 10 000 to 50 000 showers for FPD and 10 000 for KPD. By default, FPD draws half to all of the
    sample, and KPD at most 2000 showers.
    """
    n = min(len(reference), len(other))
    smallest, largest, batch = (10_000, 50_000, 10_000) if recipe.as_published else (n // 2, n, min(n, 2000))
    frechet = frechet_distance(reference, other, smallest, largest, seed)
    kernel = kernel_distance(reference, other, batch, seed)
    return {name: {"value": v, "error": e} for name, (v, e) in (("fpd", frechet), ("kpd", kernel))}


def scaled(reference: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Both samples, divided by the largest magnitude of each feature in the reference, without constant features.

    A feature is constant if its spread in the reference is rounding noise compared with its size in either sample. Its
    scale would be arbitrary, and so would the distance.
    """
    size = np.maximum(np.abs(reference).max(axis=0), np.abs(other).max(axis=0))
    varied = np.ptp(reference, axis=0) > ROUNDING * size
    scale = np.abs(reference[:, varied]).max(axis=0)
    return reference[:, varied] / scale, other[:, varied] / scale


def frechet_distance(reference: Floats, other: Floats, smallest: int, largest: int, seed: int) -> tuple[float, float]:
    """Fréchet distance of Gaussians, extrapolated linearly in 1/N to infinite samples, and the error of the fit.

    There are ten sizes, equally spaced in 1/N, with twenty draws with replacement each. Intercept and slope of the fit
    are not negative. The result is NaN if no feature varies.

    Args:
        reference: features of the reference (N, D).
        other: features of the other sample (M, D).
        smallest: smallest number of showers in a draw.
        largest: largest number of showers in a draw.
        seed: seed of the draws.
    """
    x, y = scaled(reference, other)
    if not x.shape[1]:
        return np.nan, np.nan
    sizes = (1 / np.linspace(1 / smallest, 1 / largest, POINTS)).astype(np.int64)
    rng = np.random.default_rng(seed)
    means = [np.mean([_draw(x, y, int(size), rng) for _ in range(BATCHES)]) for size in sizes]
    return _intercept(1 / sizes, np.array(means))


def _draw(x: Floats, y: Floats, size: int, rng: np.random.Generator) -> float:
    """Distance of two draws with replacement, in which each shower is weighted by its count."""
    (mean_x, cov_x), (mean_y, cov_y) = (
        _gaussian(s, rng.multinomial(size, np.full(len(s), 1 / len(s)))) for s in (x, y)
    )
    return frechet(mean_x, cov_x, mean_y, cov_y)


def _gaussian(values: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    drawn, n = counts > 0, counts.sum()
    values, weights = values[drawn], counts[drawn].astype(np.float64)
    mean = weights @ values / n
    centred = values - mean
    return mean, (centred * weights[:, None]).T @ centred / (n - 1)


def frechet(mean_x: Floats, cov_x: Floats, mean_y: Floats, cov_y: Floats) -> float:
    """Squared Fréchet distance |m_x - m_y|^2 + Tr(C_x + C_y - 2 (C_x C_y)^1/2) of two Gaussians."""
    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_y @ root).clip(min=0)).sum()
    return float(((mean_x - mean_y) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * cross)


def _intercept(x: Floats, y: Floats) -> tuple[float, float]:
    """Intercept of a fitted line with intercept and slope >= 0, and its error from the scatter of the points."""
    from scipy.optimize import nnls

    design = np.column_stack([np.ones_like(x), x])
    parameters, residual = nnls(design, y)
    covariance = np.linalg.inv(design.T @ design) * residual**2 / (len(x) - 2)
    return float(parameters[0]), float(np.sqrt(covariance[0, 0]))


def kernel_distance(reference: Floats, other: Floats, batch: int, seed: int) -> tuple[float, float]:
    """Unbiased squared MMD with the kernel (x y / D + 1)^4: median and half the central 67.45 % range of ten draws.

    Args:
        reference: features of the reference (N, D).
        other: features of the other sample (M, D).
        batch: showers in a draw.
        seed: seed of the draws.
    """
    x, y = scaled(reference, other)
    if not x.shape[1]:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    draws = [_mmd(x[rng.choice(len(x), batch)], y[rng.choice(len(y), batch)]) for _ in range(KERNEL_BATCHES)]
    low, median, high = np.percentile(draws, [16.275, 50, 83.725])
    return float(median), float((high - low) / 2)


def _mmd(x: Floats, y: Floats) -> float:
    n = len(x)
    within = sum((_kernel_sum(a, a) - _kernel_diagonal(a)) / (n * (n - 1)) for a in (x, y))
    return within - 2 * _kernel_sum(x, y) / n**2


def _kernel_sum(x: Floats, y: Floats) -> float:
    blocks = range(0, len(x), BLOCK)
    return sum(float(((x[i : i + BLOCK] @ y.T / x.shape[1] + 1) ** DEGREE).sum()) for i in blocks)


def _kernel_diagonal(x: Floats) -> float:
    return float((((x**2).sum(axis=1) / x.shape[1] + 1) ** DEGREE).sum())
