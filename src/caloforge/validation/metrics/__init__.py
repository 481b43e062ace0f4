"""Metrics that compare a sample with the reference; each has one file and one line in `METRICS`."""

from collections.abc import Callable
from typing import Any

from caloforge.errors import InputError
from caloforge.plugins import plugins
from caloforge.validation.metrics.base import Comparison, Sample
from caloforge.validation.metrics.cells import cells
from caloforge.validation.metrics.classifiers import classifiers
from caloforge.validation.metrics.distances import distances
from caloforge.validation.metrics.judge import strongest_judge
from caloforge.validation.metrics.neighbours import copies, neighbours
from caloforge.validation.metrics.observables import observables
from caloforge.validation.metrics.particles import particles
from caloforge.validation.metrics.resolution import resolution

__all__ = ["METRICS", "Comparison", "Sample", "score"]

Metric = Callable[[Comparison, Sample], dict[str, Any]]
METRICS: dict[str, Metric] = {
    "observables": observables,
    "resolution": resolution,
    "particles": particles,
    "cells": cells,
    "distances": distances,
    "neighbours": neighbours,
    "copies": copies,
    "judge": strongest_judge,
    "classifiers": classifiers,
}
"""Metrics in the order in which they are measured; each returns its keys of metrics.json."""


def score(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """All metrics of one sample; those of other packages (entry points `caloforge.metrics`) are under "plugins"."""
    comparison.tick(f"{sample.name}: observables")
    found: dict[str, Any] = {"n": len(sample.showers), "provenance": sample.showers.provenance}
    for metric in METRICS.values():
        found |= metric(comparison, sample)
    added = {name: _added(name, comparison, sample) for name in plugins("metrics")}
    return found | ({"plugins": added} if added else {})


def _added(name: str, comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """Values of another package's metric by name, or its error in one line; an error does not stop the validation."""
    plugin = plugins("metrics")[name]
    try:
        metric = plugin.load()
        return {str(key): float(value) for key, value in metric(comparison.reference.showers, sample.showers).items()}
    except InputError as error:
        return {"error": str(error)}
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        return {"error": f"plugin '{name}' of {plugin.origin} failed: {type(error).__name__}: {reason}"}
