"""The network, apart from its config, so that PyTorch is loaded only when it is built."""

import torch
from torch import Tensor, nn

from caloforge.detector import Detector
from caloforge.models import Batch, Model
from caloforge.showers import Showers
from caloforge.showers.domain import Domain
from toy_calorimeter import MeanShowerConfig


class MeanShower(Model):
    """One learned share of the incident energy per cell, and a common smearing."""

    def __init__(self, config: MeanShowerConfig, detector: Detector, domain: Domain) -> None:
        super().__init__(detector, domain, noise_size=1)
        self.spread = config.spread
        self.share = nn.Parameter(torch.full((detector.n_cells,), 1 / detector.n_cells))

    def fit(self, showers: Showers) -> None:
        """Start from the mean share of each cell."""
        batch = Batch.of(showers)
        self.share.data = (batch.cells / batch.incidents["energy"]).mean(0)

    def loss(self, batch: Batch) -> Tensor:
        """Squared distance of the shares."""
        return (batch.cells / batch.incidents["energy"] - self.share).square().mean()

    def sample(self, noise: Tensor, **incidents: Tensor) -> Tensor:
        """Cells (N, n_cells) [MeV]."""
        cells = incidents["energy"] * self.share.clamp(min=0) * (1 + self.spread * noise).clamp(min=0)
        return torch.where(cells >= self.detector.threshold, cells, 0.0)
