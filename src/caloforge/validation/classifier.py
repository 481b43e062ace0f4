"""The classifier test: networks and trees that distinguish Geant4 showers from generated ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.validation.classifier_network import Array, Data, cross_entropy, fit
from caloforge.validation.recipes import Recipe

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """Three disjoint parts of two classes; the label is 0 for generated and 1 for Geant4 showers."""

    train: Data
    select: Data
    test: Data


@dataclass(frozen=True)
class Score:
    """Result of one trained classifier on its test split.

    Attributes:
        auc: area under the ROC curve, which is 0.5 for equal samples.
        jsd: Jensen-Shannon divergence (ln 2 - BCE) / ln 2 after isotonic calibration on the selection split.
        n_train, n_test: showers per class.
    """

    auc: float
    jsd: float
    n_train: int
    n_test: int


def make_split(generated: Array, geant4: Array, recipe: Recipe, seed: int) -> Split:
    """Split both classes at random into disjoint parts for training, selection and test."""
    n = min(len(generated), len(geant4))
    sizes = recipe.split(n)
    parts: list[list[Array]] = []
    for k, inputs in enumerate((generated, geant4)):
        order = np.random.default_rng([seed, k]).permutation(len(inputs))[:n]
        parts.append([inputs[rows] for rows in np.split(order, np.cumsum(sizes)[:-1])])
    return Split(*(_join(a, b) for a, b in zip(*parts, strict=True)))


def _join(generated: Array, geant4: Array) -> Data:
    return Data(np.concatenate([generated, geant4]), np.repeat([0.0, 1.0], [len(generated), len(geant4)]))


def classify(generated: Array, geant4: Array, recipe: Recipe, seed: int) -> Score:
    """Train a network on one part of the showers, select the epoch on a second part, and test it on a third."""
    split = make_split(generated, geant4, recipe, seed)
    network = fit(recipe, split.train, split.select, cross_entropy, seed)
    select, test = (_sigmoid(network(part.inputs)) for part in (split.select, split.test))
    return score(split, select, test, calibrated=recipe.calibrated)


def classify_trees(generated: Array, geant4: Array, recipe: Recipe, seed: int) -> Score:
    """Train gradient-boosted trees, which need no tuning, in the same test."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    split = make_split(generated, geant4, recipe, seed)
    trees = HistGradientBoostingClassifier(
        max_iter=200, early_stopping=True, n_iter_no_change=8, random_state=seed % 2**32
    )
    trees.fit(*split.train, X_val=split.select.inputs, y_val=split.select.targets)
    select, test = (trees.predict_proba(part.inputs)[:, 1] for part in (split.select, split.test))
    return score(split, select, test, calibrated=recipe.calibrated)


def score(split: Split, select: Floats, test: Floats, *, calibrated: bool) -> Score:
    """AUC and JSD on the test split, from the probabilities of the selection and the test split."""
    from sklearn.isotonic import IsotonicRegression

    isotonic = IsotonicRegression(out_of_bounds="clip", y_min=1e-6, y_max=1 - 1e-6)
    probability = isotonic.fit(select, split.select.targets).predict(test)
    target = split.test.targets
    bce = -np.mean(np.log(np.where(target == 1, probability, 1 - probability)))
    auc = area_under_curve(probability if calibrated else test, target)
    n_train, n_test = (len(part.targets) // 2 for part in (split.train, split.test))
    return Score(auc, float((np.log(2) - bce) / np.log(2)), n_train, n_test)


def area_under_curve(scores: Floats, target: Floats) -> float:
    """Area under the ROC curve: the probability that a Geant4 shower scores higher; ties count half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(target, scores))


def _sigmoid(logits: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -logits))
