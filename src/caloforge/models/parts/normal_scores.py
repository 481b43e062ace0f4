"""Quantile transforms of quantities to standard normal numbers."""

from typing import Any

import torch
from torch import Tensor, nn

from caloforge.models.parts.folded_tables import FoldedScores

KNOTS = 129  # quantiles of each sample
MIN_STEP = 1e-3  # least step between knots, in mean steps, so that the transform and its inverse are well defined
NORMAL_LIMIT = 5.2  # largest score: beyond the reach of float32 uniforms, and inside the splines' bound
RESOLVED = 2  # values of a sample between its first two knots, if knots can be so dense
LEAST_SAMPLE = RESOLVED + 1
SMOOTHED = 4  # least number of values of a sample between independent knots
FREE = 8  # values of a sample between the last such knot and the end of a tail
RESOLUTION = 2e-7  # relative steps that numbers of single precision resolve
LEAST_SPAN = 0.01  # least distance of the outermost scores, for cells that are hardly ever hit
LEAST_BEND = 0.01  # least first step between knots, in mean steps


def to_normal(probability: Tensor) -> Tensor:
    """Standard normal quantile of a probability, at most `NORMAL_LIMIT` in size."""
    scores: Tensor = torch.special.ndtri(probability)
    return scores.clamp(-NORMAL_LIMIT, NORMAL_LIMIT)


def enough(sample: Tensor) -> Tensor:
    """The sample (n,), repeated until scores can be fitted to it; zeros in place of no value."""
    some = sample if len(sample) else sample.new_zeros(1)
    return some.repeat(-(-LEAST_SAMPLE // len(some))) if len(some) < LEAST_SAMPLE else some


def strictly_increasing(knots: Tensor) -> Tensor:
    """Knots (K, ...) with positive steps in single precision, so that the transform and its inverse are defined."""
    step = MIN_STEP * torch.diff(knots, dim=0).mean() + RESOLUTION * (1 + knots.abs().max())
    ramp = step * torch.arange(len(knots), dtype=knots.dtype, device=knots.device).view(-1, *[1] * (knots.ndim - 1))
    return torch.cummax(knots - ramp, 0).values + ramp


def interpolated(table: Tensor, places: Tensor) -> Tensor:
    """Linear interpolation of a table at places between 0 (its first value) and len(table) - 1."""
    places = places.clamp(0, len(table) - 1)
    low = places.long().clamp(max=max(len(table) - 2, 0))
    high = (low + 1).clamp(max=len(table) - 1)
    return torch.lerp(table[low], table[high], places - low)


class NormalScores(nn.Module):
    """Quantile transform of each feature to a standard normal, linear beyond the last knots.

    Knots are dense just above absent values, since a cell's spectrum is steep there and its scores are near the middle
    of the normal distribution. Let t run from 0 to 1 between the first and the last score. Knots are equidistant in w,
    where t = b w + (1 - b) w^2 and b is the ratio of the first to the mean step. Values are linear in w between knots,
    so that the inverse computes the index of a knot without a search.

    Attributes:
        values: tables of knots (n_samples, KNOTS), strictly increasing.
        rows: index (D,) of the table of each feature.
        first, last: scores (D,) of the outermost knots.
        bend: the b of each feature (D,); it is 1 if knots are equidistant in the score.
    """

    values: Tensor
    rows: Tensor
    first: Tensor
    last: Tensor
    bend: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("values", torch.linspace(-3.0, 3.0, KNOTS)[None])
        self.register_buffer("rows", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("first", torch.full((size,), -3.0))
        self.register_buffer("last", torch.full((size,), 3.0))
        self.register_buffer("bend", torch.ones(size))

    def fit(
        self, samples: list[Tensor], below: Tensor, lowest: float | None = None, group: Tensor | None = None
    ) -> None:
        """Fit to samples of each feature.

        Args:
            samples: values of each sample, of any length.
            below: probability (n_samples,) that a value is absent; absent values rank below all present values.
            lowest: value of the first knots; by default the minimum of each sample.
            group: index (D,) of the sample of each feature; by default each feature has its own sample.
        """
        tables = [_table(sample.double(), float(part), lowest) for sample, part in zip(samples, below, strict=True)]
        first, last, bend = torch.tensor([ends for _, ends in tables], device=self.first.device).float().T
        rows = torch.arange(len(samples), device=self.rows.device) if group is None else group.to(self.rows.device)
        self.values = torch.stack([values for values, _ in tables]).to(self.values)
        for buffer, fitted in ((self.first, first), (self.last, last), (self.bend, bend)):
            buffer.copy_(fitted[rows])
        self.rows.copy_(rows)

    def forward(self, values: Tensor) -> Tensor:
        """Scores (N, D) of values (N, D), at most `NORMAL_LIMIT` in size, also far outside the fitted values."""
        knots = self.values[self.rows]
        features = values.detach().T.contiguous()
        low = (torch.searchsorted(knots, features, right=True) - 1).clamp(0, knots.shape[1] - 2)
        below, above = (knots.gather(1, low + step).T for step in (0, 1))
        w = (low.T + (values - below) / (above - below)) / (knots.shape[1] - 1)
        t = w * (self.bend + (1 - self.bend) * w.clamp(min=0.0))
        return (self.first + (self.last - self.first) * t).clamp(-NORMAL_LIMIT, NORMAL_LIMIT)

    def inverse(self, scores: Tensor) -> Tensor:
        """Values (N, D) of scores (N, D)."""
        size = self.values.shape[1]
        t = (scores - self.first) / (self.last - self.first)
        root = (self.bend.square() + 4 * (1 - self.bend) * t.clamp(min=0.0)).sqrt()
        place = 2 * (size - 1) * t / (self.bend + root)
        low = place.detach().long().clamp(0, size - 2)  # clamped after the conversion, which turns NaN into any integer
        table, at = self.values.flatten(), size * self.rows + low
        below = table[at]
        return below + (place - low) * (table[at + 1] - below)

    def folded(self) -> FoldedScores:
        """The inverse alone, for exported graphs."""
        return FoldedScores(self.values, self.rows, self.first, self.last, self.bend)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *args: Any) -> None:
        """Accept tables of any number and length."""
        found = state.get(f"{prefix}values")
        if isinstance(found, Tensor) and found.ndim == 2:
            self.values = torch.empty_like(found, device=self.values.device)
        super()._load_from_state_dict(state, prefix, *args)


def _table(sample: Tensor, below: float, lowest: float | None) -> tuple[Tensor, tuple[float, float, float]]:
    """Knots (KNOTS,) of a sample; the scores of the first and last knot, and b."""
    before = 0.5  # rank of the first value; it is zero if `lowest` is the first value
    if lowest is not None:
        before = 0.0
        start = sample.new_tensor([lowest])
        sample = torch.cat([start, sample if len(sample) else start + 1.0])
    ordered, n = sample.sort().values, len(sample)
    edge = 0.5 / (n + 1)
    resolved = below + (1 - below) * RESOLVED / n
    ends = torch.tensor([below or edge, resolved, 1 - edge * (1 - below)], dtype=torch.float64)
    first, second, last = to_normal(ends).tolist()
    last = max(last, first + LEAST_SPAN)
    bend = min(max((KNOTS - 1) * (second - first) / (last - first), LEAST_BEND), 1.0)
    w = torch.linspace(0.0, 1.0, KNOTS, dtype=torch.float64, device=sample.device)
    scores = first + (last - first) * w * (bend + (1 - bend) * w)
    ranks = (torch.special.ndtr(scores) - below) / (1 - below)
    values = interpolated(ordered, ranks * n - before)
    free = (0 if lowest is not None else FREE, FREE)
    return strictly_increasing(_smoothed(values, w, ranks * n, free)), (first, last, bend)


def _smoothed(values: Tensor, w: Tensor, ranks: Tensor, free: tuple[int, int]) -> Tensor:
    """Values of the knots, linear between knots that are some values of the sample apart.

    The density between single neighbouring values is mostly noise.

    Args:
        values: values of the knots (KNOTS,).
        w: places of the knots (KNOTS,).
        ranks: ranks of the knots (KNOTS,), in values of the sample.
        free: values of the sample below the second kept knot and above the last but one; the slopes there continue
            outwards.
    """
    kept = torch.diff((ranks / SMOOTHED + 0.5).floor(), prepend=ranks.new_tensor([-1.0])) > 0
    kept &= (ranks >= free[0]) & (ranks <= ranks[-1] - free[1])
    kept[0] = kept[-1] = True
    at = kept.nonzero()[:, 0]
    low = (torch.searchsorted(at, torch.arange(len(w), device=w.device), right=True) - 1).clamp(max=len(at) - 2)
    left, right = at[low], at[low + 1]
    return torch.lerp(values[left], values[right], (w - w[left]) / (w[right] - w[left]))
