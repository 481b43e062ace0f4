"""The calorimeter inside Geant4: volumes, materials, field, regions, and scoring of its cells."""
