"""Monotone rational-quadratic splines (Durkan et al., arXiv:1906.04032, section 3.1), compact for speed and export.

Bins are on the second axis, (N, 3 K - 1, D), so that every sum and comparison runs along contiguous memory.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

MIN_BIN = 1e-2  # share of the interval; with it and the least derivative, single precision suffices for the inverse
MIN_DERIVATIVE = 1e-2
Bin = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def parameters_per_value(bins: int) -> int:
    """Numbers that describe one spline: widths, heights and the derivatives between bins."""
    return 3 * bins - 1


def spline(x: Tensor, parameters: Tensor, bound: float) -> Tensor:
    """Spline values y (N, D) of x (N, D), equation 4.

    Args:
        x: values (N, D).
        parameters: unconstrained (N, 3 K - 1, D); zeros give the identity.
        bound: the spline maps [-bound, bound] onto itself and is the identity outside.
    """
    inside = (x > -bound) & (x < bound)
    unit = torch.where(inside, (x + bound) / (2 * bound), 0.5)
    x0, width, y0, height, d0, d1 = _bin(unit, parameters, by_height=False)
    t = (unit - x0) / width
    s = height / width
    rest = t * (1 - t)
    y = y0 + height * (s * t * t + d0 * rest) / (s + (d0 + d1 - 2 * s) * rest)
    return torch.where(inside, 2 * bound * y - bound, x)


def inverse_spline(y: Tensor, parameters: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Inverse x (N, D) of `spline` at y (N, D), and log dx/dy (N, D), equations 5 to 8."""
    inside = (y > -bound) & (y < bound)
    unit = torch.where(inside, (y + bound) / (2 * bound), 0.5)
    x0, width, y0, height, d0, d1 = _bin(unit, parameters, by_height=True)
    s = height / width
    curvature = d0 + d1 - 2 * s
    rise = unit - y0
    a, b, c = height * (s - d0) + rise * curvature, height * d0 - rise * curvature, -s * rise
    root = torch.sqrt(torch.clamp(b * b - 4 * a * c, min=0.0))
    t = 2 * c / (-b - root)
    rest = t * (1 - t)
    derivative = s * s * (d1 * t * t + 2 * s * rest + d0 * (1 - t) ** 2) / (s + curvature * rest) ** 2
    x = torch.where(inside, 2 * bound * (x0 + t * width) - bound, y)
    return x, torch.where(inside, -torch.log(derivative), 0.0)


def _bin(unit: Tensor, parameters: Tensor, *, by_height: bool) -> Bin:
    """The bin of each value: left edge, width, bottom, height and derivatives at both ends, all (N, D)."""
    bins = (parameters.shape[1] + 1) // 3
    widths, heights, derivatives = parameters.split([bins, bins, bins - 1], 1)
    shares = torch.softmax(widths, 1), torch.softmax(heights, 1)
    # a product with ones is several times faster than cumsum along a middle axis, here and in ONNX Runtime
    ones = torch.ones(bins, bins, dtype=unit.dtype, device=unit.device).tril()
    ends = ones @ shares[0], ones @ shares[1]
    scale = 1 - MIN_BIN * bins
    steps = MIN_BIN * torch.arange(1, bins, dtype=unit.dtype, device=unit.device)[:, None]
    index = (ends[by_height][:, :-1].detach() <= (unit[:, None] - steps) / scale).sum(1, keepdim=True)
    sides = [_side(share, end, index, scale) for share, end in zip(shares, ends, strict=True)]
    padded = F.pad(derivatives, (0, 0, 1, 1))
    return *sides[0], *sides[1], _derivative(padded, index), _derivative(padded, index + 1)


def _side(share: Tensor, end: Tensor, index: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Start and length (N, D) of the bins at index (N, 1, D)."""
    length = share.gather(1, index)[:, 0]
    start = end.gather(1, index)[:, 0] - length
    return MIN_BIN * index[:, 0] + scale * start, MIN_BIN + scale * length


def _derivative(raw: Tensor, index: Tensor) -> Tensor:
    return F.softplus(raw.gather(1, index)[:, 0] + math.log(math.expm1(1 - MIN_DERIVATIVE))) + MIN_DERIVATIVE
