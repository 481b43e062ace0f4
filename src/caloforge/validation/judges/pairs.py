"""The member "pairs": boosted trees that see products of features whose correlation differs between the classes.

Trees grow one feature at a time. If the distribution of every feature is right and only a correlation is wrong, no
first cut gains anything, and trees do not find the wrong pair among a hundred thousand. The covariances of the two
classes, however, give the significance of the difference for all pairs at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.validation.judges import trees
from caloforge.validation.judges.columns import Matrix
from caloforge.validation.judges.inputs import Inputs, Sample
from caloforge.validation.judges.scaling import Scaling, fit_scaling, spread

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
MOST_COLUMNS = 1024  # largest number of features that are paired
MOST_ROWS = 16_000  # largest number of showers from which covariances are computed
SINGLES, PRODUCTS = 64, 64  # most significant features and products, which the trees see
DEGREE = 3  # degree of the polynomials in the conditions


@dataclass(frozen=True)
class Residuals:
    """Standardised residuals of the features' normal scores after a polynomial fit in the conditions.

    Attributes:
        views: views of the features.
        used: columns of their matrix that are used (D,).
        scaling: transform of these columns to normal scores.
        n_known: number of conditions, which are the first columns.
        slopes: coefficients of the powers of the conditions (powers, D).
        deviation: standard deviation of the residuals (D,), infinite for constants.
    """

    views: tuple[str, ...]
    used: Indices
    scaling: Scaling
    n_known: int
    slopes: Matrix
    deviation: Matrix

    def __call__(self, inputs: Inputs) -> Matrix:
        """Residuals float32 (N, D); those of the conditions are about 0."""
        values = self.scaling(inputs.matrix(self.views)[:, self.used])
        values -= _powers(values[:, : self.n_known]) @ self.slopes
        values /= self.deviation
        return values


@dataclass(frozen=True)
class PairTrees:
    """Fitted trees on the most significant residuals and products of residuals.

    Attributes:
        residuals: transform of features to residuals.
        singles: columns of the most significant residuals (S,).
        pairs: columns of the two factors of each product (2, P).
        trees: trees on the conditions, the residuals and the products.
    """

    residuals: Residuals
    singles: Indices
    pairs: Indices
    trees: trees.Trees

    def __call__(self, inputs: Inputs) -> Floats:
        """Log-odds (N,)."""
        return self.trees.score(_tree_inputs(inputs, self.residuals(inputs), self.singles, self.pairs))


def fit(views: Sequence[str], train: Sample, select: Sample, seed: int) -> PairTrees:
    """Select the features and pairs that differ most between the classes, and train boosted trees on them."""
    residuals = _fit_residuals(tuple(views), train.inputs)
    values = residuals(train.inputs)
    singles, pairs = _screen(values, train)
    parts = [
        _tree_inputs(train.inputs, values, singles, pairs),
        _tree_inputs(select.inputs, residuals(select.inputs), singles, pairs),
    ]
    return PairTrees(residuals, singles, pairs, trees.boost(views, parts, [train, select], seed))


def _tree_inputs(inputs: Inputs, values: Matrix, singles: Indices, pairs: Indices) -> Matrix:
    first, second = pairs
    known = inputs.view("conditions")
    return np.concatenate([known, values[:, singles], values[:, first] * values[:, second]], axis=1)


def _fit_residuals(views: tuple[str, ...], inputs: Inputs) -> Residuals:
    matrix = spread(inputs.matrix(views), MOST_ROWS)
    n_known = inputs.view("conditions").shape[1]
    used = _most_varied(matrix, n_known)
    scaling = fit_scaling(matrix[:, used])
    values = scaling(matrix[:, used])
    powers = _powers(values[:, :n_known])
    slopes = np.linalg.lstsq(powers, values, rcond=1e-6)[0]
    deviation = (values - powers @ slopes).std(axis=0)
    deviation[:n_known] = np.inf
    return Residuals(views, used, scaling, n_known, slopes, np.where(deviation > 1e-3, deviation, np.inf))


def _most_varied(matrix: Matrix, n_known: int) -> Indices:
    """The conditions and the features that have their median value in the fewest showers, in their order."""
    if matrix.shape[1] <= MOST_COLUMNS:
        return np.arange(matrix.shape[1])
    varied = (matrix != np.median(matrix, axis=0)).mean(axis=0)
    varied[:n_known] = 2
    return np.sort(np.argsort(-varied, kind="stable")[:MOST_COLUMNS])


def _powers(known: Matrix) -> Matrix:
    return np.concatenate([np.ones((len(known), 1), np.float32), *(known**k for k in range(1, DEGREE + 1))], axis=1)


def _screen(values: Matrix, sample: Sample) -> tuple[Indices, Indices]:
    """Columns with the most significant differences of means between classes, and pairs with those of mean products."""
    classes = [values[sample.labels == label][: MOST_ROWS // 2] for label in (1, 0)]
    singles = _significance([(c.mean(axis=0), (c**2).mean(axis=0), len(c)) for c in classes])
    squares = [c**2 for c in classes]
    products = _significance([(c.T @ c / len(c), s.T @ s / len(c), len(c))
                              for c, s in zip(classes, squares, strict=True)])  # fmt: skip
    upper = np.triu_indices(len(products))
    best = np.argsort(-products[upper], kind="stable")[:PRODUCTS]
    return np.argsort(-singles, kind="stable")[:SINGLES], np.stack([rows[best] for rows in upper])


def _significance(moments: Sequence[tuple[Matrix, Matrix, int]]) -> Matrix:
    """Absolute difference of two means over its error, from mean, mean square and number of each class."""
    (a, _, _), (b, _, _) = moments
    variance = sum((square - mean**2) / n for mean, square, n in moments)
    return np.asarray(np.abs(a - b) / np.sqrt(np.maximum(variance, 1e-12)))
