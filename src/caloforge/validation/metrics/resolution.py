"""Terms of the energy resolution."""

from typing import Any

from caloforge.validation.metrics.base import Comparison, Sample
from caloforge.validation.resolution import resolution_terms


def resolution(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """Key "resolution"; None if there are too few energies for a fit."""
    response, energy = sample.table["response"].values, sample.showers.incidents.energy
    return {"resolution": resolution_terms(response, energy, comparison.bins)}
