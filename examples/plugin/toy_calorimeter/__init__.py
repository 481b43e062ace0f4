"""A package that adds a detector, a simulator, a model and a metric to caloforge; pyproject.toml names them."""

from typing import Any, ClassVar, Literal

import numpy as np

from caloforge import seeds
from caloforge.config import Strict
from caloforge.detector import Detector
from caloforge.showers import Incidents, Showers
from caloforge.simulators import Simulator

BLOCK = """
name = "toy-block"
description = "A block of lead tungstate in 4 x 4 cells"
[readout]
threshold = "0.1 MeV"
[[layer]]
copies = 4
plates = [{material = "G4_PbWO4", thickness = "50 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [4, 4], size = ["20 mm", "20 mm"]}
"""


class Pencil(Simulator):
    """Electrons whose energy, smeared by 3 %, is shared evenly among the cells of the shower's core."""

    name = "pencil"
    particles = (11,)

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self._core = np.hypot(*detector.cell_centres[:, :2].T) < 20

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Showers, each from its own random stream."""
        self.check(incidents)
        drawn = [seeds.generator(seed, int(i), "pencil").normal(1.0, 0.03) for i in incidents.shower_id]
        energies = np.outer(incidents.energy * np.array(drawn, float).clip(0, 2), self._core / self._core.sum())
        return Showers(self.detector, incidents, energies.astype(np.float32), self.provenance())

    def provenance(self) -> dict[str, Any]:
        """The simulator's name and version."""
        return {"simulator": "pencil", "version": "1.0"}

    def close(self) -> None:
        """Release nothing."""


class MeanShowerConfig(Strict):
    """Config of the mean shower, scaled to the incident energy and smeared."""

    kind: Literal["mean-shower"] = "mean-shower"
    spread: float = 0.03
    network: ClassVar[str] = "toy_calorimeter.model:MeanShower"


def mean_energy(reference: Showers, showers: Showers) -> dict[str, float]:
    """Mean energy in all cells over the reference's."""
    return {"ratio": float(showers.thresholded().sum(1).mean() / reference.thresholded().sum(1).mean())}
