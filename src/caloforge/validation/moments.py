"""Lateral moments of the energy in each layer, from which observables and classifier features are computed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector, Layer

Floats = NDArray[np.float64]
Energies = NDArray[np.floating]
CHUNK_VALUES = 2**23  # cells in memory at once: 64 MiB in float64
TINY = 1e-16  # as in CaloChallenge's HighLevelFeatures.py; an empty layer has centre and width zero


@dataclass(frozen=True)
class Moments:
    """Moments of the energy in each layer, all (N, n_layers).

    Attributes:
        energy: energy of the layer [MeV].
        centre: energy-weighted mean of x, y, r [mm], by name; 0 in empty layers.
        width: energy-weighted standard deviation of x, y, r [mm], by name; 0 in empty layers.
        occupancy: share of cells with energy.
    """

    energy: Floats
    centre: dict[str, Floats]
    width: dict[str, Floats]
    occupancy: Floats


def chunks(energies: Energies) -> Iterator[slice]:
    """Slices of rows, each with at most `CHUNK_VALUES` cells."""
    step = max(1, CHUNK_VALUES // max(1, energies.shape[1]))
    return (slice(start, start + step) for start in range(0, len(energies), step))


def coordinates(layer: Layer) -> Floats:
    """x, y, r of the layer's cell centres (n, 3) [mm]."""
    return np.column_stack([layer.cells.centres, layer.cells.radii])


def lateral_moments(detector: Detector, energies: Energies) -> Moments:
    """Energy, centres, widths and occupancy of each layer of cells (N, n_cells) [MeV].

    The centre is sum(x E) / (sum(E) + 1e-16). The width is the square root of sum(x^2 E) / (sum(E) + 1e-16) - centre^2,
    which is clipped at zero. Source: CaloChallenge's HighLevelFeatures.py.
    """
    n, n_layers = len(energies), len(detector.layers)
    sums = np.empty((n, n_layers, 7))
    occupied = np.empty((n, n_layers))
    weights = [_weights(layer) for layer in detector.layers]
    for rows in chunks(energies):
        for k, layer in enumerate(detector.layers):
            cells = energies[rows, layer.slice].astype(np.float64)
            sums[rows, k] = cells @ weights[k]
            occupied[rows, k] = (cells > 0).mean(axis=1)
    energy = sums[..., 0]
    first, second = (sums[..., 1:4] / (energy + TINY)[..., None], sums[..., 4:7] / (energy + TINY)[..., None])
    width = np.sqrt((second - first**2).clip(min=0))
    axes = ("x", "y", "r")
    return Moments(
        energy,
        {axis: first[..., i] for i, axis in enumerate(axes)},
        {axis: width[..., i] for i, axis in enumerate(axes)},
        occupied,
    )


def _weights(layer: Layer) -> Floats:
    """Columns 1, x, y, r, x^2, y^2, r^2 of the layer's cells (n, 7)."""
    position = coordinates(layer)
    return np.column_stack([np.ones(len(position)), position, position**2])
