"""Distributions of observables: distances with errors, the worst observable, and distances in bins of energy."""

from dataclasses import replace
from typing import Any

from caloforge.validation.distances import compare
from caloforge.validation.metrics.base import Comparison, Sample
from caloforge.validation.moments import Floats
from caloforge.validation.significance import worst_observable
from caloforge.validation.table import MANY_LAYERS, Table

FEWEST = 20  # least number of showers in a bin


def observables(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """Keys "observables", "worst_observable" and "energy_bins"."""
    return {
        "observables": compare(comparison.table, sample.table, comparison.recipe.bootstraps, comparison.seeds[0]),
        "worst_observable": worst_observable(comparison.table, sample.table),
        "energy_bins": _in_bins(comparison, sample),
    }


def _in_bins(comparison: Comparison, sample: Sample) -> list[dict[str, Any]]:
    """Comparison of observables in bins of incident energy; without those of single layers if there are many layers."""
    many = len(sample.showers.detector.layers) > MANY_LAYERS
    names = [name for name, column in comparison.table.items() if not (many and column.layer is not None)]
    reference, result = comparison.reference.showers, []
    for low, high in comparison.bins:
        pair = [_select(table, names, showers.incidents.energy, low, high)
                for table, showers in ((comparison.table, reference), (sample.table, sample.showers))]  # fmt: skip
        sizes = [len(next(iter(table.values())).values) for table in pair]
        if min(sizes) < FEWEST:
            continue
        compared = compare(pair[0], pair[1], comparison.recipe.bootstraps, comparison.seeds[0])
        result.append({"energy": [low, high], "n": sizes, "observables": compared})
    return result


def _select(table: Table, names: list[str], energy: Floats, low: float, high: float) -> Table:
    rows = (energy >= low) & (energy <= high)
    return {name: replace(table[name], values=table[name].values[rows]) for name in names}
