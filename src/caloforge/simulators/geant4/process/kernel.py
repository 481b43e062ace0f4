"""Geant4's run manager, physics list and particles; imports geant4_pybind, so for child processes only.

An application (the simulator's worker, the fast-simulation hook) calls, in this order: `silence()`,
`manager = initialise(Calorimeter(detector), name, build)`, where `build(actions)` makes and sets user actions,
`manager.BeamOn(n)`, `leave()`. The environment of `datasets.environment()` must be set before the process starts.
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
    """Standard output and error of a child: the last lines only, written at once since Geant4 ends by abort."""

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
    """Send everything that Geant4 prints to file descriptor 1, which the parent made a temporary file."""
    sys.stdout = sys.stderr = _Log()


def keep(*objects: Any) -> None:
    """Keep Python objects alive that Geant4 points to."""
    _kept.extend(objects)


def physics_list(settings: Physics, msc: Sequence[str] = ACCURATE_MSC) -> Any:
    """Physics list with electromagnetic option1 and its cut, and the commands for multiple scattering applied."""
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
    """What Geant4's reference list `name` registers besides its electromagnetic constructor, in its order."""
    precise = name.endswith("_HP")
    elastic = g4.G4HadronElasticPhysicsHP() if precise else g4.G4HadronElasticPhysics()
    inelastic = getattr(g4, f"G4HadronPhysics{name}")()
    common = [g4.G4EmExtraPhysics(), g4.G4DecayPhysics(), elastic, inelastic, g4.G4StoppingPhysics(), g4.G4IonPhysics()]
    return common if precise else [*common, g4.G4NeutronTrackingCut()]


def apply(*commands: str) -> None:
    """Apply Geant4 commands; the binding does not tell whether Geant4 knows them."""
    for command in commands:
        g4.G4UImanager.GetUIpointer().ApplyCommand(command)


class _Actions(g4.G4VUserActionInitialization):
    def __init__(self, build: Callable[[Any], None]) -> None:
        super().__init__()
        self._build = build

    def Build(self) -> None:
        self._build(self)


def run_manager() -> Any:
    """The serial run manager, made on the first call; needed before a physics list is made."""
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
    """Run manager, ready for BeamOn, with what to track with; `build(actions)` calls actions.SetUserAction.

    `regions` makes regions once the geometry is there, and tells their production cuts [mm].

    Raises:
        InputError: an unknown material, or one whose cross-section tables are missing.
    """
    manager = run_manager()
    manager.SetUserInitialization(construction)
    manager.SetUserInitialization(physics_list(physics, msc))
    actions = _Actions(build)
    manager.SetUserInitialization(actions)
    keep(construction, actions)
    apply("/run/verbose 0", "/event/verbose 0", "/tracking/verbose 0")
    manager.Initialize()
    apply(f"/run/setCut {physics.cut:.9g} mm")  # Initialize would undo an earlier one
    check_tables(hadronic=physics.list != EM)
    if cuts := regions():
        manager.BeamOn(0)  # gives regions the cuts of the world, which may then be changed
        for region, cut in cuts.items():
            apply(f"/run/setCutForRegion {region} {cut:.9g} mm")
    return manager


def check_tables(*, hadronic: bool) -> None:
    """Geant4 aborts on a missing file when it reads its tables, at the first BeamOn: look before.

    Raises:
        InputError: names the elements whose tables are missing.
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
    """End the process at once: Geant4's own clean-up at exit crashes or hangs under Python."""
    os._exit(code)
