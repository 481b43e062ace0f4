"""The report: candidates judged against Geant4, drawn on one HTML page that needs nothing but itself."""

from caloforge.report.folder import validate

__all__ = ["validate"]
