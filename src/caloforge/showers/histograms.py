"""Histograms of showers as objects of the package `hist`, which holds edges, counts, labels and pictures."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError, nearest
from caloforge.extras import check_installed

if TYPE_CHECKING:
    from hist import Hist

    from caloforge.showers.container import Showers

Quantity = Literal["response", "total", "hits", "incident"]
WIDER = 1e-9  # share by which the last edge exceeds the largest value, which belongs to the last bin

LABELS = {"response": "response", "total": "energy in all cells [MeV]", "hits": "cells above the threshold",
          "incident": "incident kinetic energy [MeV]"}  # fmt: skip
VALUES: "dict[str, Callable[[Showers], NDArray[np.float64]]]" = {
    "response": lambda showers: showers.response,
    "total": lambda showers: showers.total,
    "hits": lambda showers: np.count_nonzero(showers.thresholded(), axis=1).astype(np.float64),
    "incident": lambda showers: showers.incidents.energy,
}


def histogram(showers: "Showers", quantity: Quantity, bins: int, edges: tuple[float, float] | None) -> "Hist":
    """A histogram of a quantity of N showers, as `Showers.histogram`.

    Raises:
        InputError: an unknown quantity, no showers, or hist is not installed.
    """
    check_installed("hist")
    import hist

    if quantity not in VALUES:
        raise InputError(f"no quantity '{quantity}' of showers; {nearest(quantity, get_args(Quantity))}")
    if not len(showers):
        raise InputError("no showers to histogram")
    values = VALUES[quantity](showers)
    low, high = edges or _range(values)
    if bins < 1 or not low < high:
        raise InputError(f"a histogram needs at least one bin and a range that grows, not {bins} from {low} to {high}")
    axis = hist.axis.Regular(bins, low, high, name=quantity, label=LABELS[quantity])
    found = hist.Hist(axis, storage=hist.storage.Double(), label="showers")
    found.fill(values)
    return found


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Lowest and highest value; around a constant, a range of its own size."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        margin = 0.5 * abs(low) or 0.5
        return low - margin, high + margin
    return low, high + WIDER * (high - low)
