"""Standardisation of quantities whose mean and width depend on the incident energy."""

import math

import torch
from torch import Tensor, nn

from caloforge.showers.domain import Domain

MEAN_LOG_NORMAL = -0.6351814  # mean of log |x| of a standard normal x: -(Euler's gamma + log 2) / 2


class EnergyScale(nn.Module):
    """Mean and log width of each feature as parabolas in the logarithm of the incident energy."""

    mean: Tensor
    log_width: Tensor

    def __init__(self, size: int, domain: Domain) -> None:
        super().__init__()
        low, high = (math.log(energy) for energy in domain.energy)
        self.centre, self.half_range = (low + high) / 2, (high - low) / 2 or 1.0
        self.register_buffer("mean", torch.zeros(3, size))
        self.register_buffer("log_width", torch.zeros(3, size))

    def fit_scale(self, values: Tensor, energy: Tensor) -> None:
        """Fit to values (N, size) at incident energies (N, 1) [MeV]."""
        values, basis = values.double(), self._basis(energy).double()
        self.mean.copy_(_least_squares(basis, values))
        off = (values - basis @ self.mean.double()).abs().clamp(min=1e-6)
        self.log_width.copy_(_least_squares(basis, off.log() - MEAN_LOG_NORMAL))

    def scaled(self, values: Tensor, energy: Tensor) -> Tensor:
        """Values (N, size) minus their mean, in widths."""
        basis = self._basis(energy).to(values.dtype)
        return (values - basis @ self.mean.to(values.dtype)) / (basis @ self.log_width.to(values.dtype)).exp()

    def unscaled(self, scaled: Tensor, energy: Tensor) -> Tensor:
        """Values (N, size) of scaled values (N, size)."""
        basis = self._basis(energy)
        return basis @ self.mean + scaled * (basis @ self.log_width).exp()

    def _basis(self, energy: Tensor) -> Tensor:
        t = self.place(energy)
        return torch.cat([torch.ones_like(t), t, t.square()], 1)

    def place(self, energy: Tensor) -> Tensor:
        """Place (N, 1) of energies (N, 1) [MeV] in the domain's range of log energy, from -1 to 1."""
        return (energy.log() - self.centre) / self.half_range


def _least_squares(basis: Tensor, values: Tensor) -> Tensor:
    """Coefficients (3, K) of least squares; those of smallest norm if the energies do not determine all three."""
    solution: Tensor = torch.linalg.lstsq(basis.cpu(), values.cpu(), driver="gelsd").solution  # no GPU has this driver
    return solution.to(basis.device)
