"""Longitudinal profile of a sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.extras import check_installed

SLICES = 24  # across the shower


if TYPE_CHECKING:
    from hist import Hist


@dataclass(frozen=True)
class Profile:
    """Mean energy of the showers in each readout layer; it unpacks into depth, energy and error.

    Attributes:
        depth: middles of the layers (n_layers,) [mm].
        energy: mean energy over the showers (n_layers,) [MeV].
        error: standard error of the mean (n_layers,) [MeV].
        edges: depths of the fronts of the layers and of the last one's back (n_layers + 1,) [mm].
    """

    depth: NDArray[np.float64]
    energy: NDArray[np.float64]
    error: NDArray[np.float64]
    edges: NDArray[np.float64]

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        """Depth, energy and error."""
        return iter((self.depth, self.energy, self.error))

    def to_hist(self) -> "Hist":
        """The profile as a histogram of the package `hist`: bins are layers, variances are squared errors.

        Raises:
            InputError: hist is not installed.

        Examples:
            >>> import caloforge as cf
            >>> profile = cf.produce("gflash", "calogan-ecal", "e+", "10 GeV", n=20, seed=1).profile()
            >>> profile.to_hist().axes[0].label
            'depth [mm]'
        """
        check_installed("hist")
        import hist

        found = hist.Hist(hist.axis.Variable(self.edges, name="depth", label="depth [mm]"),
                          storage=hist.storage.Weight(), label="mean energy [MeV]")  # fmt: skip
        found.values()[:] = self.energy
        found.variances()[:] = self.error**2
        return found


def along_axes(detector: Detector, cells: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Energy (n,) [MeV] in layers, and in 24 slices of x and of y, of cells (n_cells,)."""
    found = [np.bincount(detector.cell_layer, cells, len(detector.layers)).astype(np.float64)]
    for axis in (0, 1):
        place = detector.cell_centres[:, axis]
        edges = np.linspace(place.min(), place.max(), SLICES + 1)[1:-1]
        found.append(np.bincount(np.digitize(place, edges), cells, SLICES).astype(np.float64))
    return found
