"""Production of showers: incidents, shards, local and distributed workers."""

from caloforge.production.incident_file import IncidentFile
from caloforge.production.produce import SUFFIXES, Order, produce
from caloforge.production.spectrum import Source, SourceConfig

__all__ = ["SUFFIXES", "IncidentFile", "Order", "Source", "SourceConfig", "produce"]
