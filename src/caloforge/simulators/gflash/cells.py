"""Energies in cells from energy spots around a shower axis."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.simulators.gflash.cascade import Spots
from caloforge.simulators.gflash.stack import Floats, Nodes

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Axis:
    """Axis of a shower, and the position of its window of cells.

    Attributes:
        x, y, z: entry point [mm].
        theta, phi: direction [rad].
        first: first cells in x and y of each layer's window (n_layers, 2); 0 if the cells do not move.
    """

    x: float
    y: float
    z: float
    theta: float
    phi: float
    first: Indices

    @property
    def cosine(self) -> float:
        """Cosine of the angle to the normal of the plates."""
        return math.cos(self.theta)


class CellFinder:
    """Finder of the cell that holds a point."""

    def __init__(self, detector: Detector, nodes: Nodes) -> None:
        self._along = detector.frame.follows
        self._nodes = nodes
        self._n_cells = detector.n_cells
        self._edges = np.array([layer.z_min for layer in detector.layers] + [detector.depth])
        self._starts = np.array([layer.start for layer in detector.layers])
        self._grids = [spec.cells for spec in detector.spec.layer]
        self._first_layer = np.cumsum([0] + [spec.copies for spec in detector.spec.layer])
        self._grid_of_layer = np.repeat(np.arange(len(self._grids)), [spec.copies for spec in detector.spec.layer])

    def gather(self, spots: Spots, axis: Axis, rng: np.random.Generator) -> Floats:
        """Energies of the cells (n_cells,) [MeV]; spots outside every cell are leakage."""
        angle = 2 * math.pi * rng.random(len(spots.node))
        u, v = spots.radius * np.cos(angle), spots.radius * np.sin(angle)
        place = self._in_mesh if self._along else self._in_detector
        layer, x, y = place(spots, axis, u, v, rng)
        cells = np.bincount(self._cells(layer, x, y, axis.first), spots.energy, self._n_cells + 1)
        return cells[:-1].astype(np.float64, copy=False)

    def _in_mesh(
        self, spots: Spots, axis: Axis, u: Floats, v: Floats, rng: np.random.Generator
    ) -> tuple[Indices, Floats, Floats]:
        """Layer and transverse coordinates [mm] in a mesh that follows the axis."""
        if axis.theta == 0 and axis.z == 0:
            return self._nodes.layer[spots.node], u, v
        return self._layer(self._path(spots, axis, rng)), u, v

    def _in_detector(
        self, spots: Spots, axis: Axis, u: Floats, v: Floats, rng: np.random.Generator
    ) -> tuple[Indices, Floats, Floats]:
        """Layer and transverse coordinates [mm] in the detector; u is in the plane of axis and normal."""
        if axis.theta == 0:
            return self._nodes.layer[spots.node], axis.x + u, axis.y + v
        path = self._path(spots, axis, rng)
        outward = path * math.sin(axis.theta) + u * axis.cosine
        cos, sin = math.cos(axis.phi), math.sin(axis.phi)
        depth = path * axis.cosine - u * math.sin(axis.theta)
        return self._layer(depth), axis.x + outward * cos - v * sin, axis.y + outward * sin + v * cos

    def _path(self, spots: Spots, axis: Axis, rng: np.random.Generator) -> Floats:
        """Distances [mm] from the entry point along the axis, drawn uniformly within the spots' nodes."""
        low, high = self._nodes.z_min[spots.node], self._nodes.z_max[spots.node]
        path: Floats = (low + (high - low) * rng.random(len(low)) - axis.z) / axis.cosine
        return path

    def _layer(self, depth: Floats) -> Indices:
        """Layer at a depth [mm]; -1 in front of and behind the layers."""
        layer = np.searchsorted(self._edges, depth, side="right") - 1
        return np.where(layer < len(self._starts), layer, -1)

    def _cells(self, layer: Indices, x: Floats, y: Floats, first: Indices) -> Indices:
        """Flat cell index; n_cells outside all cells."""
        if len(self._grids) == 1:
            local = self._grids[0].locate(x, y, first[0])
        else:
            local = np.empty(len(layer), np.int64)
            grid_of_spot = self._grid_of_layer[layer]
            for index, grid in enumerate(self._grids):
                rows = np.flatnonzero(grid_of_spot == index)
                local[rows] = grid.locate(x[rows], y[rows], first[self._first_layer[index]])
        return np.where((local >= 0) & (layer >= 0), self._starts[layer] + local, self._n_cells)
