"""Fréchet and kernel physics distance."""

from typing import Any

from caloforge.validation.classifier_threads import single_threaded
from caloforge.validation.metrics.base import Comparison, Sample
from caloforge.validation.physics_distances import physics_distances


def distances(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """Keys "fpd" and "kpd"."""
    with single_threaded():
        return physics_distances(
            comparison.reference.features, sample.features, comparison.recipe, comparison.seeds[0]
        )  # fmt: skip
