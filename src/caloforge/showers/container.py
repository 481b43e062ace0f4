"""Showers: incidents and the energy they leave in each cell."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import incidents as inc
from caloforge.showers.incidents import Incidents

Provenance = dict[str, Any]


@dataclass(frozen=True)
class Showers:
    """N showers in one detector.

    Attributes:
        detector: the detector.
        incidents: what caused them (N).
        energies: deposited energies float32 (N, n_cells) [MeV], raw: no threshold applied.
        provenance: simulator, versions, physics, seed, command.
    """

    detector: Detector
    incidents: Incidents
    energies: NDArray[np.float32]
    provenance: Provenance = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = (len(self.incidents), self.detector.n_cells)
        if self.energies.shape != expected:
            raise InputError(
                f"showers have shape {self.energies.shape}, but {expected[0]} incidents in "
                f"{self.detector.name} need {expected}"
            )

    def __len__(self) -> int:
        return len(self.incidents)

    def __getitem__(self, rows: Any) -> "Showers":
        """Rows given by a slice, indices or a mask."""
        return replace(self, incidents=self.incidents[rows], energies=self.energies[rows])

    def thresholded(self) -> NDArray[np.float32]:
        """Energies with cells below the detector's threshold set to zero (N, n_cells) [MeV]."""
        return np.where(self.energies >= np.float32(self.detector.readout.threshold), self.energies, np.float32(0))


def concatenate(parts: Sequence[Showers]) -> Showers:
    """Join showers of one detector in order, with the provenance of the first."""
    energies = np.concatenate([part.energies for part in parts])
    return Showers(parts[0].detector, inc.concatenate([p.incidents for p in parts]), energies, parts[0].provenance)
