"""Validation: the benchmark of any simulator against Geant4, and its report."""

from caloforge.validation.benchmark import validate
from caloforge.validation.summary import summary_table

__all__ = ["summary_table", "validate"]
