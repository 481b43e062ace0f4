"""The readout cells of a detector as a flat table, with which C++ places hits for any kind of grid."""

from typing import Self

import numpy as np

from caloforge.config import Strict
from caloforge.detector import Detector
from caloforge.detector.cells import Grid

Numbers = tuple[float, ...]
SAME = 1e-9  # mm; outlines of cells that differ by less are equal


class Plane(Strict):
    """Transverse cells of a readout layer; equal layers share one plane.

    Attributes:
        centres: x and y of each cell in turn [mm].
        outlines: corners of a convex cell relative to its centre, x and y in turn [mm], counter-clockwise; one outline
            for all cells, or one for each cell.
        sectors: inner and outer radius [mm], first and last angle [rad] of each cell in turn; they replace outlines.
    """

    centres: Numbers
    outlines: tuple[Numbers, ...] = ()
    sectors: Numbers = ()

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """Plane of a grid."""
        centres = tuple(grid.centres.ravel().tolist())
        if (sectors := grid.sectors) is not None:
            return cls(centres=centres, sectors=tuple(sectors.ravel().tolist()))
        outlines = [np.array(outline) - centre for outline, centre in zip(grid.corners(), grid.centres, strict=True)]
        if all(len(o) == len(outlines[0]) and np.abs(o - outlines[0]).max() < SAME for o in outlines):
            outlines = outlines[:1]
        return cls(centres=centres, outlines=tuple(tuple(outline.ravel().tolist()) for outline in outlines))


class CellTable(Strict):
    """Cells of a detector, in the order of its flat cell axis.

    Attributes:
        frame: readout frame: "detector", "shower" or "window".
        planes: the different planes of cells.
        layers: number of the plane of each layer.
        depths: front and back of the layers [mm], one more than there are layers.
        windows: for each layer in the frame "window": cell size in x and y [mm], numbers of fixed cells in x and y, and
            numbers of cells in the window in x and y.
        centre_layer: layer whose hit cell is the centre of the windows.
    """

    frame: str
    planes: tuple[Plane, ...]
    layers: tuple[int, ...]
    depths: Numbers
    windows: tuple[tuple[float, float, int, int, int, int], ...] = ()
    centre_layer: int = 0

    @classmethod
    def of(cls, detector: Detector) -> Self:
        """Table of a detector's cells."""
        grids: list[Grid] = []
        for layer in detector.layers:
            if layer.cells not in grids:
                grids.append(layer.cells)
        moves = detector.readout.frame == "window"
        return cls(
            frame=detector.readout.frame,
            planes=tuple(Plane.of(grid) for grid in grids),
            layers=tuple(grids.index(layer.cells) for layer in detector.layers),
            depths=(0.0, *(layer.z_max for layer in detector.layers)),
            windows=tuple(_window(layer.cells) for layer in detector.layers) if moves else (),
            centre_layer=detector.readout.centre_layer or 0,
        )


def _window(grid: Grid) -> tuple[float, float, int, int, int, int]:
    assert grid.pitch is not None
    return (*grid.pitch, *grid.fixed_shape, *grid.shape)
