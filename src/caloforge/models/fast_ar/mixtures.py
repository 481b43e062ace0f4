"""Mixtures of logistic densities with a component for empty cells, and their quantiles, both exact in the tails."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from caloforge.models.parts.transforms import logistic

LOG_SCALES = (-4.0, 3.0)
REACH = 20.0  # largest distance of a component's centre from zero
ROUNDS, PARTS = 3, 4  # the search for quantiles divides the bracket by 64, then interpolates linearly in log odds
LEAST_ODDS = 1e-9
LEAST_TAIL = 1e-36
LEAST_RISE = 1e-12  # a least value, since the exporter leaves out additions of numbers below 1e-8
# Chebyshev fit of log(erfc(z) / t) + z^2 in t = 2 / (2 + z), Numerical Recipes (2nd ed.), section 6.2
ERFC = (-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806,
        0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277)  # fmt: skip


class LogisticMixture:
    """Distribution of a cell: empty with probability w_0, else logistic about m_k with scale s_k, with probability w_k.

    A cell below its edge is empty, and a cell above its ceiling holds its whole layer. These two outcomes take the
    tails of the logistic densities, so that the probabilities sum to one:
    P(empty) = w_0 + sum w_k F_k(edge), p(y) = sum w_k f_k(y), P(full) = sum w_k (1 - F_k(ceiling)).
    Source: PixelCNN++ (Salimans et al., openreview BJrFC6ceg, equation 2).

    Args:
        raw: network output (N, Z, 3 K + 1, cells): log weights of the empty and of K other components, centres, log
            scales.
    """

    def __init__(self, raw: Tensor) -> None:
        k = (raw.shape[2] - 1) // 3
        choice, centre, log_scale = raw.split([k + 1, k, k], 2)
        self.log_weights = torch.log_softmax(choice, 2)
        self.shares = torch.softmax(choice[:, :, 1:], 2)
        self.centre = REACH * torch.tanh(centre / REACH)
        self.log_scale = log_scale.clamp(*LOG_SCALES)

    def log_likelihood(self, y: Tensor, empty: Tensor, full: Tensor) -> Tensor:
        """Log of P(empty), p(y) or P(full) of each cell (N, Z, cells).

        Args:
            y: values (N, Z, cells): the edge for empty cells, the ceiling for full cells.
            empty: whether each cell is empty (N, Z, cells).
            full: whether each cell holds its whole layer (N, Z, cells).
        """
        distance = (y[:, :, None] - self.centre) * torch.exp(-self.log_scale)
        below, above = logsigmoid(distance), logsigmoid(-distance)
        value = torch.where(full[:, :, None], above, below + above - self.log_scale)
        value = torch.where(empty[:, :, None], below, value)
        nothing = torch.where(empty, 0.0, -math.inf)[:, :, None]
        return torch.logsumexp(self.log_weights + torch.cat([nothing, value], 2), 2)

    def quantile(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Values (N, Z, cells) at which the CDF equals the normal CDF of the noise, and whether each cell is hit.

        Values are continuous functions of noise and parameters, unlike a random choice of a component, so that rounding
        never changes a shower. The quantile is searched between the quantiles of the components.
        """
        odds, hit = self._odds(noise)
        ends = self.centre + self.log_scale.exp() * odds.log()[:, :, None]
        low, high = ends.amin(2), ends.amax(2)
        for _ in range(ROUNDS):
            step = (high - low) / PARTS
            low = low + step * self._count_below(low, step, odds)
            high = low + step
        left, right = (self._excess(value, odds) for value in (low, high))
        return low + (high - low) * (-left / (right - left).clamp(min=LEAST_RISE)).clamp(0.0, 1.0), hit

    def _odds(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Odds F / (1 - F) of the CDF given that the cell is hit, and whether it is hit."""
        empty, filled = self.log_weights[:, :, 0].exp(), self.log_weights[:, :, 1:].exp().sum(2)
        tail = normal_tail(noise.abs())
        rest = torch.where(noise > 0, filled - tail, tail - empty)
        above = torch.where(noise > 0, tail, 1 - tail)
        return (rest / above).clamp(min=LEAST_ODDS), rest > 0

    def _count_below(self, low: Tensor, step: Tensor, odds: Tensor) -> Tensor:
        """Number of the points low + step, low + 2 step, ... below the quantile, from the smaller of the two tails."""
        side = torch.where(odds < 1, 1.0, -1.0)
        tail = 1 / (1 + torch.maximum(odds, 1 / odds))
        slope = side[:, :, None] * torch.exp(-self.log_scale)
        first, further = slope * (low[:, :, None] - self.centre), slope * step[:, :, None]
        counts = torch.zeros_like(low)
        for i in range(1, PARTS):
            held = (self.shares * logistic(first + i * further)).sum(2)
            counts = counts + (side * (held - tail) < 0)
        return counts

    def _excess(self, value: Tensor, odds: Tensor) -> Tensor:
        """Log odds of the mixture at a value, minus the target log odds."""
        distance = (value[:, :, None] - self.centre) * torch.exp(-self.log_scale)
        below, above = ((self.shares * logistic(side * distance)).sum(2).clamp(min=LEAST_TAIL) for side in (1, -1))
        return below.log() - above.log() - odds.log()


def normal_tail(x: Tensor) -> Tensor:
    """Probability of a standard normal number above x >= 0; its relative error is below 2e-6 in single precision."""
    z = x / math.sqrt(2)
    t = 2 / (2 + z)
    series = torch.full_like(t, ERFC[-1])
    for coefficient in reversed(ERFC[:-1]):
        series = series * t + coefficient
    return 0.5 * t * torch.exp(series - z * z)
