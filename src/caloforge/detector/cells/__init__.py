"""Readout cells of one layer: one file per kind of grid; a new kind is its file and its name in `Cells`."""

from typing import Annotated

from pydantic import Field

from caloforge.detector.cells.base import Count, Grid, Operation
from caloforge.detector.cells.cartesian import CartesianCells
from caloforge.detector.cells.cylindrical import CylindricalCells
from caloforge.detector.cells.division import Face, Rectangle, Ring, Rings, Slices
from caloforge.detector.cells.hexagonal import HexagonalCells

__all__ = [
    "CartesianCells",
    "Cells",
    "Count",
    "CylindricalCells",
    "Face",
    "Grid",
    "HexagonalCells",
    "Operation",
    "Rectangle",
    "Ring",
    "Rings",
    "Slices",
]

Cells = Annotated[CartesianCells | CylindricalCells | HexagonalCells, Field(discriminator="kind")]
