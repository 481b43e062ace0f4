"""Coupling flows of rational-quadratic splines between data and standard normal numbers."""

import itertools
import math

import torch
from torch import Tensor, nn

from caloforge.models import splines

LOG_2_PI = math.log(2 * math.pi)
BOUND = 6.0  # standard deviations inside which splines bend


class Coupling(nn.Module):
    """One half of the columns bent by splines that a network chooses from the other half and the conditions."""

    def __init__(self, kept: int, bent: int, conditions: int, hidden: int, depth: int, bins: int) -> None:
        super().__init__()
        self.shape = (splines.parameters_per_value(bins), bent)
        widths = [kept + conditions, *[hidden] * depth]
        hiddens = [layer for n_in, n_out in itertools.pairwise(widths) for layer in _dense(n_in, n_out)]
        self.network = nn.Sequential(*hiddens, nn.Linear(widths[-1], self.shape[0] * bent))
        with torch.no_grad():
            for parameter in self.network[-1].parameters():
                parameter.mul_(0.1)

    def forward(self, kept: Tensor, conditions: Tensor) -> Tensor:
        """Parameters (N, 3 K - 1, bent) of the splines for the bent columns."""
        raw: Tensor = self.network(torch.cat([kept, conditions], 1))
        return raw.view(-1, *self.shape)


def _dense(n_in: int, n_out: int) -> tuple[nn.Module, nn.Module]:
    return nn.Linear(n_in, n_out), nn.SiLU()


class CouplingFlow(nn.Module):
    """Density p(x | conditions) of D columns (Dinh et al., arXiv:1605.08803; Durkan et al., arXiv:1906.04032).

    Blocks bend one half and the other in turn; before every second one the columns are dealt anew.
    """

    def __init__(self, size: int, conditions: int, *, blocks: int, hidden: int, depth: int, bins: int) -> None:
        super().__init__()
        self.halves = (size - size // 2, size // 2)
        deals = [_deal(size, seed) for seed in range((blocks + 1) // 2)]
        self.register_buffer("deals", torch.stack(deals))
        self.register_buffer("returns", torch.stack([deal.argsort() for deal in deals]))
        self.bends_first = [size == 1 or i % 2 == 0 for i in range(blocks)]
        sides = [self.halves[::-1] if first else self.halves for first in self.bends_first]
        self.blocks = nn.ModuleList(Coupling(kept, bent, conditions, hidden, depth, bins) for kept, bent in sides)

    deals: Tensor
    returns: Tensor

    def forward(self, x: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Latent numbers z (N, D) of data x (N, D), and log |dz/dx| (N,)."""
        log_slope = torch.zeros_like(x[:, 0])
        for i, block in enumerate(self.blocks):
            if i % 2 == 0:
                x = x.index_select(1, self.deals[i // 2])
            first, second = x.split(self.halves, 1)
            kept, bent = (second, first) if self.bends_first[i] else (first, second)
            bent, log_slopes = splines.inverse_spline(bent, block(kept, conditions), BOUND)
            x = torch.cat([bent, kept] if self.bends_first[i] else [kept, bent], 1)
            log_slope = log_slope + log_slopes.sum(1)
        return x, log_slope

    def inverse(self, z: Tensor, conditions: Tensor) -> Tensor:
        """Data x (N, D) of latent numbers z (N, D)."""
        for i, block in reversed(list(enumerate(self.blocks))):
            first, second = z.split(self.halves, 1)
            kept, bent = (second, first) if self.bends_first[i] else (first, second)
            bent = splines.spline(bent, block(kept, conditions), BOUND)
            z = torch.cat([bent, kept] if self.bends_first[i] else [kept, bent], 1)
            if i % 2 == 0:
                z = z.index_select(1, self.returns[i // 2])
        return z

    def log_density(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Log p(x | conditions) (N,)."""
        z, log_slope = self.forward(x, conditions)
        return log_slope - 0.5 * (z.square() + LOG_2_PI).sum(1)


def _deal(size: int, seed: int) -> Tensor:
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed))
