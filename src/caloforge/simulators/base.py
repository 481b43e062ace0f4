"""The protocol of all simulators: a Simulator turns incidents into showers."""

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
    """Any program that turns incident particles into calorimeter showers.

    A subclass inherits the context manager, which closes the simulator. By default it accepts all incidents.

    Attributes:
        detector: the detector whose cells the simulator fills.
        name: short name for tables and file names.
        particles: PDG codes of the particles that it simulates; None for any.
        energies: lowest and highest kinetic energy that it simulates [MeV].
        replays: whether it only plays back stored showers by their ids, which cannot be timed.
    """

    detector: Detector
    name: str
    particles: tuple[int, ...] | None = None
    energies: tuple[float, float] = (0.0, math.inf)
    replays: bool = False

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Simulate showers; each depends on its incident, its shower_id and the seed only.

        Raises:
            InputError: this simulator does not accept the incidents.
        """
        ...

    def check(self, incidents: Incidents) -> None:
        """Check that `simulate` accepts incidents, before any computing is done.

        Raises:
            InputError: this simulator does not accept the incidents; the message gives the reason.
        """
        refused = incidents[~self.accepts(incidents)]
        if len(refused):
            particle, energy = particle_name(int(refused.pdg[0])), show_energy(float(refused.energy[0]))
            raise InputError(f"{self.name} does not simulate {particle} of {energy}")

    def accepts(self, incidents: Incidents) -> NDArray[np.bool_]:
        """Mask (N,) of accepted incidents; by default those of the simulator's particles and energies."""
        low, high = self.energies
        known = True if self.particles is None else np.isin(incidents.pdg, self.particles)
        return np.asarray(known & (incidents.energy >= low) & (incidents.energy <= high))

    def accepts_one(self, pdg: int, energy: float, theta: float, phi: float, position: Sequence[float]) -> bool:
        """Whether one particle is accepted, in plain numbers [MeV, rad, mm]; hooks call this for every track."""
        incident = Incidents.make([pdg], [energy], theta=theta, phi=phi, position=tuple(position))
        return bool(self.accepts(incident)[0])

    def provenance(self) -> dict[str, Any]:
        """Origin of the showers as JSON values: simulator, versions, physics or model."""
        ...

    def close(self) -> None:
        """Release processes and files; the simulator cannot be used afterwards."""
        ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r} in {self.detector.name})"

    def _repr_html_(self) -> str:
        """One line and a side view of the plates, for notebooks."""
        from caloforge.detector.side import side_view

        return f"<div><code>{escape(repr(self))}</code><br>{side_view(self.detector)}</div>"

    def __enter__(self) -> Self:
        """The simulator itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the simulator, also after an error."""
        self.close()
