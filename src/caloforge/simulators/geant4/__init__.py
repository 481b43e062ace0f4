"""Geant4 in child processes; this package does not import Geant4 itself."""

from caloforge.simulators.geant4.hooked import HookedGeant4, HookedRun, simulate
from caloforge.simulators.geant4.physics import Physics, available, physics_line
from caloforge.simulators.geant4.simulator import Geant4Simulator

__all__ = ["Geant4Simulator", "HookedGeant4", "HookedRun", "Physics", "available", "physics_line", "simulate"]
