"""Geant4's run manager, physics list and particles; imports geant4_pybind, so for child processes only.

An application (the simulator's worker, the fast-simulation hook) calls, in this order: `silence()`,
`manager = initialise(Calorimeter(detector), physics, build)`, where `build(actions)` creates and sets user actions,
`manager.BeamOn(n)`, `leave()`. The variables of `datasets.environment()` must be set before the process starts.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import geant4_pybind as g4

from caloforge.errors import InputError
from caloforge.simulators.geant4.physics import ACCURATE_MSC, EM, Physics

LOG_LIMIT = 2**18
_kept: list[Any] = []  # Geant4 does not keep Python objects alive


class _Log:
    """Standard output and error of a child: the last lines only, unbuffered since Geant4 may abort."""

    def __init__(self) -> None:
        self._size = 0

    def write(self, text: str) -> int:
        data = text.encode(errors="replace")
        self._size += os.write(1, data)
        if self._size > LOG_LIMIT:
            os.ftruncate(1, 0)
            os.lseek(1, 0, os.SEEK_SET)
            self._size = 0
        return len(text)

    def flush(self) -> None: ...


def silence() -> None:
    """Send all output of Geant4 to file descriptor 1, which is a temporary file of the parent."""
    sys.stdout = sys.stderr = _Log()


def keep(*objects: Any) -> None:
    """Keep references to Python objects that Geant4 points to."""
    _kept.extend(objects)


def physics_list(settings: Physics, msc: Sequence[str] = ACCURATE_MSC) -> Any:
    """Physics list with electromagnetic option1; the commands for multiple scattering are applied."""
    name = settings.list
    constructors = [g4.G4EmStandardPhysics_option1(), *(_hadronic(name) if name != EM else ())]
    physics = g4.G4VModularPhysicsList()
    for constructor in constructors:
        physics.RegisterPhysics(constructor)
    physics.SetVerboseLevel(0)
    apply("/process/em/verbose 0", "/process/em/fluo false", *msc)
    if name != EM:
        apply("/process/had/verbose 0")
    keep(physics, *constructors)
    return physics


def _hadronic(name: str) -> list[Any]:
    """Constructors of Geant4's reference list `name` but for the electromagnetic one, in their order."""
    precise = name.endswith("_HP")
    elastic = g4.G4HadronElasticPhysicsHP() if precise else g4.G4HadronElasticPhysics()
    inelastic = getattr(g4, f"G4HadronPhysics{name}")()
    common = [g4.G4EmExtraPhysics(), g4.G4DecayPhysics(), elastic, inelastic, g4.G4StoppingPhysics(), g4.G4IonPhysics()]
    return common if precise else [*common, g4.G4NeutronTrackingCut()]


def apply(*commands: str) -> None:
    """Apply Geant4 commands; geant4_pybind does not report unknown ones."""
    for command in commands:
        g4.G4UImanager.GetUIpointer().ApplyCommand(command)


class _Actions(g4.G4VUserActionInitialization):
    def __init__(self, build: Callable[[Any], None]) -> None:
        super().__init__()
        self._build = build

    def Build(self) -> None:
        self._build(self)


def run_manager() -> Any:
    """The serial run manager, which is created on the first call; it must exist before a physics list."""
    manager = g4.G4RunManager.GetRunManager()
    if manager is None:
        manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
        keep(manager)
    return manager


def initialise(
    construction: Any,
    physics: Physics,
    build: Callable[[Any], None],
    msc: Sequence[str] = ACCURATE_MSC,
    regions: Callable[[], dict[str, float]] = dict,
) -> Any:
    """Run manager, ready for BeamOn.

    Args:
        construction: Geant4's user detector construction.
        physics: physics list and cuts.
        build: function that creates user actions and passes them to actions.SetUserAction.
        msc: Geant4 commands for multiple scattering.
        regions: function that creates regions once the geometry exists, and returns their production cuts [mm] by name.

    Raises:
        InputError: a material is unknown, or its cross-section tables are missing.
    """
    manager = run_manager()
    manager.SetUserInitialization(construction)
    manager.SetUserInitialization(physics_list(physics, msc))
    actions = _Actions(build)
    manager.SetUserInitialization(actions)
    keep(construction, actions)
    apply("/run/verbose 0", "/event/verbose 0", "/tracking/verbose 0")
    manager.Initialize()
    apply(f"/run/setCut {physics.cut:.9g} mm")  # Initialize would reset an earlier cut
    check_tables(hadronic=physics.list != EM)
    if cuts := regions():
        manager.BeamOn(0)  # gives regions the cuts of the world, which can be changed from then on
        for region, cut in cuts.items():
            apply(f"/run/setCutForRegion {region} {cut:.9g} mm")
    return manager


def check_tables(*, hadronic: bool) -> None:
    """Check that the cross-section tables exist, since Geant4 aborts at the first BeamOn if a file is missing.

    Raises:
        InputError: tables are missing; the message names the elements.
    """
    elements = {int(e.GetZ()): e.GetName() for m in g4.G4Material.GetMaterialTable() for e in m.GetElementVector()}
    missing = {z: path for z in elements for path in _needed(z, hadronic) if not path.exists()}
    if missing:
        names = ", ".join(f"{elements[z]} (Z = {z})" for z in sorted(missing))
        raise InputError(f"no cross-section tables for {names}: {next(iter(missing.values()))} is missing")


def _needed(z: int, hadronic: bool) -> list[Path]:
    low_energy = Path(os.environ["G4LEDATA"])
    paths = [low_energy / f"brem_SB/br{z}", low_energy / f"epics2017/phot/pe-cs-{z}.dat"]
    if hadronic:
        paths.append(Path(os.environ["G4PARTICLEXSDATA"]) / f"neutron/inel{min(z, 92)}")
    return paths


def particle(pdg: int) -> Any:
    """Geant4's definition of a particle or ion.

    Raises:
        InputError: Geant4 knows no such particle.
    """
    table = g4.G4ParticleTable.GetParticleTable()
    found = table.FindParticle(pdg)
    if found is None and 1_000_000_000 < pdg < 1_100_000_000:
        found = table.GetIonTable().GetIon(pdg // 10_000 % 1000, pdg // 10 % 1000, 0.0)
    if found is None:
        raise InputError(f"Geant4 knows no particle with PDG code {pdg}")
    return found


def leave(code: int = 0) -> NoReturn:
    """End the process at once, since Geant4's clean-up at exit crashes or hangs under Python."""
    os._exit(code)
