"""Tests of every cell and of every pair of layers at once: where samples differ, and how surely."""

from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.showers import Showers
from caloforge.validation import observables as obs
from caloforge.validation.moments import Energies, Floats, chunks, lateral_moments

LEAST_SHARE = 1e-4  # of the total energy: rarer cells have no Gaussian mean
Metrics = dict[str, Any]


def cell_means(reference: Showers, other: Showers) -> Metrics:
    """Largest difference of mean cell energy over incident energy, in standard errors, with its cell and probability.

    Cells with less than 1e-4 of the energy are left out; the probability counts the cells tried (Bonferroni).
    """
    (mean_a, error_a), (mean_b, error_b) = (_cell_moments(s) for s in (reference, other))
    error = np.hypot(error_a, error_b)
    tried = (mean_a + mean_b > 2 * LEAST_SHARE * mean_a.sum()) & (error > 0)
    pull = np.where(tried, (mean_b - mean_a) / np.where(error > 0, error, 1), 0)
    cell = int(np.argmax(np.abs(pull)))
    ratio = float(mean_b[cell] / mean_a[cell]) if mean_a[cell] > 0 else None
    return {
        "largest_pull": float(pull[cell]),
        "cell": cell,
        "layer": int(reference.detector.cell_layer[cell]),
        "ratio": ratio,
        "probability": _corrected(float(np.abs(pull[cell])), int(tried.sum())),
        "n_cells": int(tried.sum()),
    }


def _cell_moments(showers: Showers) -> tuple[Floats, Floats]:
    """Mean of cell energy over incident energy (n_cells,), and its standard error."""
    energies, scale = showers.thresholded(), 1 / showers.incidents.energy[:, None]
    first, second = np.zeros(energies.shape[1]), np.zeros(energies.shape[1])
    for rows in chunks(energies):
        cells = energies[rows] * scale[rows]
        first += cells.sum(axis=0)
        second += (cells**2).sum(axis=0)
    n = len(energies)
    mean = first / n
    return mean, np.sqrt((second / n - mean**2).clip(min=0) / n)


def layer_correlations(reference: Showers, other: Showers) -> Metrics:
    """Correlations of layer energies, response, depth and centres: the largest difference in standard errors.

    Of quantities relative to incident energy, by their ranks (Spearman), since showers do not follow Gaussians:
    differences of Fisher's z, whose variance is 1.06 / (N - 3). The probability counts the pairs tried.
    """
    ours, theirs = correlated(reference), correlated(other)
    names = [name for name, values in ours.items() if values.std() > 0]
    a, b = (obs.correlations(_ranks(np.column_stack([table[name] for name in names]))) for table in (ours, theirs))
    upper = np.triu_indices(len(names), 1)
    z = [np.arctanh(matrix[upper].clip(-0.999999, 0.999999)) for matrix in (b, a)]
    pull = (z[0] - z[1]) / np.sqrt(SPEARMAN * (1 / (len(reference) - 3) + 1 / (len(other) - 3)))
    worst = int(np.argmax(np.abs(pull)))
    pair = (upper[0][worst], upper[1][worst])
    return {
        "largest_pull": float(pull[worst]),
        "pair": [names[i] for i in pair],
        "values": [float(a[pair]), float(b[pair])],
        "probability": _corrected(float(np.abs(pull[worst])), len(pull)),
        "n_pairs": len(pull),
    }


SPEARMAN = 1.06  # variance of Fisher's z for ranks: Fieller, Hartley and Pearson, Biometrika 44 (1957) 470
MOST_LAYERS = 12


def correlated(showers: Showers) -> dict[str, Floats]:
    """Quantities (N,) whose correlations are compared, by name; of at most 12 layers, evenly spread."""
    energies, detector = showers.thresholded(), showers.detector
    chosen = spread_layers(detector, MOST_LAYERS)
    layers = obs.layer_energies(detector, energies) / showers.incidents.energy[:, None]
    columns = {f"E_{k}/E_inc": layers[:, k] for k in chosen}
    moments = lateral_moments(detector, energies)
    for k in chosen:
        columns |= {f"width_{axis}_{k}": moments.width[axis][:, k] for axis in ("x", "y")}
        columns |= {f"centre_{axis}_{k}": moments.centre[axis][:, k] for axis in ("x", "y")}
    return columns


def spread_layers(detector: Detector, most: int) -> list[int]:
    """At most so many layers, evenly spread in depth."""
    n = len(detector.layers)
    return sorted({int(k) for k in np.linspace(0, n - 1, min(n, most)).round()})


def _ranks(values: Floats) -> Floats:
    return np.argsort(np.argsort(values, axis=0), axis=0).astype(np.float64)


def _corrected(pull: float, trials: int) -> float:
    from math import erfc, sqrt

    return min(1.0, trials * erfc(pull / sqrt(2)))


def mean_shower(energies: Energies) -> Floats:
    """Mean energy of each cell (n_cells,) [MeV]."""
    return np.asarray(sum(energies[rows].sum(axis=0, dtype=np.float64) for rows in chunks(energies)) / len(energies))
