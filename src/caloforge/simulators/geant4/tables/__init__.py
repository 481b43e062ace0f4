"""Cross-section tables computed where Geant4's data sets are absent, and the cache that keeps them."""
