"""The hook: a fast simulation in place of Geant4's tracking.

`Hook` and the functions on volumes import geant4_pybind, so they are loaded when they are first asked for.
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
    """What needs geant4_pybind."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
