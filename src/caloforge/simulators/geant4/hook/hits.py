"""Hits of fast-simulated showers, and arrays that join them with the tracked energies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.showers import Incidents, Showers
from caloforge.simulators.geant4.hook.placement import Floats, Placement

HIT = np.dtype(
    [("event", "i8"), ("shower_id", "i8"), ("cell", "i8"), ("energy", "f4"), ("position", "f8", 3), ("is_fast", "?")]
)


@dataclass(frozen=True)
class FastHits:
    """Showers of one batch, which the application adds to its hits.

    Attributes:
        event: event of each shower, int64 (N,).
        showers: incidents in the calorimeter's frame and their cells, N rows.
        placement: position and orientation of the calorimeter.
    """

    event: NDArray[np.int64]
    showers: Showers
    placement: Placement

    def records(self) -> NDArray[np.void]:
        """One record of `HIT` per cell with energy [MeV], cell centres in world coordinates [mm], `is_fast` set."""
        row, cell = np.nonzero(self.showers.energies)
        hits = np.zeros(len(row), HIT)
        hits["event"], hits["shower_id"] = self.event[row], self.showers.incidents.shower_id[row]
        hits["cell"], hits["energy"], hits["is_fast"] = cell, self.showers.energies[row, cell], True
        hits["position"] = self.placement.world(self.local_points(row, cell))
        return hits

    def local_points(self, row: NDArray[np.int64], cell: NDArray[np.int64]) -> Floats:
        """Centres (n, 3) [mm] of cells in the calorimeter's frame, from rows of showers (n,) and cell numbers (n,)."""
        return self.showers.detector.frame.centres(self.showers.incidents[row], cell)


class HitMap:
    """Energies of a run's events in a calorimeter's cells, with tracked and fast-simulated energies kept apart.

    Attributes:
        events: numbers of the events int64 (N,).
        tracked, fast: energies float32 (N, n_cells) [MeV].
    """

    def __init__(self, detector: Detector, primaries: Incidents, event: NDArray[np.int64]) -> None:
        """Create an empty map of events `event` (N,), whose readout frames may follow their `primaries` (N)."""
        self.detector, self.primaries, self.events = detector, primaries, event
        self.tracked = np.zeros((len(event), detector.n_cells), np.float32)
        self.fast = np.zeros_like(self.tracked)
        self._row = {int(name): row for row, name in enumerate(event)}

    def add(self, hits: FastHits) -> None:
        """Add fast-simulated showers; this can be the hook's `receive`."""
        rows = np.array([self._row[int(event)] for event in hits.event], np.int64)
        same = self.detector.frame.are_same(hits.showers.incidents, self.primaries[rows])
        np.add.at(self.fast, rows[same], hits.showers.energies[same])
        if not same.all():
            self._relocate(hits, rows, ~same)

    def _relocate(self, hits: FastHits, rows: NDArray[np.int64], moved: NDArray[np.bool_]) -> None:
        """Rebin hits by their cell centres into the event's readout frame; energy outside it has leaked."""
        row, cell = np.nonzero(hits.showers.energies * moved[:, None])
        target = self.detector.frame.locate(self.primaries[rows[row]], hits.local_points(row, cell))
        kept = target >= 0
        np.add.at(self.fast, (rows[row[kept]], target[kept]), hits.showers.energies[row[kept], cell[kept]])

    @property
    def total(self) -> NDArray[np.float32]:
        """Sum of tracked and fast-simulated energies (N, n_cells) [MeV]."""
        return self.tracked + self.fast

    @property
    def fast_fraction(self) -> NDArray[np.float64]:
        """Fast-simulated fraction (N,) of each event's energy; 0 in events without energy."""
        fast, total = self.fast.sum(axis=1, dtype=np.float64), self.total.sum(axis=1, dtype=np.float64)
        fraction: NDArray[np.float64] = np.divide(fast, total, out=np.zeros(len(total)), where=total > 0)
        return fraction
