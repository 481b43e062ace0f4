"""Thresholds of cells, as energies or as multiples of a minimum-ionising particle's signal."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from caloforge.errors import InputError
from caloforge.units import ENERGY, parse


@dataclass(frozen=True)
class LayerThreshold:
    """Threshold of a layer's cells.

    Attributes:
        value: energy [MeV], or number of MIP.
        in_mip: whether `value` is in MIP; one MIP is the most probable signal of a muon of 10 GeV in the layer (`mip`).
    """

    value: float
    in_mip: bool

    def __str__(self) -> str:
        return f"{self.value!r} {'MIP' if self.in_mip else 'MeV'}"

    def energy(self, mip: float) -> float:
        """Threshold [MeV] for a MIP of `mip` [MeV]."""
        return self.value * mip if self.in_mip else self.value


def layer_threshold(text: object) -> LayerThreshold:
    """Read a threshold such as "0.5 MIP" or "0.2 MeV".

    Raises:
        InputError: no number, no unit or an unknown one, or a negative number.
    """
    in_mip = str(text).strip().endswith("MIP")
    value = parse(str(text), {"MIP": 1.0} if in_mip else ENERGY, "threshold")
    if value < 0:
        raise InputError(f"threshold '{text}' is negative")
    return LayerThreshold(value, in_mip)


Threshold = Annotated[LayerThreshold, BeforeValidator(layer_threshold), PlainSerializer(str)]
