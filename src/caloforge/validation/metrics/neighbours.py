"""Nearest neighbours: precision, recall, density, coverage, and memorisation of the training showers."""

from typing import Any

from caloforge.validation.manifold import memorisation, precision_recall
from caloforge.validation.metrics.base import Comparison, Sample


def neighbours(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """Keys "precision", "recall", "density", "coverage" and "n_manifold"."""
    return precision_recall(comparison.reference.showers, sample.showers, comparison.recipe)


def copies(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """Key "memorisation", if the training showers are known."""
    if comparison.training is None:
        return {}
    found = memorisation(comparison.training, comparison.reference.showers, sample.showers, comparison.recipe)
    return {"memorisation": found} if found else {}
