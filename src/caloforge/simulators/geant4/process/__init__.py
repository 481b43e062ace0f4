"""Geant4's child processes: `parent` starts them, `wire` carries messages, and the other modules run inside them."""
