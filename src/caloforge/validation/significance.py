"""Significance of the largest of many differences, corrected for the number of trials."""

from statistics import NormalDist
from typing import Any

import numpy as np

from caloforge.validation.samples import kolmogorov_smirnov
from caloforge.validation.table import Table

Metrics = dict[str, Any]
SMALLEST = 1e-300


def worst_observable(reference: Table, other: Table) -> Metrics:
    """The observable whose distributions differ most by the Kolmogorov-Smirnov test.

    Returns:
        "name" of the observable, its "distance", the "probability" of such a distance among all observables of equal
        samples (Bonferroni), and "errors": the one-sided Gaussian standard deviations of this probability.
    """
    found: list[tuple[float, float, str]] = []
    for name, column in reference.items():
        a, b = (values[np.isfinite(values)] for values in (column.values, other[name].values))
        if len(a) and len(b):
            distance, probability = kolmogorov_smirnov(a, b)
            found.append((probability, -distance, name))
    if not found:
        return {"name": None, "distance": 0.0, "probability": 1.0, "errors": 0.0}
    probability, distance, name = min(found)
    counted = min(1.0, probability * len(found))
    return {"name": name, "distance": -distance, "probability": counted, "errors": deviations(counted)}


def deviations(probability: float) -> float:
    """One-sided standard deviations of a Gaussian for a probability; 0 for probabilities from one half on."""
    if probability >= 0.5:
        return 0.0
    return -NormalDist().inv_cdf(max(probability, SMALLEST))
