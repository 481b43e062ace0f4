"""Summarise a sample of showers in a few numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.showers.domain import Domain
from caloforge.showers.incidents import Incidents
from caloforge.showers.table import Table

MOST = 20_000  # most showers in the averages
WIDTH = 40  # characters of the longest bar
ROWS = 30  # most lines of the profile


@dataclass(frozen=True)
class Overview:
    """Means of showers.

    Attributes:
        n: number of showers in the averages.
        response: mean and standard deviation of the response, as `Showers.response`.
        hits: mean number of cells above the threshold.
        layers: mean energy of each layer [MeV], cells below the threshold left out.
    """

    n: int
    response: tuple[float, float]
    hits: float
    layers: NDArray[np.float64]

    @classmethod
    def of(cls, table: Table, most: int = MOST) -> "Overview":
        """Means of the first showers of a table.

        Raises:
            InputError: impossible energies.
        """
        responses, hits, layers, n = [np.zeros(0)], 0, np.zeros(len(table.detector.layers)), 0
        for block in table.chunks(slice(most)):
            responses.append(block.response)
            hits += int(np.count_nonzero(block.energies >= np.maximum(table.detector.thresholds, 1e-30)))
            layers += block.layers.sum(0)
            n += len(block)
        every, safe = np.concatenate(responses), max(n, 1)
        response = (float(every.mean()), float(every.std())) if n else (0.0, 0.0)
        return cls(n, response, hits / safe, layers / safe)

    @property
    def numbers(self) -> dict[str, Any]:
        """The means as JSON values."""
        mean, std = self.response
        return {"averaged": self.n, "response": {"mean": mean, "std": std}, "hits": self.hits,
                "layers_MeV": self.layers.tolist()}  # fmt: skip


def ranges(incidents: Incidents) -> dict[str, Any]:
    """Particles and ranges of incidents [MeV, rad, mm] as JSON values; ranges are None without incidents."""
    if not len(incidents):
        return {"particles": [], "energy": None, "theta": None, "phi": None, "position": None}
    domain = Domain.of(incidents)
    found = {name: list(getattr(domain, name)) for name in ("energy", "theta", "phi")}
    return {"particles": incidents.particles} | found | {"position": [list(side) for side in domain.position]}


def sketch(detector: Detector, layers: NDArray[np.float64]) -> list[str]:
    """Longitudinal profile as lines of text, one per layer, or per group of layers if there are many."""
    together = -(-len(layers) // ROWS)
    groups = [slice(first, min(first + together, len(layers))) for first in range(0, len(layers), together)]
    sums = np.array([layers[group].sum() for group in groups])
    longest = max(sums.max(initial=0.0), 1e-30)
    lines = []
    for group, value in zip(groups, sums, strict=True):
        name = f"{group.start}" if group.stop - group.start == 1 else f"{group.start}-{group.stop - 1}"
        begin, end = detector.layers[group.start].z_min, detector.layers[group.stop - 1].z_max
        depth = f"{begin:.4g}-{end:.4g} mm"
        lines.append(f"{name:>7} {depth:>17} {value:>10.4g} MeV {'#' * round(WIDTH * value / longest)}".rstrip())
    return lines
