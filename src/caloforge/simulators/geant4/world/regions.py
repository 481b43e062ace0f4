"""Production cuts of single plates or layers, as Geant4 regions; imports geant4_pybind, so for child processes only."""

import geant4_pybind as g4

from caloforge.detector import Detector
from caloforge.simulators.geant4.physics import Physics
from caloforge.simulators.geant4.process.kernel import keep
from caloforge.simulators.geant4.world.materials import find_material


def make_regions(physics: Physics, detector: Detector) -> dict[str, float]:
    """Create regions for plates with their own production cuts, and return the cuts [mm] by region."""
    cuts: dict[str, float] = {}
    world = g4.G4LogicalVolumeStore.GetInstance().GetVolume("world")
    for number, cut in physics.layer_cuts.items():
        cuts[_region(f"layer_table_{number}", _layer_volumes(world, detector, number))] = cut
    for name, cut in physics.material_cuts.items():
        material = find_material(name, detector.spec.material).GetName()
        cuts[_region(f"material_{name}", list(_of_material(world, material).values()))] = cut
    return cuts


def _region(name: str, volumes: list[g4.G4LogicalVolume]) -> str:
    region = g4.G4Region(name)
    keep(region)
    for volume in volumes:
        region.AddRootLogicalVolume(volume)
    return name


def _layer_volumes(world: g4.G4LogicalVolume, detector: Detector, number: int) -> list[g4.G4LogicalVolume]:
    """Volumes in the world whose middle is within the layers of one `[[layer]]` table."""
    low = sum(spec.copies * spec.thickness for spec in detector.spec.layer[:number])
    high = low + detector.spec.layer[number].copies * detector.spec.layer[number].thickness
    found = {}
    for index in range(world.GetNoDaughters()):
        placed = world.GetDaughter(index)
        if low < placed.GetTranslation().z < high:
            found[placed.GetLogicalVolume().GetInstanceID()] = placed.GetLogicalVolume()
    return list(found.values())


def _of_material(volume: g4.G4LogicalVolume, material: str) -> dict[int, g4.G4LogicalVolume]:
    """Outermost volumes of a material, by their instance number."""
    if volume.GetMaterial().GetName() == material:
        return {volume.GetInstanceID(): volume}
    found: dict[int, g4.G4LogicalVolume] = {}
    for index in range(volume.GetNoDaughters()):
        found |= _of_material(volume.GetDaughter(index).GetLogicalVolume(), material)
    return found
