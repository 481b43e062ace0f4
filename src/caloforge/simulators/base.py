"""The one protocol: a Simulator turns incidents into showers."""

from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from caloforge.detector import Detector
from caloforge.showers import Incidents, Showers


@runtime_checkable
class Simulator(Protocol):
    """Any program that turns incident particles into calorimeter showers; a context manager that closes itself.

    A class that names this protocol as its base inherits the context manager.

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r} in {self.detector.name})"

    def __enter__(self) -> Self:
        """The simulator itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        self.close()
