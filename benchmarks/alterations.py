"""Alterations of Geant4 showers: weightings, whose best possible AUC is known, and direct alterations.

A weighting keeps a shower x with probability w(x) / max w. The kept showers follow p(x) w(x) / Z, so that w is the best
classifier (Neyman and Pearson). No judge can exceed its AUC, which is called AUC* here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import symmetries
from caloforge.showers import Showers
from caloforge.validation.classifier import area_under_curve
from caloforge.validation.table import observable_table

Floats = NDArray[np.float64]
Kind = Literal["features", "cells", "correlation"]
FAINT = 1e-2  # MeV; replaces empty cells in logarithms: the threshold of the detectors used
BINS = 8  # bins of each observable whose distribution is kept


class Sample:
    """Showers with the quantities that weights depend on, all conditional on the incident energy."""

    def __init__(self, showers: Showers) -> None:
        self.showers, self.cells = showers, showers.thresholded()
        self.table = {name: column.values for name, column in observable_table(showers).items()}
        self._incident = showers.incidents.energy

    def score(self, values: Floats) -> Floats:
        """Normal scores (N,) of a column, given the incident energy.

        Mean and spread are fitted as cubic polynomials of log E_inc; ranks of the pulls become normal quantiles. Ties
        share their mean rank.
        """
        from scipy.special import ndtri
        from scipy.stats import rankdata

        values = np.where(np.isnan(values), np.nanmean(values), values)
        energy = np.log(self._incident)
        residual = values - _smooth(energy, values)
        pull = residual / _smooth(energy, np.abs(residual)).clip(min=1e-6 * np.abs(residual).mean() + 1e-30)
        return np.asarray(ndtri((rankdata(pull.round(9)) - 0.5) / len(pull)))

    def observable(self, name: str) -> Floats:
        """Normal scores of an observable of the report."""
        return self.score(self.table[name])

    def log_cell(self, cell: int) -> Floats:
        """Normal scores of the logarithm of one cell."""
        return self.score(np.log(np.maximum(self.cells[:, cell], FAINT).astype(np.float64)))

    def layer(self, k: int) -> NDArray[np.float32]:
        """Cells of a layer on their grid (N, n_x, n_y) [MeV]."""
        layer = self.showers.detector.layers[k]
        return self.cells[:, layer.slice].reshape(-1, *layer.cells.shape)

    def middle(self, k: int) -> int:
        """The cell of layer k with the largest mean energy."""
        layer = self.showers.detector.layers[k]
        return layer.start + int(self.cells[:, layer.slice].mean(axis=0).argmax())

    def beside(self, k: int, x: int, y: int) -> int:
        """The cell of layer k that is x, y cells from the middle one."""
        return self.middle(k) + x * self.showers.detector.layers[k].cells.shape[1] + y

    def mirrored(self, cell: int) -> int:
        """The mirror image of a cell by the first symmetry that moves it."""
        return int(next(p[cell] for p in symmetries(self.showers.detector) if p[cell] != cell))


@dataclass(frozen=True)
class Weighting:
    """An alteration with a known best AUC.

    Attributes:
        kind: kind of quantity that is altered.
        text: description for the table.
        target: wanted AUC*.
        statistic: normal scores (N,) with which the weights rise.
        centre, steepness: parameters of the logistic rise.
        marginals: whether the distributions of all observables are kept.
    """

    kind: Kind
    text: str
    target: float
    statistic: Callable[[Sample], Floats]
    centre: float = 0.0
    steepness: float = 3.0
    marginals: bool = False

    def weights(self, sample: Sample) -> Floats:
        """Weights (N,) from 0 to 1, such that their AUC over the sample is the target.

        Raises:
            ValueError: the target cannot be reached.
        """
        rise = 1 / (1 + np.exp(-self.steepness * (self.statistic(sample) - self.centre)))
        if self.marginals:
            rise = _without_marginals(sample, rise)
        low, high = 0.0, 1.0  # share of showers that are kept in any case
        if best_auc(rise) < self.target:
            raise ValueError(f"{self.text}: AUC* is {best_auc(rise):.3f} at most")
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if best_auc(middle + (1 - middle) * rise) > self.target else (low, middle)
        return np.asarray(low + (1 - low) * rise)


def best_auc(weights: Floats) -> float:
    """AUC of the likelihood ratio w (N,) between showers of p and showers of p w / Z, both estimated from one sample.

    It is the probability that a shower drawn with weight w has a larger w than one drawn without; ties count half.
    """
    values, inverse, counts = np.unique(weights, return_inverse=True, return_counts=True)
    kept = np.bincount(inverse, weights, len(values)) / weights.sum()
    below = (np.cumsum(counts) - counts / 2) / len(weights)
    return float(kept @ below)


def measured_auc(weights: Floats, reference: Floats) -> float:
    """AUC of w from the weights of altered and reference showers: those on which a judge is tested."""
    target = np.repeat([1.0, 0.0], [len(weights), len(reference)])
    return area_under_curve(np.concatenate([weights, reference]), target)


def kept(weights: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices of rows that are accepted with probability w / max w."""
    return np.flatnonzero(rng.random(len(weights)) < weights / weights.max())


def _smooth(energy: Floats, values: Floats) -> Floats:
    centred = (energy - energy.mean()) / (np.ptp(energy) or 1.0)
    return np.asarray(np.polynomial.Polynomial.fit(centred, values, 3)(centred))


def _without_marginals(sample: Sample, rise: Floats) -> Floats:
    """Weights (N,) without the best description by a sum of functions of single observables, scaled to 0 to 1.

    For any value of one observable, the mean of the new weights is constant, so that its distribution stays. The
    functions are piecewise linear between quantiles. The outermost thousandths of the weights are clipped.
    """
    columns = [np.ones(len(rise))]
    for values in [*sample.table.values(), np.log(sample.showers.incidents.energy)]:
        undefined = np.isnan(values)
        filled = np.where(undefined, np.nanmedian(values), values)
        knots = np.unique(np.quantile(filled, np.linspace(0, 1, BINS + 1)))
        columns += [np.interp(filled, knots, row) for row in np.eye(len(knots))[1:]]
        columns.append(undefined.astype(np.float64))
    basis = np.stack(columns, axis=1)
    solution = np.linalg.lstsq(basis, rise, rcond=1e-9)[0]
    rest = rise - basis @ solution
    low, high = np.quantile(rest, [0.001, 0.999])
    return np.asarray(((rest - low) / (high - low)).clip(0, 1))


def _hits_below(sample: Sample, limit: float) -> Floats:
    return sample.score(((sample.cells > 0) & (sample.cells < limit)).sum(axis=1).astype(np.float64))


def _isolated(sample: Sample, k: int) -> Floats:
    """Number of hits of layer k without a hit among their four neighbours."""
    hit = np.pad(sample.layer(k) > 0, ((0, 0), (1, 1), (1, 1)))
    around = hit[:, 2:, 1:-1] | hit[:, :-2, 1:-1] | hit[:, 1:-1, 2:] | hit[:, 1:-1, :-2]
    return sample.score((hit[:, 1:-1, 1:-1] & ~around).sum(axis=(1, 2)).astype(np.float64))


def _smallest(sample: Sample, k: int) -> Floats:
    cells = sample.layer(k).reshape(len(sample.cells), -1)
    return sample.score(np.log(np.where(cells > 0, cells, np.inf).min(axis=1).clip(FAINT, 1e3)))


def _asymmetry(sample: Sample, cell: int) -> Floats:
    a, b = (sample.cells[:, c].astype(np.float64) for c in (cell, sample.mirrored(cell)))
    return sample.score((a - b) / (a + b + FAINT))


def _cell_ratio(sample: Sample, a: int, b: int) -> Floats:
    first, second = (np.maximum(sample.cells[:, cell], FAINT).astype(np.float64) for cell in (a, b))
    return sample.score(np.log(first / second))


def _pair(text: str, first: str, second: str, steepness: float = 3.0) -> Weighting:
    """Weighting by the product of the scores of two observables, which keeps the distribution of every observable."""
    return Weighting("correlation", text, 0.6, lambda s: s.observable(first) * s.observable(second), 0.0, steepness,
                     True)  # fmt: skip


WEIGHTINGS: dict[str, Weighting] = {
    "response": Weighting("features", "response at its own width", 0.7, lambda s: s.observable("response")),
    "leakage": Weighting("features", "tail of leaking showers: the lowest quarter of the response", 0.6,
                         lambda s: -s.observable("response"), 0.7, 8.0),
    "first-layer": Weighting("features", "first layer's fraction", 0.6, lambda s: s.observable("fraction_layer_0")),
    "hits": Weighting("features", "number of hits", 0.55, lambda s: -s.observable("sparsity")),
    "faint-hits": Weighting("features", "hits below 1 MeV only", 0.6, lambda s: _hits_below(s, 1.0)),
    "radial-width": Weighting("features", "radial width of layer 1", 0.75, lambda s: s.observable("width_r_layer_1"),
                              0.15, 8.0),
    "isolated": Weighting("features", "hits of layer 0 without a hit neighbour", 0.6, lambda s: _isolated(s, 0)),
    "smallest-hit": Weighting("features", "smallest hit of layer 1", 0.6, lambda s: _smallest(s, 1)),
    "depth-width": Weighting("features", "width in depth", 0.7, lambda s: s.observable("depth_width")),
    "one-cell": Weighting("cells", "logarithm of one cell, two columns from the middle of layer 1", 0.6,
                          lambda s: s.log_cell(s.beside(1, 1, 2))),
    "asymmetry": Weighting("cells", "asymmetry of one cell against its mirror image", 0.6,
                           lambda s: _asymmetry(s, s.beside(1, 1, 1))),
    "second-cell": Weighting("cells", "second-hottest cell over E_inc", 0.7, lambda s: s.observable("second_cell")),
    "two-cells": Weighting("cells", "ratio of two neighbouring cells of layer 0", 0.6,
                           lambda s: _cell_ratio(s, s.beside(0, 0, 2), s.beside(0, 0, 3))),
    "hit-or-not": Weighting("cells", "whether one rarely hit cell is hit", 0.55,
                            lambda s: s.log_cell(s.beside(1, 3, 2))),
    "widths": _pair("widths of layers 0 and 1", "width_y_layer_0", "width_r_layer_1"),
    "centres": _pair("centres of layers 0 and 1 in y", "centre_y_layer_0", "centre_y_layer_1", steepness=12.0),
    "distant-layers": _pair("width of layer 0 and energy of layer 2", "width_y_layer_0", "energy_layer_2"),
    "width-hits": _pair("width of layer 0 and hits of layer 1", "width_y_layer_0", "sparsity_layer_1"),
    "cell-pair": Weighting("correlation", "one cell of layer 0 and one of layer 1", 0.6,
                           lambda s: s.log_cell(s.beside(0, 0, 1)) * s.log_cell(s.beside(1, 1, 0)), 0.0, 3.0, True),
}  # fmt: skip


def _cut(showers: Showers, _: np.random.Generator) -> NDArray[np.float32]:
    return np.where(showers.energies < 0.3, np.float32(0), showers.energies)


def _scaled(showers: Showers, _: np.random.Generator) -> NDArray[np.float32]:
    energies = showers.energies.copy()
    energies[:, showers.detector.layers[0].slice] *= np.float32(1.03)
    return energies


def _exchanged(showers: Showers, rng: np.random.Generator, reach: int = 20) -> NDArray[np.float32]:
    """Replace layer 1 of each shower by that of another shower of nearly the same incident energy."""
    energies, order = showers.energies.copy(), np.argsort(showers.incidents.energy)
    starts = range(0, len(order), reach)
    partner = np.concatenate([rng.permutation(order[start : start + reach]) for start in starts])
    layer = showers.detector.layers[1].slice
    energies[order, layer] = showers.energies[partner, layer]
    return energies


def _shuffled(showers: Showers, rng: np.random.Generator) -> NDArray[np.float32]:
    """Permute the energies of each shower at random within the symmetry classes of the cells."""
    energies, permutations = showers.energies.copy(), symmetries(showers.detector)
    for members in {tuple(np.unique(images)) for images in permutations.T}:
        columns = np.array(members)
        drawn = rng.random((len(energies), len(columns))).argsort(axis=1)
        energies[:, columns] = np.take_along_axis(showers.energies[:, columns], drawn, axis=1)
    return energies


DIRECT: dict[str, tuple[str, Callable[[Showers, np.random.Generator], NDArray[np.float32]]]] = {
    "none": ("none", lambda showers, _: showers.energies),
    "cut": ("cells under 0.3 MeV set to zero", _cut),
    "scaled": ("first layer's cells times 1.03", _scaled),
    "exchanged": ("layer 1 exchanged between showers of like energy", _exchanged),
    "shuffled": ("cells shuffled among their symmetry class", _shuffled),
}


def altered(name: str, showers: Showers, rng: np.random.Generator) -> Showers:
    """Showers with a direct alteration."""
    return replace(showers, energies=DIRECT[name][1](showers, rng))
