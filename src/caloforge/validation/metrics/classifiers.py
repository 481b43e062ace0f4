"""CaloChallenge's classifiers in every view."""

from typing import Any

from caloforge.validation.classifier_threads import single_threaded
from caloforge.validation.metrics.base import Comparison, Sample
from caloforge.validation.views import classifier_scores


def classifiers(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """One "auc_" key for each view, and "auc_high_trees"."""
    with single_threaded():
        return classifier_scores(comparison.reference.showers, sample.showers, comparison.recipe, comparison.seeds,
                                 lambda what: comparison.tick(f"{sample.name}: {what}"))  # fmt: skip
