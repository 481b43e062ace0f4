"""Full Geant4 calorimeter simulation to a fast, validated, learned simulation inside Geant4.

`import caloforge as cf` gives the names below and loads what they need on first use.

Examples:
    >>> import caloforge as cf
    >>> showers = cf.produce("gflash", "calogan-ecal", "e+", "10 GeV", n=5, seed=1)
    >>> showers.layers.shape
    (5, 3)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caloforge.api import (
        list_detectors,
        list_models,
        produce,
        read,
        run,
        simulator,
        time,
        to_onnx,
        train,
        validate,
        write,
    )
    from caloforge.detector import Detector
    from caloforge.errors import InputError, RunError
    from caloforge.showers import Incidents, Showers, concatenate
    from caloforge.simulators.base import Simulator
    from caloforge.simulators.geant4.physics import Physics

__version__ = "0.1.0"

__all__ = [
    "Detector",
    "Incidents",
    "InputError",
    "Physics",
    "RunError",
    "Showers",
    "Simulator",
    "concatenate",
    "list_detectors",
    "list_models",
    "produce",
    "read",
    "run",
    "simulator",
    "time",
    "to_onnx",
    "train",
    "validate",
    "write",
]

_CLASSES = {
    "Detector": "detector",
    "Incidents": "showers",
    "InputError": "errors",
    "Physics": "simulators.geant4.physics",
    "RunError": "errors",
    "Showers": "showers",
    "Simulator": "simulators.base",
    "concatenate": "showers",
}


def __getattr__(name: str) -> Any:
    """Return a public name from the module that defines it."""
    if name not in __all__:
        raise AttributeError(f"module 'caloforge' has no attribute '{name}'")
    value = getattr(import_module(f"caloforge.{_CLASSES.get(name, 'api')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
