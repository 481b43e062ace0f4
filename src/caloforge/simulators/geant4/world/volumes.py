"""Geant4 volumes and their division; imports geant4_pybind, so for child processes only."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import geant4_pybind as g4

from caloforge.detector.cells import Face, Rectangle, Ring
from caloforge.detector.cells.division import FULL_CIRCLE
from caloforge.simulators.geant4.process.kernel import keep


def solid(face: Face, name: str, thickness: float) -> g4.G4VSolid:
    """Solid of a transverse shape and a thickness [mm]."""
    if isinstance(face, Rectangle):
        return g4.G4Box(name, face.half_x, face.half_y, thickness / 2)
    first = 0.0 if face.angle == FULL_CIRCLE else -face.angle / 2
    return g4.G4Tubs(name, face.inner, face.outer, thickness / 2, first, face.angle)


@dataclass(frozen=True)
class Volume:
    """A logical volume, its shape, and the names of the levels above it."""

    logical: g4.G4LogicalVolume
    face: Face
    thickness: float
    levels: tuple[str, ...] = ()

    @classmethod
    def make(cls, name: str, face: Face, thickness: float, material: g4.G4Material) -> Self:
        """Create a volume without placing it."""
        shape = solid(face, name, thickness)
        logical = g4.G4LogicalVolume(shape, material, name)
        keep(shape, logical)
        return cls(logical, face, thickness)

    def depth(self, level: str) -> int:
        """Levels from this volume up to a named level, or up to the world (copy number 0) if there is no such level."""
        return len(self.levels) - 1 - (self.levels.index(level) if level in self.levels else -1)

    def place(self, level: str, face: Face, thickness: float, z: float, material: g4.G4Material,
              number: int = 0) -> "Volume":  # fmt: skip
        """Place a new volume inside this one, with its middle at z [mm]."""
        inside = Volume.make(level, face, thickness, material)
        keep(g4.G4PVPlacement(None, g4.G4ThreeVector(0, 0, z), inside.logical, level, self.logical, False, number))
        return Volume(inside.logical, face, thickness, (*self.levels, level))

    def place_slabs(
        self, level: str, n: int, face: Rectangle, thickness: float, z: float, material: g4.G4Material
    ) -> "Volume":
        """Place n equal new volumes inside this one, side by side along x, with their middles at z [mm]."""
        slab = Volume.make(level, face, thickness, material)
        for i in range(n):
            middle = g4.G4ThreeVector((2 * i - n + 1) * face.half_x, 0, z)
            keep(g4.G4PVPlacement(None, middle, slab.logical, level, self.logical, False, i))
        return Volume(slab.logical, face, thickness, (*self.levels, level))

    def replicate(self, level: str, axis: g4.EAxis, n: int, width: float, face: Face | None = None) -> "Volume":
        """Divide this volume into n equal slices of a width [mm, rad]; `face` is the shape of a slice if it differs."""
        if n == 1:
            return self
        thickness = width if axis == g4.kZAxis else self.thickness
        inside = Volume.make(level, face or self.face, thickness, self.logical.GetMaterial())
        keep(g4.G4PVReplica(level, inside.logical, self.logical, axis, n, width))
        return Volume(inside.logical, inside.face, thickness, (*self.levels, level))

    def place_rings(self, level: str, edges: tuple[float, ...]) -> list["Volume"]:
        """Fill this ring or wedge with rings between edges [mm]."""
        if len(edges) == 2:
            return [self]
        angle, material = getattr(self.face, "angle", FULL_CIRCLE), self.logical.GetMaterial()
        rings = (Ring(inner, outer, angle) for inner, outer in pairwise(edges))
        return [self.place(level, ring, self.thickness, 0, material, i) for i, ring in enumerate(rings)]
