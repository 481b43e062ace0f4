"""Check numbers from files before use."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError


@dataclass
class CellCheck:
    """Check cell energies [MeV] block by block, and set those between minus the threshold and zero to zero.

    Rounding makes cells of generated samples negative; the readout's threshold would set them to zero anyway.

    Attributes:
        threshold: threshold of the readout [MeV].
        negative: number of cells that were set to zero; lowest: the lowest of them [MeV].
    """

    threshold: float
    negative: int = 0
    lowest: float = 0.0

    def apply(self, energies: NDArray[Any]) -> None:
        """Check a block of energies and set small negative ones to zero, in place.

        Raises:
            InputError: energies that are not finite, or negative by more than the threshold.
        """
        if not energies.size:
            return
        lowest, highest = float(energies.min()), float(energies.max())  # NaN if any value is NaN
        if not (np.isfinite(lowest) and np.isfinite(highest)):
            raise InputError("showers hold values that are not finite")
        if lowest >= 0:
            return
        if lowest <= -self.threshold:
            raise InputError(f"showers hold negative energies, the lowest is {lowest:g} MeV")
        self.negative += int(np.count_nonzero(energies < 0))
        self.lowest = min(self.lowest, lowest)
        np.maximum(energies, 0, out=energies)

    @property
    def note(self) -> str | None:
        """Sentence on the number of cells set to zero and the lowest; None without such cells."""
        if not self.negative:
            return None
        return f"{self.negative} negative cell energies read as zero, the lowest is {self.lowest:g} MeV"


def noted(provenance: dict[str, Any], note: str | None) -> dict[str, Any]:
    """Provenance with a note on changes made while reading."""
    return provenance if note is None else provenance | {"notes": [*notes(provenance), note]}


def notes(provenance: dict[str, Any]) -> list[str]:
    """Changes made while reading, in sentences."""
    found = provenance.get("notes")
    return [str(note)[:300] for note in found[:10]] if isinstance(found, list) else []


def whole_numbers(values: NDArray[Any], dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    """Convert numbers of any type to integers of a type.

    Raises:
        InputError: numbers that are not whole, not finite, or outside the range of the type.
    """
    limits = np.iinfo(dtype)
    if values.size and not (values.min() >= limits.min and values.max() <= limits.max):
        raise InputError(f"{name} is not finite or leaves the range of {dtype}")
    if values.dtype.kind == "f" and not (values == np.rint(values)).all():
        raise InputError(f"{name} holds numbers that are not whole")
    return values.astype(dtype)


def fast_energies(values: NDArray[Any]) -> NDArray[np.float64]:
    """Fast-simulated energies [MeV], checked.

    Raises:
        InputError: negative or not finite.
    """
    if values.size and not (values.min() >= 0 and values.max() < np.inf):
        raise InputError("fast_energy is negative or not finite")
    return values.astype(np.float64)
