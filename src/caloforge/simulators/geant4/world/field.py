"""Uniform magnetic field in the whole world; imports geant4_pybind, so for child processes only."""

import geant4_pybind as g4

from caloforge.detector import Detector
from caloforge.simulators.geant4.process.kernel import keep


def set_field(detector: Detector) -> None:
    """Track charged particles in the detector's magnetic field; call before Initialize()."""
    if detector.field == (0.0, 0.0, 0.0):
        return
    field = g4.G4UniformMagField(g4.G4ThreeVector(*(component * g4.tesla for component in detector.field)))
    manager = g4.G4TransportationManager.GetTransportationManager().GetFieldManager()
    manager.SetDetectorField(field)
    manager.CreateChordFinder(field)
    keep(field)


def application_has_field() -> bool:
    """Whether the running application has set a global field."""
    return bool(g4.G4TransportationManager.GetTransportationManager().GetFieldManager().DoesFieldExist())
