# ruff: noqa: N802, T201
"""A typical application in geant4_pybind, and the ten lines, marked with their numbers, that add a fast simulation.

    python examples/hook_in_geant4.py                         full simulation
    python examples/hook_in_geant4.py --fast gflash           GFlash makes the showers of particles above 1 GeV
    python examples/hook_in_geant4.py --fast model.onnx       a trained network makes them, for a particle that it knows

The calorimeter is a stack of lead and liquid argon, 480 mm deep, whose hits are energies per pair of plates.
"""

import argparse
import os
import sys
import time

import numpy as np

from caloforge.simulators.geant4.datasets import environment

os.environ.update(environment())  # Geant4's data sets, if your environment does not name them

import geant4_pybind as g4

from caloforge.detector import Detector  # 1
from caloforge.particles import particle_name
from caloforge.simulators import Simulator, create  # 2
from caloforge.simulators.geant4.hook import FastHits, Hook, Placement, Trigger, entrance_slab  # 3

PAIRS, HALF, FRONT = 80, 240.0, -240.0  # pairs of plates, half width and front face [mm]
EVENTS, ENERGY = 20, 5000.0  # MeV
kept = []  # Geant4 does not keep Python objects alive


class Hits:
    """The application's own hits: energy [MeV] of each event in each pair of plates, and how much of it is fast."""

    def __init__(self) -> None:
        self.tracked = np.zeros((EVENTS, PAIRS))
        self.fast = np.zeros((EVENTS, PAIRS))

    def add_fast(self, hits: FastHits) -> None:
        """Add fast-simulated deposits, which are at the centres of the model's cells."""
        for hit in hits.records():
            self.fast[hit["event"], int((hit["position"][2] - FRONT) // 6.0)] += hit["energy"]


class Calorimeter(g4.G4VUserDetectorConstruction):
    """80 pairs of 2 mm lead and 4 mm argon."""

    def Construct(self) -> g4.G4VPhysicalVolume:
        """Build the world, the pairs and their plates."""
        world = self.box("world", 1000.0, 1000.0, "G4_Galactic")
        stack = self.box("stack", HALF, 240.0, "G4_Galactic")
        pair = self.box("pair", HALF, 3.0, "G4_Galactic")
        self.plates = [self.box("lead", HALF, 1.0, "G4_Pb"), self.box("argon", HALF, 2.0, "G4_lAr")]
        kept.append(g4.G4PVPlacement(None, g4.G4ThreeVector(), stack, "stack", world, False, 0))
        kept.append(g4.G4PVReplica("pair", pair, stack, g4.kZAxis, PAIRS, 6.0))
        for plate, z in zip(self.plates, (-2.0, 1.0), strict=True):
            kept.append(g4.G4PVPlacement(None, g4.G4ThreeVector(0, 0, z), plate, "plate", pair, False, 0))
        if hook:
            self.entrance = entrance_slab(world, hook.placement, HALF, HALF)  # 8
        kept.append(g4.G4PVPlacement(None, g4.G4ThreeVector(), world, "world", None, False, 0))
        return kept[-1]

    def ConstructSDandField(self) -> None:
        """Score the deposited energy of each pair."""
        detector = g4.G4MultiFunctionalDetector("stack")
        g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
        scorer = g4.G4PSEnergyDeposit("E", 1)
        detector.RegisterPrimitive(scorer)
        kept.extend([detector, scorer])
        for plate in self.plates:
            plate.SetSensitiveDetector(detector)
        if hook:
            hook.watch_entrance(self.entrance)  # 9

    def box(self, name: str, half: float, half_z: float, material: str) -> g4.G4LogicalVolume:
        """A box of a NIST material."""
        found = g4.G4NistManager.Instance().FindOrBuildMaterial(material)
        kept.append(g4.G4Box(name, half, half, half_z))
        kept.append(g4.G4LogicalVolume(kept[-1], found, name))
        return kept[-1]


class Gun(g4.G4VUserPrimaryGeneratorAction):
    """Particles of 5 GeV onto the front face."""

    def __init__(self) -> None:
        super().__init__()
        self.gun = g4.G4ParticleGun(1)

    def GeneratePrimaries(self, event: g4.G4Event) -> None:
        """Shoot one particle."""
        self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle(particle))
        self.gun.SetParticleEnergy(ENERGY)
        self.gun.SetParticlePosition(g4.G4ThreeVector(0, 0, FRONT - 1))
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(0, 0, 1))
        self.gun.GeneratePrimaryVertex(event)


class Reader(g4.G4UserEventAction):
    """Reads the scorer into the hits."""

    def EndOfEventAction(self, event: g4.G4Event) -> None:
        """Store the energies of one event."""
        collection = g4.G4SDManager.GetSDMpointer().GetCollectionID("stack/E")
        for pair, energy in dict(event.GetHCofThisEvent().GetHC(collection)).items():
            hits.tracked[event.GetEventID(), pair] = energy


class Actions(g4.G4VUserActionInitialization):
    """Gun and reader."""

    def Build(self) -> None:
        """Make both, after the physics list, as Geant4 requires."""
        kept.extend([Gun(), Reader()])
        self.SetUserAction(kept[-2])
        self.SetUserAction(kept[-1])


def known_particle(simulator: Simulator) -> str:
    """e-, or the first particle of a simulator that takes no electrons."""
    codes = simulator.particles or (11,)
    return particle_name(11 if 11 in codes else codes[0])


parser = argparse.ArgumentParser()
parser.add_argument("--particle", help="what is shot, by Geant4's name; default: e-, or what the simulator knows")
parser.add_argument("--fast", help="what replaces tracking above 1 GeV: gflash, model.onnx, showers.h5, ...")
arguments = parser.parse_args()
fast, particle = arguments.fast, arguments.particle or "e-"
hits, hook = Hits(), None
if fast:
    simulator = create(fast, Detector.load("calogan-ecal"))  # 4
    particle = arguments.particle or known_particle(simulator)
    trigger = Trigger(particles=("e-", "e+", "gamma"), energy=(1000.0, np.inf))  # 5
    placement = Placement.at((0, 0, FRONT))  # 6
    hook = Hook(simulator, hits.add_fast, trigger=trigger, placement=placement, seed=1, batch_events=50)  # 7

manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
physics, electromagnetic = g4.G4VModularPhysicsList(), g4.G4EmStandardPhysics_option1()
physics.RegisterPhysics(electromagnetic)
kept.extend([manager, Calorimeter(), physics, electromagnetic])
manager.SetUserInitialization(kept[-3])
manager.SetUserInitialization(physics)
kept.append(Actions())
manager.SetUserInitialization(kept[-1])
settings = (
    "/process/msc/StepLimit UseSafety",  # caloforge's models learn from showers with these settings; the defaults of
    "/process/msc/RangeFactor 0.04",  # option1 lose 15 % of the visible energy of thin gaps
    "/process/em/fluo false",
    "/process/em/verbose 0",
    "/run/verbose 0",
)
for command in settings:
    g4.G4UImanager.GetUIpointer().ApplyCommand(command)
manager.Initialize()
started = time.perf_counter()
manager.BeamOn(EVENTS)
if hook:
    hook.finish()  # 10
seconds = time.perf_counter() - started
mean = (hits.tracked + hits.fast).sum(axis=1).mean()
share = hits.fast.sum() / (hits.fast + hits.tracked).sum()
print(f"{EVENTS} {particle} of {ENERGY:g} MeV in {seconds:.2f} s: {mean:.1f} MeV per event, {share:.0%} of it fast")
if hook and not share:
    print(f"nothing was fast: {fast} takes no {particle} of this energy; see `caloforge models`", file=sys.stderr)
sys.stdout.flush()
os._exit(0)  # Geant4's own clean-up crashes under Python
