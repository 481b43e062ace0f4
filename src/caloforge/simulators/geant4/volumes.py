"""Geant4 volumes while a calorimeter is being divided; imports geant4_pybind, so for child processes only."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import geant4_pybind as g4

from caloforge.simulators.geant4.kernel import keep

TURN = 2 * math.pi


@dataclass(frozen=True)
class Box:
    """Transverse shape: a rectangle of half widths [mm]."""

    half_x: float
    half_y: float

    def solid(self, name: str, thickness: float) -> g4.G4VSolid:
        """Solid of a thickness [mm]."""
        return g4.G4Box(name, self.half_x, self.half_y, thickness / 2)


@dataclass(frozen=True)
class Tube:
    """Transverse shape: a ring of radii [mm], or a part of it of an angle [rad] that is symmetric about the x axis."""

    inner: float
    outer: float
    angle: float = TURN

    def solid(self, name: str, thickness: float) -> g4.G4VSolid:
        """Solid of a thickness [mm]."""
        first = 0.0 if self.angle == TURN else -self.angle / 2
        return g4.G4Tubs(name, self.inner, self.outer, thickness / 2, first, self.angle)


@dataclass(frozen=True)
class Volume:
    """A logical volume, its shape, and the named levels that lead to it."""

    logical: g4.G4LogicalVolume
    face: Box | Tube
    thickness: float
    levels: tuple[str, ...] = ()

    @classmethod
    def make(cls, name: str, face: Box | Tube, thickness: float, material: g4.G4Material) -> Self:
        """A volume that is not placed yet."""
        solid = face.solid(name, thickness)
        logical = g4.G4LogicalVolume(solid, material, name)
        keep(solid, logical)
        return cls(logical, face, thickness)

    def depth(self, level: str) -> int:
        """Levels from this volume up to a named one; to the world, whose number is 0, where there is none."""
        return len(self.levels) - 1 - (self.levels.index(level) if level in self.levels else -1)

    def place(self, level: str, face: Box | Tube, thickness: float, z: float, material: g4.G4Material,
              number: int = 0) -> "Volume":  # fmt: skip
        """Place a new volume inside, its middle at z [mm]."""
        inside = Volume.make(level, face, thickness, material)
        keep(g4.G4PVPlacement(None, g4.G4ThreeVector(0, 0, z), inside.logical, level, self.logical, False, number))
        return Volume(inside.logical, face, thickness, (*self.levels, level))

    def place_slabs(
        self, level: str, n: int, face: Box, thickness: float, z: float, material: g4.G4Material
    ) -> "Volume":
        """Place n equal new volumes side by side along x inside, their middles at z [mm]."""
        slab = Volume.make(level, face, thickness, material)
        for i in range(n):
            middle = g4.G4ThreeVector((2 * i - n + 1) * face.half_x, 0, z)
            keep(g4.G4PVPlacement(None, middle, slab.logical, level, self.logical, False, i))
        return Volume(slab.logical, face, thickness, (*self.levels, level))

    def replicate(self, level: str, axis: g4.EAxis, n: int, width: float, face: Box | Tube | None = None) -> "Volume":
        """Cut into n equal slices of a width [mm, rad]; along the depth if no shape of a slice is given."""
        if n == 1:
            return self
        thickness = width if axis == g4.kZAxis else self.thickness
        inside = Volume.make(level, face or self.face, thickness, self.logical.GetMaterial())
        keep(g4.G4PVReplica(level, inside.logical, self.logical, axis, n, width))
        return Volume(inside.logical, inside.face, thickness, (*self.levels, level))

    def place_rings(self, level: str, edges: list[float]) -> list["Volume"]:
        """Fill a ring or wedge with rings between edges [mm]."""
        if len(edges) == 2:
            return [self]
        angle, material = getattr(self.face, "angle", TURN), self.logical.GetMaterial()
        rings = (Tube(inner, outer, angle) for inner, outer in pairwise(edges))
        return [self.place(level, ring, self.thickness, 0, material, i) for i, ring in enumerate(rings)]
