"""Volumes of an application's geometry that a hook watches; imports geant4_pybind."""

from typing import Any

import geant4_pybind as g4

from caloforge.simulators.geant4.hook.placement import Placement

SLAB = 0.01  # thickness of the entrance slab [mm]
_alive: list[Any] = []


def entrance_slab(mother: g4.G4LogicalVolume, placement: Placement, half_x: float, half_y: float) -> g4.G4LogicalVolume:
    """Place a thin vacuum slab in front of the calorimeter's face; call it in Construct().

    Args:
        mother: volume that holds the slab; its centre and axes are the world's, and the last 10 um before the face are
            free.
        placement: face of the calorimeter.
        half_x: half width of the slab along the local x [mm].
        half_y: half width of the slab along the local y [mm].

    Returns:
        The logical volume of the slab.
    """
    material = g4.G4NistManager.Instance().FindOrBuildMaterial("G4_Galactic")
    solid = g4.G4Box("entrance", half_x, half_y, SLAB / 2)
    logical = g4.G4LogicalVolume(solid, material, "entrance")
    x, y, z = (g4.G4ThreeVector(*column) for column in placement.rotation.T.tolist())
    rotation = g4.G4RotationMatrix()
    rotation.rotateAxes(x, y, z)
    middle = placement.origin - placement.rotation[:, 2] * SLAB / 2
    where = g4.G4Transform3D(rotation, g4.G4ThreeVector(*middle.tolist()))
    placed = g4.G4PVPlacement(where, logical, "entrance", mother, False, 0)
    _alive.extend([solid, logical, rotation, where, placed])
    return logical


def volumes_below(volume: g4.G4LogicalVolume) -> list[g4.G4LogicalVolume]:
    """All logical volumes inside a volume, at any depth, each once."""
    found: dict[int, g4.G4LogicalVolume] = {}
    for index in range(volume.GetNoDaughters()):
        daughter = volume.GetDaughter(index).GetLogicalVolume()
        found |= {v.GetInstanceID(): v for v in (daughter, *volumes_below(daughter))}
    return list(found.values())
