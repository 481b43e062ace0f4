"""Energies above which hits are counted: the series 1, 3, 10, ... MeV between the faintest and the hottest hits."""

import math

import numpy as np
from numpy.typing import NDArray

from caloforge.showers import Showers

Floats = NDArray[np.float64]
MOST_EDGES = 7
MOST_SHOWERS = 2000


def hit_edges(showers: Showers) -> Floats:
    """At most seven energies [MeV] in ascending order.

    The first is the threshold or, without one, a value below 99.9 % of the hits. None exceeds the 99.5 % quantile of
    the hits.
    """
    cells = showers[:MOST_SHOWERS].thresholded()
    hits = cells[cells > 0]
    threshold = showers.detector.threshold
    if not len(hits):
        return np.array([threshold or 1e-3])
    low = threshold or _series_below(float(np.quantile(hits, 0.001)))
    high = max(float(np.quantile(hits, 0.995)), low)
    inner = [e for e in _series(low, high) if e > 1.5 * low]
    if len(inner) >= MOST_EDGES:
        inner = [inner[i] for i in np.linspace(0, len(inner) - 1, MOST_EDGES - 1).astype(int)]
    return np.array([low, *inner])


def _series(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [float(f"{digit}e{k}") for k in decades for digit in (1, 3) if low <= float(f"{digit}e{k}") <= high]


def _series_below(energy: float) -> float:
    return _series(energy / 10, energy)[-1]
