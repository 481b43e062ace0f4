"""Shower shapes of photon identification, for detectors whose layers allow them.

Definitions are those of ATLAS photon identification (Eur. Phys. J. C 79 (2019) 205, table 1). eta is the axis that the
strips divide finely, and phi the other axis. Sizes are in cells of the layer.
"""

from collections.abc import Callable

import numpy as np

from caloforge.detector import Detector, Grid, Layer
from caloforge.validation.moments import Energies, Floats, chunks

STRIP_ASPECT = 4.0  # least ratio of length to width of a strip
WINDOW = 7


def middle_layer(detector: Detector) -> Layer | None:
    """The thickest layer with at least 7 x 7 cells other than strips; among equals, the nearest to 1/3 of the depth."""
    found = [layer for layer in detector.layers if _is_pads(layer)]
    return max(
        found, key=lambda layer: (round(layer.z_max - layer.z_min, 6), -abs(layer.z - detector.depth / 3)), default=None
    )


def strip_layer(detector: Detector) -> Layer | None:
    """The first layer of strips: at least ten cells that are at least four times longer than wide."""
    return next((layer for layer in detector.layers if _is_strips(layer)), None)


def photon_shapes(detector: Detector, energies: Energies) -> dict[str, Floats]:
    """Shower shapes (N,) by name: R_eta, R_phi, w_eta2 from the middle layer, and w_s3, E_ratio from the strips.

    R_eta = E(3 x 7) / E(7 x 7) and R_phi = E(3 x 3) / E(3 x 7) around the hottest cell (first number along eta). w_eta2
    is the width in eta of 3 x 5 cells [cells], and w_s3 the width of three strips around the hottest [strips]. E_ratio
    is the contrast (E1 - E2) / (E1 + E2) of the two highest local maxima among the strips. Shapes for which the
    detector has no layer are left out.
    """
    shapes: dict[str, Floats] = {}
    middle, strips = middle_layer(detector), strip_layer(detector)
    eta_axis = _fine_axis(strips) if strips else 0
    if middle:
        shapes |= _in_chunks(energies[:, middle.slice], lambda e: _pads(e.reshape(-1, *middle.cells.shape), eta_axis))
    if strips:
        shapes |= _in_chunks(energies[:, strips.slice], lambda e: _strips(e.reshape(-1, *strips.cells.shape), eta_axis))
    return shapes


def _in_chunks(energies: Energies, shapes: Callable[[Floats], dict[str, Floats]]) -> dict[str, Floats]:
    parts = [shapes(energies[rows].astype(np.float64)) for rows in chunks(energies)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _pads(cells: Floats, eta_axis: int) -> dict[str, Floats]:
    window = _windows_on_hottest_cells(cells if eta_axis == 0 else cells.swapaxes(1, 2))
    e37, e77 = window[:, 2:5].sum(axis=(1, 2)), window.sum(axis=(1, 2))
    e33 = window[:, 2:5, 2:5].sum(axis=(1, 2))
    along = window[:, 2:5, 1:6].sum(axis=2)
    return {
        "r_eta": _ratio(e37, e77),
        "r_phi": _ratio(e33, e37),
        "w_eta2": _spread(along, np.arange(3.0)),
    }


def _strips(cells: Floats, eta_axis: int) -> dict[str, Floats]:
    along = cells.sum(axis=2 - eta_axis)
    padded = np.pad(along, ((0, 0), (1, 1)))
    hottest = along.argmax(axis=1)
    three = padded[np.arange(len(along))[:, None], hottest[:, None] + np.arange(3)]
    peak = (along >= padded[:, :-2]) & (along > padded[:, 2:])
    top = np.sort(np.where(peak, along, 0), axis=1)[:, -2:]
    return {
        "w_s3": np.sqrt(_ratio(three[:, 0] + three[:, 2], three.sum(axis=1))),
        "e_ratio": _ratio(top[:, 1] - top[:, 0], top[:, 1] + top[:, 0]),
    }


def _windows_on_hottest_cells(cells: Floats) -> Floats:
    """Windows (N, 7, 7) around each shower's hottest cell; cells outside the layer have no energy."""
    n, _, width = cells.shape
    hottest = cells.reshape(n, -1).argmax(axis=1)
    padded = np.pad(cells, ((0, 0), (3, 3), (3, 3)))
    offset = np.arange(WINDOW)
    row, column = (index[:, None] + offset for index in np.divmod(hottest, width))
    return np.asarray(padded[np.arange(n)[:, None, None], row[:, :, None], column[:, None, :]])


def _spread(energy: Floats, position: Floats) -> Floats:
    mean = _ratio(energy @ position, energy.sum(axis=1))
    return np.asarray(np.sqrt((_ratio(energy @ position**2, energy.sum(axis=1)) - mean**2).clip(min=0)))


def _ratio(a: Floats, b: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b > 0, a / b, np.nan)


def _aspect(cells: Grid) -> float:
    """Length of rectangles over their width; 0 for other cells."""
    return max(cells.pitch) / min(cells.pitch) if cells.pitch else 0.0


def _fine_axis(layer: Layer) -> int:
    return int(np.argmin(layer.cells.pitch or (0.0, 0.0)))


def _is_pads(layer: Layer) -> bool:
    return min(layer.cells.shape) >= WINDOW and 0 < _aspect(layer.cells) < STRIP_ASPECT


def _is_strips(layer: Layer) -> bool:
    return _aspect(layer.cells) >= STRIP_ASPECT and layer.cells.shape[_fine_axis(layer)] >= 10
