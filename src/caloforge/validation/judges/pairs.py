"""The member "pairs": boosted trees that see products of the columns whose correlation differs between the classes.

Trees grow one column at a time. Where every column's own distribution is right and only a correlation is wrong, no
first cut gains anything, and the wrong pair among a hundred thousand is not found. The covariances of the two classes,
however, tell for all pairs at once which of them differ by how many standard errors.
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
MOST_COLUMNS = 1024  # that are paired
MOST_ROWS = 16_000  # that covariances are taken from
SINGLES, PRODUCTS = 64, 64  # that the trees see, by their significance
DEGREE = 3  # of the polynomials of what is known of the incidents


@dataclass(frozen=True)
class Residuals:
    """Standardised residuals of the features' normal scores after a fit on the incidents.

    Attributes:
        views: that the columns are of.
        used: columns of their matrix (D,).
        scaling: to normal scores, of all these.
        n_known: how many of them, the first, are the conditions.
        slopes: of the powers of the conditions (powers, D).
        deviation: (D,), infinite for constants.
    """

    views: tuple[str, ...]
    used: Indices
    scaling: Scaling
    n_known: int
    slopes: Matrix
    deviation: Matrix

    def __call__(self, inputs: Inputs) -> Matrix:
        """Residuals float32 (N, D); the conditions' own are about 0."""
        values = self.scaling(inputs.matrix(self.views)[:, self.used])
        values -= _powers(values[:, : self.n_known]) @ self.slopes
        values /= self.deviation
        return values


@dataclass(frozen=True)
class PairTrees:
    """Fitted trees on the most significant columns and products.

    Attributes:
        residuals: of the columns.
        singles: columns of the residuals (S,).
        pairs: factors of the products (2, P).
        trees: on the conditions, the columns and the products.
    """

    residuals: Residuals
    singles: Indices
    pairs: Indices
    trees: trees.Trees

    def __call__(self, inputs: Inputs) -> Floats:
        """Log-odds (N,)."""
        return self.trees.score(_seen(inputs, self.residuals(inputs), self.singles, self.pairs))


def fit(views: Sequence[str], train: Sample, select: Sample, seed: int) -> PairTrees:
    """Screen all columns and all pairs by their difference between the classes, and boost on the best of both."""
    residuals = _fit_residuals(tuple(views), train.inputs)
    values = residuals(train.inputs)
    singles, pairs = _screen(values, train)
    parts = [
        _seen(train.inputs, values, singles, pairs),
        _seen(select.inputs, residuals(select.inputs), singles, pairs),
    ]
    return PairTrees(residuals, singles, pairs, trees.boost(views, parts, [train, select], seed))


def _seen(inputs: Inputs, values: Matrix, singles: Indices, pairs: Indices) -> Matrix:
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
    """The conditions and then those columns that are constant in the fewest showers, in their own order."""
    if matrix.shape[1] <= MOST_COLUMNS:
        return np.arange(matrix.shape[1])
    varied = (matrix != np.median(matrix, axis=0)).mean(axis=0)
    varied[:n_known] = 2
    return np.sort(np.argsort(-varied, kind="stable")[:MOST_COLUMNS])


def _powers(known: Matrix) -> Matrix:
    return np.concatenate([np.ones((len(known), 1), np.float32), *(known**k for k in range(1, DEGREE + 1))], axis=1)


def _screen(values: Matrix, sample: Sample) -> tuple[Indices, Indices]:
    """The columns whose means, and the pairs whose mean products, differ most between the classes, in their errors."""
    classes = [values[sample.labels == label][: MOST_ROWS // 2] for label in (1, 0)]
    singles = _significance([(c.mean(axis=0), (c**2).mean(axis=0), len(c)) for c in classes])
    squares = [c**2 for c in classes]
    products = _significance([(c.T @ c / len(c), s.T @ s / len(c), len(c))
                              for c, s in zip(classes, squares, strict=True)])  # fmt: skip
    upper = np.triu_indices(len(products))
    best = np.argsort(-products[upper], kind="stable")[:PRODUCTS]
    return np.argsort(-singles, kind="stable")[:SINGLES], np.stack([rows[best] for rows in upper])


def _significance(moments: Sequence[tuple[Matrix, Matrix, int]]) -> Matrix:
    """Difference of two means over its error, absolute; from mean, mean square and number of each."""
    (a, _, _), (b, _, _) = moments
    variance = sum((square - mean**2) / n for mean, square, n in moments)
    return np.asarray(np.abs(a - b) / np.sqrt(np.maximum(variance, 1e-12)))
