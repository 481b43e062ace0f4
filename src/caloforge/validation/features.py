"""Inputs of the classifiers: one matrix of features per view of the showers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.showers import Showers
from caloforge.validation.moments import Energies, Floats, lateral_moments

Matrix = NDArray[Any]
EMPTY = 1e-8  # MeV; added before logarithms, as in CaloChallenge's evaluate.py
VIEWS = ("low", "low_normed", "high", "log", "fixed")


def high_level(showers: Showers) -> Floats:
    """CaloChallenge's high-level features (N, 2 + n_layers (4 to 8)) of showers above threshold.

    In order, they are log10 E_inc; log10(E_layer + 1e-8); centres x, y and widths x, y over 100 mm for divided layers;
    log10(E_tot + 1e-8); sparsity per layer; centre and width in r over 100 mm. Energies are in MeV, divided by the
    sampling fraction. Source: `prepare_high_data_for_classifier` of CaloChallenge's evaluate.py (commit 9b41df72).
    """
    scale = 1 / showers.detector.readout.sampling_fraction
    moments = lateral_moments(showers.detector, showers.thresholded())
    layers, total = moments.energy * scale, moments.energy.sum(axis=1, keepdims=True) * scale
    divided = divided_layers(showers.detector)
    return np.concatenate(
        [
            np.log10(showers.incidents.energy)[:, None],
            np.log10(layers + EMPTY),
            *(m[axis][:, divided] / 100 for m in (moments.centre, moments.width) for axis in ("x", "y")),
            np.log10(total + EMPTY),
            1 - moments.occupancy,
            moments.centre["r"] / 100,
            moments.width["r"] / 100,
        ],
        axis=1,
    )


def divided_layers(detector: Detector) -> NDArray[np.intp]:
    """Numbers of the layers in which x and y are measured: rings divided in phi, or more than one rectangle."""
    return np.flatnonzero([layer.cells.is_divided for layer in detector.layers])


def low(showers: Showers) -> Matrix:
    """log10 E_inc and cells over E_inc (N, 1 + n_cells)."""
    scale = (showers.detector.readout.sampling_fraction * showers.incidents.energy).astype(np.float32)
    return _with_energy(showers, showers.thresholded() / scale[:, None])


def low_normed(showers: Showers, *, raw: bool = False) -> Matrix:
    """log10 E_inc, cells over their layer's energy, and log10(E_layer + 1e-8) (N, 1 + n_cells + n_layers).

    With `raw` only the layer energies are thresholded, and the cells are not, as in CaloChallenge's script.
    """
    above, detector = showers.thresholded(), showers.detector
    layers = detector.sum_layers(above)
    cells = showers.energies.copy() if raw else above
    for k, layer in enumerate(detector.layers):
        cells[:, layer.slice] /= (layers[:, k, None] + 1e-16).astype(np.float32)
    logs = np.log10(layers / detector.readout.sampling_fraction + EMPTY)
    return np.concatenate([_with_energy(showers, cells), logs.astype(np.float32)], axis=1)


def caloflow_cells(showers: Showers, *, normed: bool) -> Floats:
    """Inputs of CaloFlow's classifier (N, n_cells + 1 + n_layers) of float64.

    Cells below threshold are empty. With `normed` they are in units of their layer's energy, otherwise of 100 GeV. Then
    come log10(E_inc / 10 GeV) and log10(E_layer / 100 GeV + 1e-8) + 2 of each layer, whose energies hold all cells.
    Source: C. Krause and D. Shih, arXiv:2106.05285, section 5, and the authors' classifier.
    """
    detector, unit = showers.detector, 1e5 * showers.detector.readout.sampling_fraction
    cells = showers.thresholded().astype(np.float64) / unit
    layers = detector.sum_layers(showers.energies.astype(np.float64)) / unit
    if normed:
        for k, layer in enumerate(detector.layers):
            cells[:, layer.slice] /= layers[:, k, None] + 1e-16
    incident = np.log10(showers.incidents.energy / 1e4)[:, None]
    return np.concatenate([cells, incident, np.log10(layers + EMPTY) + 2], axis=1)


def log(showers: Showers) -> Matrix:
    """log10 E_inc and log10 of the cells over the threshold (N, 1 + n_cells); empty cells are 0."""
    cells = showers.thresholded()
    return _with_energy(showers, np.log10(np.maximum(cells, lowest(showers.detector)) / lowest(showers.detector)))


def lowest(detector: Detector) -> np.float32:
    """Energy [MeV] that replaces empty cells in logarithms: the lowest threshold, or 1 eV if there is none."""
    return np.float32(detector.threshold or 1e-6)


def fixed(showers: Showers) -> Floats:
    """High-level features for showers of nearly one energy, with energies relative to the incident energy.

    E_tot / E_inc replaces log10 E_tot, and E_layer / E_inc replaces log10 E_layer, so that the spread of incident
    energies does not hide the resolution.
    """
    values, n_layers = high_level(showers), len(showers.detector.layers)
    log_incident = values[:, :1]
    total = values.shape[1] - 3 * n_layers - 1
    values[:, 1 : 1 + n_layers] = 10 ** (values[:, 1 : 1 + n_layers] - log_incident)
    values[:, total] = 10 ** (values[:, total] - log_incident[:, 0])
    return values


def _with_energy(showers: Showers, cells: Energies) -> Matrix:
    return np.concatenate([np.log10(showers.incidents.energy)[:, None].astype(cells.dtype), cells], axis=1)


def narrow_slice(energy: Floats, least: int = 500, share: float = 0.1) -> tuple[float, float]:
    """Limits [MeV] of the slice around the median energy that holds the `share` of showers, and at least `least`."""
    part = min(1.0, max(share, least / len(energy)))
    low_edge, high_edge = np.quantile(energy, [0.5 - part / 2, 0.5 + part / 2])
    return float(low_edge), float(high_edge)


BUILD: dict[str, Callable[[Showers], Matrix]] = {
    "low": low,
    "low_normed": low_normed,
    "high": high_level,
    "log": log,
    "fixed": fixed,
}
