"""GFlash: electromagnetic showers from the parametrisation of Grindhammer and Peters, hep-ex/0001020."""

from caloforge.simulators.gflash.simulator import GFlash

__all__ = ["GFlash"]
