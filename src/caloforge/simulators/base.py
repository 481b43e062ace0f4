"""The one protocol: a Simulator turns incidents into showers."""

from typing import Any, Protocol, runtime_checkable

from caloforge.detector import Detector
from caloforge.showers import Incidents, Showers


@runtime_checkable
class Simulator(Protocol):
    """Any program that turns incident particles into calorimeter showers.

    Attributes:
        detector: the detector whose cells it fills.
        name: short name for tables and file names.
    """

    detector: Detector
    name: str

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Simulate showers, each depending on its incident, its shower_id and the seed only.

        Raises:
            InputError: incidents that this simulator cannot simulate.
        """
        ...

    def provenance(self) -> dict[str, Any]:
        """What made the showers: simulator, versions, physics or model; JSON values only."""
        ...

    def close(self) -> None:
        """Release processes and files; the simulator cannot be used afterwards."""
        ...
