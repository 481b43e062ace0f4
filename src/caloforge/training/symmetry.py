"""Random symmetries of the detector, under which a training sees its showers."""

import math

import torch
from torch import Tensor

from caloforge.detector import Detector, symmetries, symmetry_matrices
from caloforge.models import Batch
from caloforge.showers.domain import Domain


class RandomSymmetry:
    """Transforms each shower by a random symmetry of the detector, its direction as well as its cells.

    Args:
        detector: detector of the showers.
        domain: domain of the showers, which are centred and either perpendicular or of any azimuth.
        device: device of the batches.
    """

    def __init__(self, detector: Detector, domain: Domain, device: torch.device) -> None:
        self.permutations = torch.from_numpy(symmetries(detector)).to(device)
        self._matrices = torch.from_numpy(symmetry_matrices(detector)).float().to(device)
        self._turns, self._first = domain.turns, domain.phi[0]

    def __call__(self, batch: Batch) -> Batch:
        """The transformed batch; random numbers come from torch's generator."""
        drawn = torch.randint(len(self.permutations), (len(batch),)).to(batch.cells.device)
        cells, incidents = batch.cells.gather(1, self.permutations[drawn]), batch.incidents
        if self._turns:
            incidents = incidents | {"phi": self._turned(incidents["phi"], self._matrices[drawn])}
        return Batch(cells, incidents)

    def _turned(self, phi: Tensor, matrices: Tensor) -> Tensor:
        """Azimuths (N, 1) after the actions (N, 2, 2), in the turn that begins with the domain's lowest azimuth."""
        x, y = (matrices @ torch.stack([phi.cos(), phi.sin()], 1)).unbind(1)
        return self._first + (torch.atan2(y, x) - self._first).remainder(2 * math.pi)


def random_symmetry(detector: Detector, domain: Domain, device: torch.device) -> RandomSymmetry | None:
    """The random symmetry of a training; None if the showers have none."""
    return RandomSymmetry(detector, domain, device) if domain.symmetric or domain.turns else None
