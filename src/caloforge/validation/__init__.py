"""Validation: metrics that compare any simulator's showers with Geant4's; `caloforge.report` draws them."""

from caloforge.validation.benchmark import measure
from caloforge.validation.summary import summary_table

__all__ = ["measure", "summary_table"]
