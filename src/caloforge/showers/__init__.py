"""Showers and the incidents that cause them, in memory and on disk."""

from caloforge.showers.container import Showers, concatenate
from caloforge.showers.hdf5 import read, write
from caloforge.showers.incidents import Incidents
from caloforge.showers.profile import Profile

__all__ = ["Incidents", "Profile", "Showers", "concatenate", "read", "write"]
