"""Normal scores of features: every column of the training part becomes nearly normal, whatever its tails."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
KNOTS = 65
REACH = 3.0  # largest score in standard deviations; values beyond it are clipped
MOST_ROWS, MOST_VALUES = 10_000, 2e7  # largest number of rows, and of values, from which quantiles are computed


@dataclass(frozen=True)
class Scaling:
    """Piecewise linear maps of columns to normal scores.

    Attributes:
        knots: increasing values, for each column.
        scores: normal scores of the knots, for each column.
    """

    knots: tuple[Floats, ...]
    scores: tuple[Floats, ...]

    def __call__(self, matrix: NDArray[Any]) -> Matrix:
        """Normal scores float32 (N, columns) of columns (N, columns)."""
        result = np.empty(matrix.shape, np.float32)
        for k, (knots, scores) in enumerate(zip(self.knots, self.scores, strict=True)):
            result[:, k] = np.interp(matrix[:, k], knots, scores)
        return result


def fit_scaling(matrix: NDArray[Any]) -> Scaling:
    """Fit normal scores to the columns of a training part (N, columns).

    Repeated values, such as those of empty cells, get the mean score of their quantiles. A constant column becomes 0.
    """
    from scipy.special import ndtr

    score = np.linspace(-REACH, REACH, KNOTS)
    quantiles = np.quantile(spread(matrix, enough(matrix.shape[1])), ndtr(score), axis=0)
    pairs = [_distinct(column, score) for column in quantiles.T]
    return Scaling(tuple(knots for knots, _ in pairs), tuple(scores for _, scores in pairs))


def enough(columns: int) -> int:
    """Number of rows from which quantiles of this number of columns are computed."""
    return int(min(MOST_ROWS, MOST_VALUES / columns))


def spread(matrix: NDArray[Any], rows: int) -> NDArray[Any]:
    """At most `rows` rows of a matrix, evenly spread, since samples hold one class after the other."""
    return matrix[:: -(-len(matrix) // max(rows, 1))]


def _distinct(quantiles: Floats, score: Floats) -> tuple[Floats, Floats]:
    knots, inverse, counts = np.unique(quantiles, return_inverse=True, return_counts=True)
    return knots, np.bincount(inverse, score) / counts if len(knots) > 1 else np.zeros(1)
