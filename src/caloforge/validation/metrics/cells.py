"""Tests of all cells and of all pairs of layers."""

from typing import Any

from caloforge.validation import cell_tests
from caloforge.validation.metrics.base import Comparison, Sample


def cells(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """Keys "cells" (mean cell energies) and "correlations" (of layers)."""
    reference = comparison.reference.showers
    return {
        "cells": cell_tests.cell_means(reference, sample.showers),
        "correlations": cell_tests.layer_correlations(reference, sample.showers),
    }
