"""GFlash: electromagnetic showers from the parametrisation of Grindhammer and Peters, hep-ex/0001020."""

from caloforge.simulators.gflash.simulator import GFlash, check_field, check_incidents

__all__ = ["GFlash", "check_field", "check_incidents"]
