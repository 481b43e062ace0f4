"""Replay of a file of showers by shower id, which also serves as a test double."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.particles import particle_name
from caloforge.showers import Incidents, Showers, read
from caloforge.simulators.base import Simulator
from caloforge.units import counted, show_energy

ENERGY_TOLERANCE = 0.01
EVENT_STRIDE = 2**20  # shower k of an event has the id event_id * 2**20 + k in the hook


class Replay(Simulator):
    """Simulator that returns the stored shower of the same shower_id.

    With `by_event`, as inside Geant4, the first shower of event k is row k: its id is k * 2**20.

    Raises:
        InputError: the file is not a valid file of showers of the detector.
    """

    replays = True

    def __init__(self, path: Path, detector: Detector | None = None, *, by_event: bool = False) -> None:
        self._showers = read(path, detector)
        stored = np.arange(len(self._showers)) * EVENT_STRIDE if by_event else self._showers.incidents.shower_id
        self._row = {int(shower_id): row for row, shower_id in enumerate(stored)}
        self._path = path
        self.detector = self._showers.detector
        self.name = path.stem

    def simulate(self, incidents: Incidents, seed: int) -> Showers:  # noqa: ARG002
        """Stored showers, which do not depend on the seed.

        Raises:
            InputError: a shower id is unknown, a particle differs, or an energy differs by more than 1 %.
        """
        self.check(incidents)
        return Showers(self.detector, incidents, self._showers.energies[self._rows(incidents)], self.provenance())

    def check(self, incidents: Incidents) -> None:
        """Check that the file holds the showers of all incidents.

        Raises:
            InputError: a shower id is unknown, a particle differs, or an energy differs by more than 1 %.
        """
        self._check_same(incidents, self._showers.incidents[self._rows(incidents)])

    def accepts(self, incidents: Incidents) -> NDArray[np.bool_]:
        """Mask (N,) of the incidents with a stored shower of the same id, particle and energy."""
        rows = np.array([self._row.get(int(shower_id), -1) for shower_id in incidents.shower_id], np.int64)
        stored = self._showers.incidents[rows]
        same = (stored.pdg == incidents.pdg) | (stored.pdg == 0)
        return np.asarray((rows >= 0) & same & (np.abs(stored.energy / incidents.energy - 1) <= ENERGY_TOLERANCE))

    def accepts_one(self, pdg: int, energy: float, theta: float, phi: float, position: Sequence[float]) -> bool:  # noqa: ARG002
        """Always true, since the hook assigns the id of the stored shower only after it has taken the particle."""
        return True

    def _rows(self, incidents: Incidents) -> NDArray[np.int64]:
        return np.array([self._find(int(shower_id)) for shower_id in incidents.shower_id], np.int64)

    def _find(self, shower_id: int) -> int:
        if shower_id not in self._row:
            raise InputError(f"{self._path} has no shower {shower_id}; it holds {counted(len(self._row), 'shower')}")
        return self._row[shower_id]

    def _check_same(self, incidents: Incidents, stored: Incidents) -> None:
        other = np.flatnonzero((stored.pdg != incidents.pdg) & (stored.pdg != 0))
        if other.size:
            i = other[0]
            stored_name, name = (particle_name(int(pdg[i])) for pdg in (stored.pdg, incidents.pdg))
            raise InputError(f"{self._path}: shower {incidents.shower_id[i]} is of {stored_name}, not of {name}")
        off = np.flatnonzero(np.abs(stored.energy / incidents.energy - 1) > ENERGY_TOLERANCE)
        if off.size:
            i = off[0]
            raise InputError(f"{self._path}: shower {incidents.shower_id[i]} has {show_energy(stored.energy[i])}, "
                             f"the incident {show_energy(incidents.energy[i])}")  # fmt: skip

    def provenance(self) -> dict[str, Any]:
        """Provenance of the file, and its name."""
        return {"simulator": "replay", "file": self._path.name, "replayed": self._showers.provenance}

    def close(self) -> None:
        """Do nothing, since there is nothing to release."""
