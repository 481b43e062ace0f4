"""The frame "window": readout cells form windows that move with the impact over fixed cells."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from caloforge.detector.cells import Grid
from caloforge.detector.frames.base import Floats, Frame, Indices, Lines
from caloforge.errors import InputError

if TYPE_CHECKING:
    from caloforge.detector.detector import Detector

ROUNDING = 1e-6  # of a cell: a centre that lies on an edge belongs to the upper cell


class WindowFrame(Frame):
    """A window around the cell of `centre_layer` that the particle's line hits."""

    is_symmetric = False  # since its directions and entry points are not

    def first_cells(self, lines: Lines) -> Indices:
        """First fixed cells along both axes of each layer's window (N, n_layers, 2).

        Raises:
            InputError: a window leaves its grid.
        """
        return window_offsets(self._detector, lines.theta, lines.phi, lines.position)

    def axes(self, lines: Lines) -> tuple[Floats, Floats]:
        """The detector's own coordinates; windows are found by `first_cells`."""
        n = len(lines.theta)
        return np.zeros((n, 3)), np.broadcast_to(np.eye(3), (n, 3, 3))

    def centres(self, lines: Lines, cells: Indices) -> Floats:
        """Centres (n, 3) [mm] of readout cells (n,) in the windows of lines (n)."""
        detector, layer = self._detector, self._detector.cell_layer[cells]
        start = np.array([la.start for la in detector.layers])
        shown = np.array([la.cells.shape for la in detector.layers])
        size, fixed = (np.array(values) for values in zip(*(_grid(la.cells) for la in detector.layers), strict=True))
        first = self.first_cells(lines)[np.arange(len(layer)), layer]
        index = np.stack(np.divmod(cells - start[layer], shown[layer, 1]), -1) + first
        transverse = (index + 0.5 - fixed[layer] / 2) * size[layer]
        return np.column_stack([transverse, detector.cell_centres[cells, 2]])

    def locate(self, lines: Lines, points: Floats) -> Indices:
        """Readout cells (n,) of points (n, 3) [mm] in the windows of lines (n); -1 outside."""
        return self._detector.locate(points, self.first_cells(lines))


def impact(detector: "Detector", theta: ArrayLike, phi: ArrayLike, position: ArrayLike) -> Floats:
    """Impact x, y (N, 2) [mm] of lines from the entry points (N, 3) [mm] on the front of the centre layer."""
    azimuth, slope = np.asarray(phi), np.tan(np.asarray(theta))
    depth = detector.layers[detector.readout.centre_layer or 0].z_min
    return np.asarray(position)[:, :2] + depth * np.column_stack([slope * np.cos(azimuth), slope * np.sin(azimuth)])


def hit_cells(detector: "Detector", theta: ArrayLike, phi: ArrayLike, position: ArrayLike) -> Indices:
    """Cells of the centre layer's fixed grid that the impacts lie in (N, 2)."""
    size, grid = _grid(_centre_cells(detector))
    return np.floor(impact(detector, theta, phi, position) / size + grid / 2).astype(np.int64)


def window_offsets(detector: "Detector", theta: ArrayLike, phi: ArrayLike, position: ArrayLike) -> Indices:
    """First cells in x and y of each layer's window, as numbers in its fixed grid (N, n_layers, 2).

    A window of n cells shows n // 2 cells below the cell that holds the centre of the hit cell of the centre layer.

    Raises:
        InputError: a window leaves its grid.
    """
    size, grid = _grid(_centre_cells(detector))
    centre = (hit_cells(detector, theta, phi, position) + 0.5 - grid / 2) * size
    offsets = np.stack([_first(layer.cells, centre) for layer in detector.layers], axis=1)
    last = np.array([_grid(layer.cells)[1] - layer.cells.shape for layer in detector.layers])
    outside = ((offsets < 0) | (offsets > last)).any(axis=(1, 2))
    if outside.any():
        x, y = np.asarray(position)[outside.argmax(), :2]
        raise InputError(f"{detector.name}: the window of a particle that enters at {x:g} mm, {y:g} mm leaves the grid "
                         "of cells; enlarge cells.grid, or keep to the detector's own range of incidents")  # fmt: skip
    return offsets


def alignment(detector: "Detector", position: ArrayLike, theta: ArrayLike = 0.0, phi: ArrayLike = 0.0) -> Floats:
    """Place of the hit cell in the pattern of all layers' cells: one-hot in x, then in y (N, n_x + n_y).

    The pattern repeats after as many cells of the centre layer as the largest cell spans. The hit cell is that of the
    impact; without theta and phi it is that of the entry point.
    """
    angles = [np.broadcast_to(np.asarray(angle, np.float64), len(np.asarray(position))) for angle in (theta, phi)]
    cells = hit_cells(detector, angles[0], angles[1], position)
    return np.concatenate([np.eye(p)[cells[:, axis] % p] for axis, p in enumerate(pattern(detector))], axis=1)


def pattern(detector: "Detector") -> tuple[int, int]:
    """Cells of the centre layer in x and y after which the pattern of all layers' cells repeats."""
    sizes = np.array([_grid(layer.cells)[0] for layer in detector.layers])
    x, y = np.rint(sizes.max(axis=0) / sizes[detector.readout.centre_layer or 0]).astype(int)
    return int(x), int(y)


def fixed_starts(detector: "Detector") -> Indices:
    """First cell of each layer on the flat axis of the fixed grids, and their total number (n_layers + 1,)."""
    counts = [np.prod(layer.cells.fixed_shape, dtype=np.int64) for layer in detector.layers]
    return np.concatenate([[0], np.cumsum(counts)])


def into_window(detector: "Detector", cells: Indices, offsets: Indices) -> Indices:
    """Flat readout cells (n,) of cells on the flat axis of the fixed grids, for one shower's offsets (n_layers, 2).

    Cells outside the window give -1.
    """
    starts = fixed_starts(detector)
    layer = np.searchsorted(starts, cells, side="right") - 1
    fixed, shown = (np.array([getattr(la.cells, name) for la in detector.layers]) for name in ("fixed_shape", "shape"))
    x, y = np.divmod(cells - starts[layer], fixed[layer, 1])
    x, y = x - offsets[layer, 0], y - offsets[layer, 1]
    inside = (x >= 0) & (y >= 0) & (x < shown[layer, 0]) & (y < shown[layer, 1])
    first = np.array([la.start for la in detector.layers])
    places: Indices = np.where(inside, first[layer] + x * shown[layer, 1] + y, -1)
    return places


def _first(cells: Grid, centre: Floats) -> Indices:
    size, grid = _grid(cells)
    holding: Indices = np.floor(centre / size + grid / 2 + ROUNDING).astype(np.int64)
    below: Indices = np.array(cells.shape) // 2
    return holding - below


def _centre_cells(detector: "Detector") -> Grid:
    return detector.layers[detector.readout.centre_layer or 0].cells


def _grid(cells: Grid) -> tuple[Floats, Indices]:
    """Size [mm] and number of the cells of a fixed grid in x and y.

    Raises:
        InputError: cells that are not equal rectangles.
    """
    if cells.pitch is None:
        raise InputError("windows need cartesian cells")
    return np.array(cells.pitch), np.array(cells.fixed_shape)
