"""Distances in Geant4's geometry, run as a script: `navigation_scene.py PRESET < POINTS.npy > DISTANCES.npy`.

Points are (N, 3) [mm]; distances (N,) are those to the nearest wall, as multiple scattering asks for them.
"""

import io
import os
import sys

import numpy as np

from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators.geant4.datasets import environment
from caloforge.simulators.geant4.process import wire

os.environ.update(environment())
import geant4_pybind as g4

from caloforge.simulators.geant4.physics import Physics
from caloforge.simulators.geant4.process import kernel
from caloforge.simulators.geant4.process.worker import Gun
from caloforge.simulators.geant4.world.geometry import Calorimeter

points = np.load(io.BytesIO(sys.stdin.buffer.read()))
output = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
kernel.silence()
guns = []


def build(actions):
    guns.append(Gun())
    actions.SetUserAction(guns[0])


manager = kernel.initialise(Calorimeter(Detector.load(sys.argv[1])), Physics(list="em"), build)
guns[0].load(*wire.unpack(wire.pack(Incidents.make("e-", np.array([1.0])), 1)))
manager.BeamOn(1)  # closes the geometry
g4.G4GeometryManager.GetInstance().CloseGeometry(True)
navigator = g4.G4TransportationManager.GetTransportationManager().GetNavigatorForTracking()
distances, along = [], g4.G4ThreeVector(0, 0, 1)
for point in points.tolist():
    vector = g4.G4ThreeVector(*point)
    navigator.LocateGlobalPointAndSetup(vector, along, False, False)
    distances.append(navigator.ComputeSafety(vector))
file = io.BytesIO()
np.save(file, np.array(distances))
os.write(output, file.getvalue())
kernel.leave()
