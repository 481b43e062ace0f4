"""Showers: incidents and their energy in each cell."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from caloforge import units
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import incidents as inc
from caloforge.showers.histograms import Quantity
from caloforge.showers.incidents import Incidents
from caloforge.showers.profile import Profile

if TYPE_CHECKING:
    from hist import Hist
    from matplotlib.figure import Figure

Provenance = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Showers:
    """N showers in one detector.

    Attributes:
        detector: the detector.
        incidents: the incident particles (N).
        energies: energies of the cells float32 (N, n_cells) [MeV] without a threshold; deposits or signals, as
            `detector.quantity` says.
        provenance: simulator, versions, physics, seed, command.
        fast_energy: fast-simulated part of each shower inside Geant4, float64 (N,) [MeV]; None if one simulator made
            everything.
    """

    detector: Detector
    incidents: Incidents
    energies: NDArray[np.float32]
    provenance: Provenance = field(default_factory=dict)
    fast_energy: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name, kind in (("detector", Detector), ("incidents", Incidents), ("energies", np.ndarray)):
            if not isinstance(getattr(self, name), kind):
                given = type(getattr(self, name)).__name__
                raise InputError(f"showers: {name} must be of the type {kind.__name__}, not {given}")
        expected = (len(self.incidents), self.detector.n_cells)
        if self.energies.shape != expected:
            raise InputError(
                f"showers have shape {self.energies.shape}, but {expected[0]} incidents in "
                f"{self.detector.name} need {expected}"
            )
        if self.fast_energy is not None and self.fast_energy.shape != expected[:1]:
            raise InputError(f"showers: fast_energy has shape {self.fast_energy.shape}, not {expected[:1]}")

    def __len__(self) -> int:
        return len(self.incidents)

    def __getitem__(self, rows: Any) -> "Showers":
        """Select showers by an index, a slice, indices or a mask; one index gives N = 1 shower."""
        rows = inc.as_rows(rows)
        fast = None if self.fast_energy is None else self.fast_energy[rows]
        return replace(self, incidents=self.incidents[rows], energies=self.energies[rows], fast_energy=fast)

    def __iter__(self) -> Iterator["Showers"]:
        """Iterate over the showers, each with N = 1."""
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Whether detector, incidents and energies are equal to the bit; provenance is not compared."""
        if not isinstance(other, Showers):
            return NotImplemented
        return (
            self.detector == other.detector
            and self.incidents == other.incidents
            and np.array_equal(self.energies, other.energies)
            and _same(self.fast_energy, other.fast_energy)
        )

    def __repr__(self) -> str:
        said = repr(self.incidents).partition("(")[2].rstrip(")")
        maker = self.provenance.get("simulator")
        by = f", made by {maker}" if isinstance(maker, str) else ""
        return f"Showers({said}, in {self.detector.name}: {units.counted(self.detector.n_cells, 'cell')}{by})"

    def _repr_html_(self) -> str:
        """HTML for notebooks: one line and the longitudinal profile."""
        from caloforge.showers.picture import small

        picture = small(self.profile(), repr(self)) if len(self) else ""
        return f"<div><code>{escape(repr(self))}</code><br>{picture}</div>"

    @property
    def layers(self) -> NDArray[np.float64]:
        """Energy in each readout layer (N, n_layers) [MeV], without cells below the threshold."""
        return self.detector.sum_layers(self.thresholded())

    @property
    def total(self) -> NDArray[np.float64]:
        """Energy in all cells (N,) [MeV], without cells below the threshold."""
        return np.asarray(self.layers.sum(axis=1))

    @property
    def response(self) -> NDArray[np.float64]:
        """Total over sampling fraction times incident kinetic energy (N,), as on the command line and in reports."""
        return self.detector.response(self.thresholded(), self.incidents.energy)

    def profile(self) -> Profile:
        """Mean energy in each readout layer against depth, with its statistical error.

        Examples:
            >>> import caloforge as cf
            >>> showers = cf.produce("gflash", "calogan-ecal", "e+", "10 GeV", n=20, seed=1)
            >>> showers.profile().energy.shape
            (3,)
        """
        if not len(self):
            raise InputError("no showers to average")
        layers = self.layers
        depth = np.array([layer.z for layer in self.detector.layers])
        edges = np.array([0.0, *(layer.z_max for layer in self.detector.layers)])
        return Profile(depth, layers.mean(axis=0), layers.std(axis=0) / len(self) ** 0.5, edges)

    def histogram(
        self, quantity: Quantity = "response", bins: int = 50, limits: tuple[float, float] | None = None
    ) -> "Hist":
        """A histogram of the package `hist`, one entry per shower.

        Args:
            quantity: "response", "total" energy [MeV], number of "hits", or "incident" kinetic energy [MeV].
            bins: number of bins.
            limits: lowest and highest edge; those of the values if absent.

        Raises:
            InputError: an unknown quantity, no showers, or hist is not installed.

        Examples:
            >>> import caloforge as cf
            >>> showers = cf.produce("gflash", "calogan-ecal", "e+", "10 GeV", n=20, seed=1)
            >>> float(showers.histogram("total", bins=10).sum())
            20.0
        """
        from caloforge.showers.histograms import histogram

        return histogram(self, quantity, bins, limits)

    def plot(self) -> "Figure":
        """Draw the longitudinal profile and the mean energy per area in the layers with most energy.

        Raises:
            InputError: there is no shower, or matplotlib is not installed.
        """
        from caloforge.showers.picture import figure

        if not len(self):
            raise InputError("no showers to draw")
        cells = self.thresholded().mean(axis=0, dtype=np.float64)
        return figure(self.detector, cells, self.profile(), repr(self.incidents))

    def thresholded(self) -> NDArray[np.float32]:
        """Energies with cells below the threshold of their layer set to zero (N, n_cells) [MeV]."""
        return np.where(self.energies >= self.detector.thresholds, self.energies, np.float32(0))

    def to_awkward(self) -> Any:
        """Hits and incidents as an awkward array; see `showers.columns`."""
        from caloforge.showers.columns import to_awkward

        return to_awkward(self)

    def to_pandas(self) -> Any:
        """Incidents, visible energies and numbers of hits as a pandas data frame; see `showers.columns`."""
        from caloforge.showers.columns import to_pandas

        return to_pandas(self)

    def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
        """NumPy would ask each shower for an array without end.

        Raises:
            InputError: always; the arrays are fields and properties.
        """
        raise InputError("showers are not an array; take energies, layers, total or response")

    def __add__(self, other: "Showers") -> "Showers":
        """Join two samples in order, with the provenance of the first."""
        if not isinstance(other, Showers):
            return NotImplemented
        return concatenate([self, other])


def _same(a: NDArray[np.float64] | None, b: NDArray[np.float64] | None) -> bool:
    return a is b if a is None or b is None else np.array_equal(a, b)


def concatenate(parts: Iterable[Showers]) -> Showers:
    """Join showers of one detector in order, with the provenance of the first.

    Raises:
        InputError: there is nothing to join, or a part is no showers, or of another detector.

    Examples:
        >>> import caloforge as cf
        >>> parts = [cf.produce("gflash", "calogan-ecal", "e+", "10 GeV", n=2, seed=seed) for seed in (1, 2)]
        >>> len(concatenate(parts))
        4
    """
    parts = list(parts)
    if not parts:
        raise InputError("no showers to concatenate; give one sample at least")
    if others := sorted({type(part).__name__ for part in parts if not isinstance(part, Showers)}):
        raise InputError(f"only showers can be concatenated, not {', '.join(others)}")
    if other := next((part.detector.name for part in parts if part.detector != parts[0].detector), None):
        raise InputError(f"showers of '{parts[0].detector.name}' and of '{other}' cannot be joined")
    energies = np.concatenate([part.energies for part in parts])
    known = [part.fast_energy for part in parts if part.fast_energy is not None]
    fast = np.concatenate(known) if len(known) == len(parts) else None
    incidents = inc.concatenate([part.incidents for part in parts])
    return Showers(parts[0].detector, incidents, energies, parts[0].provenance, fast)
