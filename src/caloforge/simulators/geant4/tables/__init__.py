"""Cross-section tables that replace absent data sets of Geant4, and their cache."""
