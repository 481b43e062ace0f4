"""The hook: a fast simulation that replaces Geant4's tracking.

`Hook` and the functions on volumes import geant4_pybind and are therefore loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from caloforge.simulators.geant4.hook.hits import FastHits, HitMap
from caloforge.simulators.geant4.hook.placement import Placement
from caloforge.simulators.geant4.hook.trigger import Trigger, contained

if TYPE_CHECKING:
    from caloforge.simulators.geant4.hook.geometry import entrance_slab, volumes_below
    from caloforge.simulators.geant4.hook.hook import Hook, HookStats

__all__ = [
    "FastHits",
    "HitMap",
    "Hook",
    "HookStats",
    "Placement",
    "Trigger",
    "contained",
    "entrance_slab",
    "volumes_below",
]

_HOMES = {"Hook": "hook", "HookStats": "hook", "entrance_slab": "geometry", "volumes_below": "geometry"}


def __getattr__(name: str) -> Any:
    """Import the names that need geant4_pybind on first use."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
