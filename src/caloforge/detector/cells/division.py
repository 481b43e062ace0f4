"""Shapes across the detector's axis and their divisions, from which a simulation makes volumes of cells."""

import math
from dataclasses import dataclass

FULL_CIRCLE = 2 * math.pi


@dataclass(frozen=True)
class Rectangle:
    """A rectangle around the axis, of half widths [mm]."""

    half_x: float
    half_y: float


@dataclass(frozen=True)
class Ring:
    """A ring around the axis, of radii [mm], or a sector of it of an angle [rad] that is symmetric about the x axis."""

    inner: float
    outer: float
    angle: float = FULL_CIRCLE


Face = Rectangle | Ring


@dataclass(frozen=True)
class Slices:
    """Division into n equal slices of a width along "x", "y" [mm] or "phi" [rad], each of the shape `face`."""

    axis: str
    n: int
    width: float
    face: Face


@dataclass(frozen=True)
class Rings:
    """Division of a ring or sector at radii [mm], strictly increasing."""

    edges: tuple[float, ...]


Cut = Slices | Rings
