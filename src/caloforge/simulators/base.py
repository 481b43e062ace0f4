"""The one protocol: a Simulator turns incidents into showers."""

import math
from collections.abc import Sequence
from html import escape
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.particles import particle_name
from caloforge.showers import Incidents, Showers
from caloforge.units import show_energy


@runtime_checkable
class Simulator(Protocol):
    """Any program that turns incident particles into calorimeter showers; a context manager that closes itself.

    A class that names this protocol as its base inherits the context manager, and takes all incidents unless it says
    otherwise.

    Attributes:
        detector: the detector whose cells it fills.
        name: short name for tables and file names.
        particles: PDG codes of the particles that it simulates; None for any.
        energies: lowest and highest kinetic energy that it simulates [MeV].
        replays: whether it has the showers of given ids only, so that there is nothing to time.
    """

    detector: Detector
    name: str
    particles: tuple[int, ...] | None = None
    energies: tuple[float, float] = (0.0, math.inf)
    replays: bool = False

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Simulate showers, each depending on its incident, its shower_id and the seed only.

        Raises:
            InputError: incidents that this simulator cannot simulate.
        """
        ...

    def check(self, incidents: Incidents) -> None:
        """Check that `simulate` accepts incidents, before any work is done.

        Raises:
            InputError: incidents that this simulator cannot simulate; the message says why.
        """
        refused = incidents[~self.accepts(incidents)]
        if len(refused):
            particle, energy = particle_name(int(refused.pdg[0])), show_energy(float(refused.energy[0]))
            raise InputError(f"{self.name} does not simulate {particle} of {energy}")

    def accepts(self, incidents: Incidents) -> NDArray[np.bool_]:
        """Mask (N,) of the incidents that it simulates; by default those of its particles and energies."""
        low, high = self.energies
        known = True if self.particles is None else np.isin(incidents.pdg, self.particles)
        return np.asarray(known & (incidents.energy >= low) & (incidents.energy <= high))

    def accepts_one(self, pdg: int, energy: float, theta: float, phi: float, position: Sequence[float]) -> bool:
        """Whether it simulates one particle, in plain numbers [MeV, rad, mm], as hooks ask for every track."""
        incident = Incidents.make([pdg], [energy], theta=theta, phi=phi, position=tuple(position))
        return bool(self.accepts(incident)[0])

    def provenance(self) -> dict[str, Any]:
        """Origin of the showers: simulator, versions, physics or model; JSON values only."""
        ...

    def close(self) -> None:
        """Release processes and files; the simulator cannot be used afterwards."""
        ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r} in {self.detector.name})"

    def _repr_html_(self) -> str:
        """One line and the plates from the side, for notebooks."""
        from caloforge.detector.side import side_view

        return f"<div><code>{escape(repr(self))}</code><br>{side_view(self.detector)}</div>"

    def __enter__(self) -> Self:
        """The simulator itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, also after an error."""
        self.close()
