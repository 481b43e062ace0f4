"""Tests of all cells and of all pairs of layers: the largest difference between samples and its significance."""

from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.showers import Showers
from caloforge.validation import observables as obs
from caloforge.validation.moments import Energies, Floats, chunks, lateral_moments

LEAST_SHARE = 1e-4  # least share of the total energy; means of rarer cells are not Gaussian
Metrics = dict[str, Any]


def cell_means(reference: Showers, other: Showers) -> Metrics:
    """Largest difference of mean cell energy over incident energy, in standard errors, with its cell and probability.

    Cells with less than 1e-4 of the energy are left out. The probability is corrected for the number of cells
    (Bonferroni).
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
    """Means (n_cells,) of cell energy over incident energy, and their standard errors (n_cells,)."""
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
    """Largest difference of the correlations between layer energies, centres and widths, in standard errors.

    Rank correlations (Spearman) are averaged over blocks of showers as Fisher's z. The error comes from the spread of
    the blocks, since rare showers determine correlations near one. The probability is that of Student's t distribution,
    corrected for the number of pairs.
    """
    ours, theirs = correlated(reference), correlated(other)
    names = [name for name, values in ours.items() if values.std() > 0]
    if len(names) < 2:
        return {"largest_pull": 0.0, "pair": [], "values": [], "probability": 1.0, "n_pairs": 0}
    upper = np.triu_indices(len(names), 1)
    blocks = max(FEWEST_BLOCKS, min(MOST_BLOCKS, min(len(reference), len(other)) // BLOCK))
    z_a, z_b = (
        _block_correlations(np.column_stack([table[name] for name in names]), blocks)[:, *upper]
        for table in (ours, theirs)
    )
    a, b = z_a.mean(axis=0), z_b.mean(axis=0)
    error = np.sqrt((z_a.var(axis=0, ddof=1) + z_b.var(axis=0, ddof=1)) / blocks)
    pull = np.where(error > 0, (b - a) / np.where(error > 0, error, 1), 0)
    worst = int(np.argmax(np.abs(pull)))
    return {
        "largest_pull": float(pull[worst]),
        "pair": [names[axis[worst]] for axis in upper],
        "values": [float(np.tanh(z[worst])) for z in (a, b)],
        "probability": _student(float(np.abs(pull[worst])), 2 * blocks - 2, len(pull)),
        "n_pairs": len(pull),
    }


def _block_correlations(values: Floats, blocks: int) -> Floats:
    """Fisher's z of the rank correlations (blocks, K, K) of columns (N, K), in interleaved blocks of showers."""
    found = np.stack([obs.correlations(_ranks(values[k::blocks])) for k in range(blocks)])
    return np.asarray(np.arctanh(found.clip(-0.999999, 0.999999)))


def _student(pull: float, freedom: int, trials: int) -> float:
    from scipy.stats import t

    return min(1.0, 2 * trials * float(t.sf(pull, freedom)))


BLOCK, FEWEST_BLOCKS, MOST_BLOCKS = 40, 5, 25
MOST_LAYERS = 12


def correlated(showers: Showers) -> dict[str, Floats]:
    """Quantities (N,) by name whose correlations are compared, in at most 12 layers evenly spread in depth."""
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
    """Numbers of at most `most` layers, evenly spread in depth."""
    n = len(detector.layers)
    return sorted({int(k) for k in np.linspace(0, n - 1, min(n, most)).round()})


def _ranks(values: Floats) -> Floats:
    """Ranks (N, K) of columns; ties, such as empty layers, have their mean rank."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=0), np.float64)


def _corrected(pull: float, trials: int) -> float:
    from math import erfc, sqrt

    return min(1.0, max(trials, 1) * erfc(pull / sqrt(2)))


def mean_shower(energies: Energies) -> Floats:
    """Mean energy of each cell (n_cells,) [MeV]."""
    return np.asarray(sum(energies[rows].sum(axis=0, dtype=np.float64) for rows in chunks(energies)) / len(energies))
