"""Classifier scores of a candidate against the reference in every view, over seeds."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from caloforge.showers import Showers
from caloforge.validation import features
from caloforge.validation.classifier_threads import over_seeds
from caloforge.validation.features import Matrix
from caloforge.validation.recipes import Recipe

Metrics = dict[str, Any]


def auc_error(auc: float, n: int) -> float:
    """Standard error of an AUC from n test showers per class.

    It is sqrt((2 n + 1) / 12) / n at 0.5. Source: Hanley and McNeil, Radiology 143 (1982) 29, equation 2.
    """
    a = min(max(auc, 0.5), 1.0)
    q1, q2 = a / (2 - a), 2 * a**2 / (1 + a)
    variance = (a * (1 - a) + (n - 1) * (q1 + q2 - 2 * a**2)) / n**2
    return float(np.sqrt(max(variance, 0.0)))


def classifier_scores(
    reference: Showers, showers: Showers, recipe: Recipe, seeds: list[int], tick: Callable[[str], None]
) -> Metrics:
    """AUC and JSD in the views low, low_normed, high, log and fixed, and of boosted trees on `high`.

    Each entry holds mean and standard deviation over seeds, which change split and network. `error` is that of one test
    split, an upper bound of the error of the mean. n_train and n_test are showers per class.
    """
    from caloforge.validation.classifier import classify, classify_trees

    scores: Metrics = {}
    for view in features.VIEWS:
        generated, geant4, extra = view_inputs(view, showers, reference, recipe)
        tick(f"classifier, {view}")
        scores[f"auc_{view}"] = _summary(over_seeds(partial(classify, generated, geant4, recipe), seeds)) | extra
        if view == "high":
            tick("classifier, trees")
            scores["auc_high_trees"] = _summary(over_seeds(partial(classify_trees, generated, geant4, recipe), seeds))
    return scores


def view_inputs(view: str, showers: Showers, reference: Showers, recipe: Recipe) -> tuple[Matrix, Matrix, Metrics]:
    """Inputs of both classes, generated showers first, and further entries of the view's metrics."""
    if view == "fixed":
        low, high = features.narrow_slice(reference.incidents.energy)
        pair = [s[(s.incidents.energy >= low) & (s.incidents.energy <= high)] for s in (showers, reference)]
        return features.fixed(pair[0]), features.fixed(pair[1]), {"energy": [low, high]}
    if view in ("low", "low_normed") and recipe.inputs == "caloflow":
        a, b = (features.caloflow_cells(s, normed=view == "low_normed") for s in (showers, reference))
        return a, b, {}
    if view == "low_normed":
        a, b = (features.low_normed(s, raw=recipe.as_published) for s in (showers, reference))
        return a, b, {}
    build = features.BUILD[view]
    return build(showers), build(reference), {}


def _summary(scores: list[Any]) -> Metrics:
    aucs, jsds = ([getattr(s, name) for s in scores] for name in ("auc", "jsd"))
    mean = float(np.mean(aucs))
    return {
        "mean": mean,
        "std": float(np.std(aucs)),
        "error": auc_error(mean, scores[0].n_test),
        "n_train": scores[0].n_train,
        "n_test": scores[0].n_test,
        "seeds": len(scores),
        "values": aucs,
        "jsd": {"mean": float(np.mean(jsds)), "std": float(np.std(jsds))},
    }
