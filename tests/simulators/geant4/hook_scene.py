# ruff: noqa: N802
"""A geant4_pybind application with two lead blocks and a hook on each, run as a script: `hook_scene.py SCENE FOLDER`.

Block A starts at z = 0 along z, block B at x = 600 mm along x. Results go to FOLDER/result.npz and result.json.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Showers
from caloforge.simulators import Replay, Simulator
from caloforge.simulators.geant4.datasets import environment

os.environ.update(environment())
import geant4_pybind as g4

from caloforge.simulators.geant4.hook import Hook, Placement, Trigger, entrance_slab, volumes_below
from caloforge.simulators.geant4.world.field import set_field

SCENE, FOLDER = sys.argv[1], Path(sys.argv[2])
MESH = Detector.from_toml((FOLDER / "mesh.toml").read_text())
FACES = {"A": Placement(), "B": Placement.at((600, 0, 0), theta=np.pi / 2)}
ORIGIN = (0.0, 0.0, -50.0)
INTO_B = (1.0, 0.0, 0.0)
# particle, energy [MeV], start [mm], direction
SHOTS = {
    "two": [
        ("e-", 1e4, (3, 4, -5), (0, 0, 1)),
        ("e-", 300.0, (0, 0, -5), (0, 0, 1)),
        ("e+", 2e4, (500, 7, 9), INTO_B),
        ("gamma", 5e3, (500, 0, 0), (0.8, 0.6, 0)),
        ("gamma", 8e3, (500, -7, -9), INTO_B),
    ],
    "inside": [("e-", 1e4, (0, 0, -5), (0, 0, 1))],
}
ANGLES = {(-11, 2e4): 0.0, (22, 5e3): np.arccos(0.8), (22, 8e3): 0.0}  # to the axis of B
LEARNED = {
    "two": ["/process/msc/StepLimit UseSafety", "/process/msc/RangeFactor 0.04"],
    "failing": ["/process/msc/StepLimit Minimal", "/process/msc/RangeFactor 0.2"],  # option1's own
    "inside": "not a list",
    "misused": [],
}
kept = []


class OneCell(Simulator):
    """Simulator that puts all energy into the first cell, and accepts up to 10 GeV."""

    name = "one-cell"

    def __init__(self, detector):
        self.detector, self.seen = detector, []

    def accepts(self, incidents):
        return incidents.energy <= 1e4

    def simulate(self, incidents, seed):
        self.seen.append(incidents)
        energies = np.zeros((len(incidents), self.detector.n_cells), np.float32)
        energies[:, 0] = incidents.energy
        return Showers(self.detector, incidents, energies, {"seed": seed})

    def provenance(self):
        return {"training": {"showers": {"physics": [{"list": "em", "multiple_scattering": LEARNED[SCENE]}]}}}

    def close(self):
        pass


class Everything(OneCell):
    """Simulator that accepts every energy."""

    def accepts(self, incidents):
        return np.ones(len(incidents), bool)


class Plain(OneCell):
    """Simulator that accepts up to 10 GeV from the centre's neighbourhood, asked in plain numbers."""

    def accepts_one(self, pdg, energy, theta, phi, position):  # noqa: ARG002
        return energy <= 1e4 and abs(theta - ANGLES[pdg, energy]) < 1e-6 and max(map(abs, position)) < 80


class Blocks(g4.G4VUserDetectorConstruction):
    def Construct(self):
        nist = g4.G4NistManager.Instance()
        world = self.box("world", (2000, 2000, 2000), nist.FindOrBuildMaterial("G4_Galactic"))
        self.blocks, self.slabs = {}, {}
        for name, face in FACES.items():
            half = (150, 100, 100) if name == "B" else (100, 100, 150)
            self.blocks[name] = self.box(name, half, nist.FindOrBuildMaterial("G4_Pb"))
            middle = g4.G4ThreeVector(*(face.origin + 150 * face.rotation[:, 2]).tolist())
            kept.append(g4.G4PVPlacement(None, middle, self.blocks[name], name, world, False, 0))
            self.slabs[name] = entrance_slab(world, face, 100, 100)
        placed = g4.G4PVPlacement(None, g4.G4ThreeVector(), world, "world", None, False, 0)
        kept.append(placed)
        assert len(volumes_below(world)) == 4
        return placed

    def box(self, name, half, material):
        solid = g4.G4Box(name, *half)
        logical = g4.G4LogicalVolume(solid, material, name)
        kept.extend([solid, logical])
        return logical

    def ConstructSDandField(self):
        for name, block in self.blocks.items():
            detector = g4.G4MultiFunctionalDetector(name)
            g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
            scorer = g4.G4PSEnergyDeposit("E", 0)
            detector.RegisterPrimitive(scorer)
            block.SetSensitiveDetector(detector)
            kept.extend([detector, scorer])
        attach(self)
        if SCENE == "inside":  # after the hooks, as applications may; too weak to bend anything
            set_field(in_field(MESH, 1e-9))


class Counter(g4.G4VSensitiveDetector):
    """A sensitive detector of the application's own on the slab of A."""

    steps = 0

    def ProcessHits(self, step, history):  # noqa: ARG002
        Counter.steps += 1
        return True


class Gun(g4.G4VUserPrimaryGeneratorAction):
    def __init__(self):
        super().__init__()
        self.gun = g4.G4ParticleGun(1)

    def GeneratePrimaries(self, event):
        g4.G4Random.setTheSeed(event.GetEventID() + 1)
        for particle, energy, start, direction in SHOTS.get(SCENE, SHOTS["two"]):
            self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle(particle))
            self.gun.SetParticleEnergy(energy)
            self.gun.SetParticlePosition(g4.G4ThreeVector(*start))
            self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(*direction))
            self.gun.GeneratePrimaryVertex(event)


class Reader(g4.G4UserEventAction):
    def EndOfEventAction(self, event):
        manager, hits = g4.G4SDManager.GetSDMpointer(), event.GetHCofThisEvent()
        for name in FACES:
            deposits = dict(hits.GetHC(manager.GetCollectionID(f"{name}/E")))
            tracked[name].append(sum(deposits.values()))
        for hook in hooks.values():
            hook.end_event()


class Actions(g4.G4VUserActionInitialization):
    def Build(self):
        kept.extend([Gun(), Reader()])
        self.SetUserAction(kept[-2])
        self.SetUserAction(kept[-1])


def receive(name):
    def take(hits):
        received[name].append(hits)
        if SCENE == "failing" and len(received[name]) in (1, 4):  # within a run, and while one is finished
            raise KeyError("no room for hits")

    return take


def attach(blocks):
    if SCENE == "two":
        counter = Counter("counter")
        g4.G4SDManager.GetSDMpointer().AddNewDetector(counter)
        blocks.slabs["A"].SetSensitiveDetector(counter)
        kept.append(counter)
    for name, hook in hooks.items():
        if SCENE == "inside":
            hook.watch_inside(blocks.blocks[name])
        elif SCENE == "misused":
            refuse(lambda hook=hook: hook.watch_inside(blocks.blocks["A"]))
            refuse(lambda: Hook(simulators["B"], print, trigger=Trigger(("muon",))).watch_entrance(blocks.slabs["A"]))
        else:
            hook.watch_entrance(blocks.slabs[name])


def in_field(detector, tesla):
    return Detector.from_toml(f"{detector.toml}\n[field]\nvector = [0, {tesla}, 0]\n")


def refuse(action):
    try:
        action()
    except InputError as error:
        refusals.append(str(error))


def initialise():
    manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
    physics = g4.G4VModularPhysicsList()
    option = g4.G4EmStandardPhysics_option1()
    kept.extend([manager, Blocks(), physics, option])
    physics.RegisterPhysics(option)
    manager.SetUserInitialization(kept[-3])
    manager.SetUserInitialization(physics)
    kept.append(Actions())
    manager.SetUserInitialization(kept[-1])
    for command in ("/process/em/fluo false", "/process/em/verbose 0", "/run/verbose 0"):
        g4.G4UImanager.GetUIpointer().ApplyCommand(command)
    manager.Initialize()
    return manager


def run(manager, n):
    manager.BeamOn(n)
    for hook in hooks.values():
        try:
            hook.finish()
        except KeyError as error:
            refusals.append(repr(error))


refusals: list[str] = []
tracked = {name: [] for name in FACES}
received = {name: [] for name in FACES}
replay = Replay(FOLDER / "replay.h5", by_event=True)
simulators = {"A": replay, "B": (Plain if SCENE == "failing" else OneCell)(replay.detector)}
if SCENE == "inside":
    simulators = {"A": Everything(MESH)}
hooks = {
    name: Hook(simulator, receive(name), placement=FACES[name], seed=i, batch_events=2)
    for i, (name, simulator) in enumerate(simulators.items())
}
geant4 = initialise()
run(geant4, 5)
if SCENE == "failing":
    for n in (3, 1, 1):
        run(geant4, n)
arrays = {f"tracked_{name}": np.array(values) for name, values in tracked.items()}
for name, batches in received.items():
    if batches:
        arrays[f"records_{name}"] = np.concatenate([hits.records() for hits in batches])
        for column in ("pdg", "energy", "theta", "position", "shower_id"):
            arrays[f"{column}_{name}"] = np.concatenate([getattr(h.showers.incidents, column) for h in batches])
np.savez(FOLDER / "result.npz", **arrays)
report = {"refusals": refusals, "steps": Counter.steps, "stats": {n: vars(h.stats) for n, h in hooks.items()}}
(FOLDER / "result.json").write_text(json.dumps(report))
os._exit(0)
