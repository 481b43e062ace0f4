"""Ratios of widths of responses, with and without tails, for the tables of the model pages."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 500
CENTRAL = (15.865, 84.135)  # per cent: one standard deviation of a normal to both sides


def standard(values: Floats) -> Floats:
    """Standard deviations of rows (M, N), to which few leaking showers can contribute most."""
    return np.asarray(values.std(1, ddof=1))


def central(values: Floats) -> Floats:
    """Half the range of the central 68 % of rows (M, N), which is the width without tails."""
    low, high = np.percentile(values, CENTRAL, axis=1)
    return np.asarray((high - low) / 2)


def ratio(model: Floats, reference: Floats, width: Callable[[Floats], Floats]) -> tuple[float, float]:
    """Ratio of the widths of two samples (N,) and its error by bootstrap of both."""
    random = np.random.default_rng(0)
    resampled = (s[random.integers(len(s), size=(RESAMPLES, len(s)))] for s in (model, reference))
    ratios = np.divide(*map(width, resampled))
    return float(width(model[None])[0] / width(reference[None])[0]), float(ratios.std())
