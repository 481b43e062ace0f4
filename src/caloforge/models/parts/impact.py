"""Conditions of a shower in a window of cells: the incident, and the position of the cells around its impact point."""

import torch
from torch import Tensor, nn

from caloforge.detector import Detector
from caloforge.detector.frames.window import pattern
from caloforge.models.base import Conditions
from caloforge.showers.domain import Domain


class Alignment(nn.Module):
    """Multi-hot cell alignment of the impact point, and its place within the hit cell.

    Cells differ in size between layers. The alignment of the centre layer's cells to coarser cells repeats after a few
    cells in x and y (2 and 4 in the ATLAS barrel). The multi-hot encoding is that of the ATLAS GAN
    (ATL-SOFT-PUB-2018-001). The place within the hit cell, in cells from its centre, is added. Angles that do not vary
    take the middle of their range.
    """

    def __init__(self, detector: Detector, domain: Domain) -> None:
        super().__init__()
        layer = detector.layers[detector.readout.centre_layer or 0]
        assert layer.cells.pitch is not None
        self.depth = layer.z_min
        self.periods = pattern(detector)
        self.middle = {"theta": sum(domain.theta) / 2, "phi": sum(domain.phi) / 2}
        self.register_buffer("cell_size", torch.tensor(layer.cells.pitch), persistent=False)
        self.register_buffer("half_grid", torch.tensor(layer.cells.fixed_shape) / 2, persistent=False)
        self.size = sum(self.periods) + 2

    cell_size: Tensor
    half_grid: Tensor

    def forward(self, position: Tensor, **angles: Tensor) -> Tensor:
        """Alignment (N, n_x + n_y + 2): one-hot in x, one-hot in y, offset from the cell's centre in x and y [cells].

        Args:
            position: entry points (N, 3) [mm].
            **angles: theta and phi (N, 1) [rad], if they vary.
        """
        theta, phi = (angles.get(name, torch.full_like(position[:, :1], at)) for name, at in self.middle.items())
        drift = self.depth * theta.tan() * torch.cat([phi.cos(), phi.sin()], 1)
        place = (position[:, :2] + drift) / self.cell_size + self.half_grid
        cell = place.floor()
        hot = [self._one_hot(cell[:, axis : axis + 1], period) for axis, period in enumerate(self.periods)]
        return torch.cat([*hot, place - cell - 0.5], 1)

    def _one_hot(self, cell: Tensor, period: int) -> Tensor:
        phase = cell - period * (cell / period).floor()
        return (phase == torch.arange(period, device=cell.device)).float()


class ImpactConditions(nn.Module):
    """Conditions of the incident, and the cell alignment if the readout window follows a varying entry point."""

    def __init__(self, detector: Detector, domain: Domain) -> None:
        super().__init__()
        self.incident = Conditions(domain)
        moves = any(layer.cells.is_window for layer in detector.layers) and "position" in domain.inputs
        self.alignment = Alignment(detector, domain) if moves else None
        self.size = self.incident.size + (self.alignment.size if self.alignment else 0)

    def forward(self, **incidents: Tensor) -> Tensor:
        """Conditions (N, size)."""
        conditions: Tensor = self.incident(**incidents)
        if self.alignment is None:
            return conditions
        angles = {name: incidents[name] for name in ("theta", "phi") if name in self.incident.names}
        return torch.cat([conditions, self.alignment(incidents["position"], **angles)], 1)
