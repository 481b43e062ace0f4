"""Gradient-boosted trees, the strongest classifiers for tables of thousands of showers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.validation.judges.inputs import Inputs, Sample

Floats = NDArray[np.float64]
MOST_TREES = 400
PATIENCE = 30
LEAVES = (4, 16)
SETTINGS = {
    "objective": "binary",
    "metric": "binary_logloss",
    "learning_rate": 0.06,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


class Trees:
    """Fitted trees on the features of some views.

    Attributes:
        views: views that the trees see.
        gains: decrease of the loss by each feature (n_columns,).
    """

    def __init__(self, views: Sequence[str], booster: object) -> None:
        self.views, self._booster = tuple(views), booster
        self.gains: Floats = np.asarray(booster.feature_importance("gain"))  # type: ignore[attr-defined]

    def __call__(self, inputs: Inputs) -> Floats:
        """Log-odds (N,)."""
        return self.score(inputs.matrix(self.views))

    def score(self, matrix: NDArray[np.float32]) -> Floats:
        """Log-odds (N,) of rows of features (N, n_columns)."""
        return np.asarray(self._booster.predict(matrix, raw_score=True, num_threads=1))  # type: ignore[attr-defined]


def fit(views: Sequence[str], train: Sample, select: Sample, seed: int) -> Trees:
    """Train boosted trees on the features of the views; see `boost`."""
    return boost(views, [sample.inputs.matrix(views) for sample in (train, select)], [train, select], seed)


def boost(views: Sequence[str], matrices: Sequence[NDArray[np.float32]], samples: Sequence[Sample], seed: int) -> Trees:
    """Train boosters of small and of large trees until the selection loss stalls, and keep the better one.

    Args:
        views: views of the features.
        matrices: features of the training and of the selection part.
        samples: training and selection part.
        seed: seed of the features and showers drawn for each tree.

    Raises:
        InputError: LightGBM is not installed.

    Source: Ke et al., LightGBM, NeurIPS 2017.
    """
    try:
        import lightgbm
    except ImportError:
        raise InputError("the judges of validation need LightGBM; install the extra: caloforge[report]") from None
    parts = [
        lightgbm.Dataset(matrix, sample.labels, weight=sample.weights, params=SETTINGS)
        for matrix, sample in zip(matrices, samples, strict=True)
    ]
    parts[1].reference = parts[0]
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    boosters = [lightgbm.train(SETTINGS | {"seed": seed % 2**31, "num_leaves": leaves}, parts[0], MOST_TREES,
                               valid_sets=[parts[1]], callbacks=[stop]) for leaves in LEAVES]  # fmt: skip
    return Trees(views, min(boosters, key=lambda one: one.best_score["valid_0"]["binary_logloss"]))
