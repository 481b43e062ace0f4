"""Full Geant4 calorimeter simulation to a fast, validated, learned simulation inside Geant4."""

__version__ = "0.1.0"
