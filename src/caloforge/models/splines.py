"""Monotone rational-quadratic splines (Durkan et al., arXiv:1906.04032, section 3.1), compact for speed and export.

Bins lie on the second axis, (N, 3 K - 1, D): every sum and comparison then runs along contiguous memory.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

MIN_BIN = 1e-3
MIN_SLOPE = 1e-3
Knots = tuple[Tensor, Tensor, Tensor]


def parameters_per_value(bins: int) -> int:
    """Numbers that describe one spline: widths, heights and the slopes between bins."""
    return 3 * bins - 1


def knots(parameters: Tensor, bound: float) -> Knots:
    """Knot positions x, y and slopes, each (N, K + 1, D), from unconstrained parameters (N, 3 K - 1, D).

    The spline maps [-bound, bound] onto itself and is the identity outside; zero parameters give the identity.
    """
    bins = (parameters.shape[1] + 1) // 3
    widths, heights, slopes = parameters.split([bins, bins, bins - 1], 1)
    inner = F.softplus(slopes + math.log(math.expm1(1 - MIN_SLOPE))) + MIN_SLOPE
    return _edges(widths, bound), _edges(heights, bound), F.pad(inner, (0, 0, 1, 1), value=1.0)


def _edges(raw: Tensor, bound: float) -> Tensor:
    share = MIN_BIN + (1 - MIN_BIN * raw.shape[1]) * torch.softmax(raw, 1)
    inner = 2 * bound * torch.cumsum(share[:, :-1], 1) - bound
    return F.pad(F.pad(inner, (0, 0, 1, 0), value=-bound), (0, 0, 0, 1), value=bound)


def spline(x: Tensor, at: Knots, bound: float) -> Tensor:
    """Spline values y (N, D) of x (N, D), equation 4."""
    inside = (x > -bound) & (x < bound)
    x0, width, y0, height, d0, d1 = _bin(torch.where(inside, x, 0.0), at[0], at)
    t = (torch.where(inside, x, 0.0) - x0) / width
    s = height / width
    rest = t * (1 - t)
    y = y0 + height * (s * t * t + d0 * rest) / (s + (d0 + d1 - 2 * s) * rest)
    return torch.where(inside, y, x)


def inverse_spline(y: Tensor, at: Knots, bound: float) -> tuple[Tensor, Tensor]:
    """Inverse x (N, D) of y (N, D) and log dx/dy (N, D), equations 6 to 8 and 5."""
    inside = (y > -bound) & (y < bound)
    value = torch.where(inside, y, 0.0)
    x0, width, y0, height, d0, d1 = _bin(value, at[1], at)
    s = height / width
    bend = d0 + d1 - 2 * s
    rise = value - y0
    a, b, c = height * (s - d0) + rise * bend, height * d0 - rise * bend, -s * rise
    root = torch.sqrt(torch.clamp(b * b - 4 * a * c, min=0.0))
    t = torch.clamp(2 * c / (-b - root), 0.0, 1.0)
    rest = t * (1 - t)
    slope = s * s * (d1 * t * t + 2 * s * rest + d0 * (1 - t) ** 2) / (s + bend * rest) ** 2
    return torch.where(inside, x0 + t * width, y), torch.where(inside, -torch.log(slope), 0.0)


def _bin(value: Tensor, edges: Tensor, at: Knots) -> tuple[Tensor, ...]:
    """Left edge, width, bottom, height and end slopes of the bin that holds each value, each (N, D)."""
    low = (value[:, None] >= edges[:, 1:-1]).sum(1, keepdim=True)
    x0, y0, d0 = (side.gather(1, low)[:, 0] for side in at)
    x1, y1, d1 = (side.gather(1, low + 1)[:, 0] for side in at)
    return x0, x1 - x0, y0, y1 - y0, d0, d1
