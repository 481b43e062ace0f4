"""Observables of showers: functions of a detector and cell energies (N, n_cells) [MeV], thresholded by the caller.

Undefined values (such as the centre of an empty layer) are NaN. Layers may have any grid and any number.
"""

import numpy as np

from caloforge.detector import Detector, Layer
from caloforge.validation.moments import Energies, Floats, Moments, chunks, coordinates

START_SHARE = 0.01
AXES = {"x": "mm", "y": "mm", "r": "mm", "phi": "rad"}


def total_energy(detector: Detector, energies: Energies) -> Floats:
    """Energy in all cells (N,) [MeV]."""
    return np.asarray(layer_energies(detector, energies).sum(axis=1))


def response(detector: Detector, energies: Energies, incident: Floats) -> Floats:
    """E / (sampling fraction E_inc) (N,), as `Detector.response`; incident energies (N,) [MeV]."""
    return total_energy(detector, energies) / (detector.readout.sampling_fraction * incident)


def layer_energies(detector: Detector, energies: Energies) -> Floats:
    """Energy in each layer (N, n_layers) [MeV]: the longitudinal profile."""
    return np.concatenate([detector.sum_layers(energies[rows]) for rows in chunks(energies)])


def fractions(layers: Floats) -> Floats:
    """Share of each layer in the total energy (N, n_layers); NaN for empty showers."""
    return _divide(layers, layers.sum(axis=1, keepdims=True))


def depth_centre(detector: Detector, layers: Floats) -> Floats:
    """Shower centre in depth (N,) [mm]: the first moment of the longitudinal profile."""
    return fractions(layers) @ _depths(detector)


def depth_width(detector: Detector, layers: Floats) -> Floats:
    """Root of the second central moment of the longitudinal profile (N,) [mm]."""
    share, z = fractions(layers), _depths(detector)
    return np.asarray(np.sqrt((share @ z**2 - (share @ z) ** 2).clip(min=0)))


def shower_maximum(detector: Detector, layers: Floats) -> Floats:
    """Depth of the layer with the largest energy per length (N,) [mm]."""
    thickness = np.array([layer.z_max - layer.z_min for layer in detector.layers])
    depth = _depths(detector)[np.argmax(layers / thickness, axis=1)]
    return np.where(layers.sum(axis=1) > 0, depth, np.nan)


def start_layer(layers: Floats) -> Floats:
    """First layer (N,) that holds over 1 % of the shower's energy."""
    share = fractions(layers)
    return np.where(np.isnan(share[:, 0]), np.nan, np.argmax(share > START_SHARE, axis=1))


def rear_leakage(layers: Floats) -> Floats:
    """Share of the last layer in the total energy (N,), a measure of rear leakage."""
    return fractions(layers)[:, -1]


def side_leakage(detector: Detector, energies: Energies) -> Floats:
    """Share of the outermost cells of all layers in the total energy (N,), a measure of side leakage."""
    rim = np.concatenate([layer.cells.rim() for layer in detector.layers])
    outer = np.concatenate([energies[rows][:, rim].sum(axis=1, dtype=np.float64) for rows in chunks(energies)])
    return _divide(outer, total_energy(detector, energies))


def sparsity(energies: Energies) -> Floats:
    """Share of cells without energy (N,)."""
    return np.concatenate([1 - (energies[rows] > 0).mean(axis=1) for rows in chunks(energies)])


def hottest_cells(energies: Energies) -> tuple[Floats, Floats]:
    """Energy of the hottest and the second-hottest cell (N,) [MeV] each."""
    if energies.shape[1] < 2:
        return energies[:, 0].astype(np.float64), np.zeros(len(energies))
    top = np.concatenate([np.partition(energies[rows], -2, axis=1)[:, -2:] for rows in chunks(energies)])
    return top[:, 1].astype(np.float64), top[:, 0].astype(np.float64)


def hottest_ratio(energies: Energies) -> Floats:
    """Second-hottest over hottest cell (N,)."""
    first, second = hottest_cells(energies)
    return _divide(second, first)


def defined(moments: Moments, kind: str, axis: str) -> Floats:
    """Centres or widths (N, n_layers) [mm] along x, y or r; NaN in empty layers."""
    values: Floats = getattr(moments, kind)[axis]
    return np.where(moments.energy > 0, values, np.nan)


def lateral_edges(layer: Layer, axis: str) -> Floats:
    """Bin edges of the lateral profile along x, y, r [mm] or phi [rad]; cell edges if cells are divided along it."""
    return layer.cells.edges_along(axis)


def lateral_profile(detector: Detector, energies: Energies, layer: int, axis: str) -> Floats:
    """Energy per bin of `lateral_edges` (N, n_bins) [MeV] in one layer, along x, y, r or phi.

    A cell belongs to the bin of its centre. In windows (frame "window") x runs along eta and y along phi.
    """
    chosen = detector.layers[layer]
    edges = lateral_edges(chosen, axis)
    index = np.searchsorted(edges, _coordinate(chosen, axis), side="right") - 1
    belongs = np.equal.outer(index.clip(0, len(edges) - 2), np.arange(len(edges) - 1)).astype(np.float64)
    return np.concatenate([energies[rows, chosen.slice] @ belongs for rows in chunks(energies)])


def cell_spectrum(energies: Energies, edges: Floats) -> Floats:
    """Number of cells of all showers per bin of energy (n_bins,), for edges [MeV]."""
    counts = np.zeros(len(edges) - 1)
    for rows in chunks(energies):
        counts += np.histogram(energies[rows], edges)[0]
    return counts


def correlations(values: Floats) -> Floats:
    """Pearson correlations (K, K) of columns (N, K), in which NaN are replaced by the mean."""
    centred = values - np.nanmean(values, axis=0)
    centred = np.where(np.isnan(centred), 0, centred)
    norm = np.sqrt((centred**2).sum(axis=0))
    norm[norm == 0] = np.inf
    scaled = centred / norm
    return np.asarray(scaled.T @ scaled)


def _coordinate(layer: Layer, axis: str) -> Floats:
    if axis == "phi":
        x, y = layer.cells.centres.T
        return np.asarray(np.arctan2(y, x) % (2 * np.pi))
    return coordinates(layer)[:, "xyr".index(axis)]


def _depths(detector: Detector) -> Floats:
    return np.array([layer.z for layer in detector.layers])


def _divide(a: Floats, b: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b > 0, a / b, np.nan)
