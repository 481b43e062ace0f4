"""Read showers of an open file by ranges of rows in blocks; memory holds the result and one block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.limits import MAX_BYTES, MAX_SHOWERS
from caloforge.showers.container import Showers
from caloforge.showers.incidents import Incidents
from caloforge.showers.values import CellCheck, noted

BLOCK = 2**22  # cells read at a time
SURPLUS = 2.0  # visible over incident energy above which layout or detector must be wrong
REST_ENERGY = 2000.0  # [MeV] mass of two nucleons, which an antinucleon adds to its kinetic energy


@dataclass(frozen=True)
class Table:
    """Showers of an open file.

    Attributes:
        detector: the detector.
        incidents: incidents of all N showers.
        cells: energies (n, n_cells) [MeV] of the rows from the first number on and below the second.
        provenance: provenance in the file, or the fact that a file was read.
        fast_energy: as in `Showers`, of all rows; None if there is none.
        step: number of rows that the file stores together.
        checked: whether visible energies are compared with incident ones, since the file does not tell its units.
    """

    detector: Detector
    incidents: Incidents
    cells: Callable[[int, int], NDArray[Any]]
    provenance: dict[str, Any]
    fast_energy: NDArray[np.float64] | None = None
    step: int = 1
    checked: bool = True
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.incidents)

    @property
    def block(self) -> int:
        """Rows of a block: as many whole steps of the file as fit."""
        return max(1, BLOCK // (self.detector.n_cells * self.step)) * self.step

    def bounds(self, rows: slice) -> tuple[int, int]:
        """First row of a range, and the row behind its last.

        Raises:
            InputError: rows that are not one after the other.
        """
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise InputError("rows of a file are read one after the other; slice the result instead")
        return start, max(start, stop)

    def read(self, rows: slice = slice(None)) -> Showers:
        """Read a range of rows.

        Raises:
            InputError: energies or incidents that make no sense, or more showers than one sample can hold.
        """
        start, stop = self.bounds(rows)
        n, cells = stop - start, self.detector.n_cells
        if n > MAX_SHOWERS or 4 * n * cells > MAX_BYTES:
            raise InputError(f"{n} showers of {cells} cells need {4 * n * cells / 2**30:.0f} GiB; read a range of rows")
        energies, check = np.empty((n, cells), np.float32), CellCheck(self.detector.threshold)
        for first, last in self._blocks(start, stop):
            self._fill(energies[first - start : last - start], first, last, check)
        return self._showers(slice(start, stop), energies, check)

    def chunks(self, rows: slice = slice(None)) -> Iterator[Showers]:
        """Read a range of rows block by block.

        Raises:
            InputError: energies or incidents that make no sense.
        """
        check = CellCheck(self.detector.threshold)
        for first, last in self._blocks(*self.bounds(rows)):
            energies = np.empty((last - first, self.detector.n_cells), np.float32)
            self._fill(energies, first, last, check)
            yield self._showers(slice(first, last), energies, check)

    def _blocks(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Bounds of blocks that begin with the file's own."""
        begin = start
        while begin < stop:
            end = min(stop, (begin // self.block + 1) * self.block)
            yield begin, end
            begin = end

    def _fill(self, energies: NDArray[np.float32], first: int, last: int, check: CellCheck) -> None:
        with np.errstate(over="ignore"):  # values too large for float32 become infinite
            energies[:] = self.cells(first, last)
        check.apply(energies)
        if self.checked and self.detector.quantity == "deposit":
            self._check_visible(energies, self.incidents.energy[first:last])

    def _check_visible(self, energies: NDArray[np.float32], incident: NDArray[np.float64]) -> None:
        """Refuse showers that hold more energy than their incidents."""
        fraction = self.detector.readout.sampling_fraction
        visible, came = energies.sum(dtype=np.float64), incident.sum()
        if visible > SURPLUS * fraction * (came + REST_ENERGY * len(incident)):
            raise InputError(
                f"cells hold {visible / (fraction * came):.3g} times the energy that came in (sampling fraction "
                f"{fraction:g}): another layout or detector? CaloChallenge files are read with --format calochallenge"
            )

    def _showers(self, rows: slice, energies: NDArray[np.float32], check: CellCheck) -> Showers:
        provenance = self.provenance
        for note in self.notes:
            provenance = noted(provenance, note)
        fast = None if self.fast_energy is None else self.fast_energy[rows]
        return Showers(self.detector, self.incidents[rows], energies, noted(provenance, check.note), fast)
