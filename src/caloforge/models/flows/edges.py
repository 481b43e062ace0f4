"""Shifts of the edge, the score of the threshold: they change how often a cell is hit, but not its spectrum.

Scores of empty cells are noise below the edge. Where a cell is hit more rarely than on average, the density jumps down
at the edge. Smooth splines blur the jump, and the flow then has too many isolated hits and too many hits where showers
have few.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

KAPPA = 1.702  # the logistic function of 1.702 x is within 0.01 of the normal distribution
FARTHEST = 5.0  # largest distance of an edge from zero


def moved_edge(edge: Tensor, move: Tensor) -> Tensor:
    """Edge (a score) after a shift of its log odds, at most `FARTHEST` from zero."""
    return (edge + move / KAPPA).clamp(-FARTHEST, FARTHEST)


def move_edge(x: Tensor, old: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (N, D) with their edge moved from `old` to `new`, and log of the derivative (N, D).

    Let w be the logistic function of 1.702 x. All w below the edge are scaled by one factor, and all 1 - w above it by
    another. This changes the probability of a hit and keeps both conditional distributions.
    """
    side = torch.where(x < old, 1.0, -1.0)
    inside, before, after = (side * KAPPA * v for v in (x, old, new))
    log_w = F.logsigmoid(inside) + F.logsigmoid(after) - F.logsigmoid(before)
    log_rest = torch.log1p(-torch.exp(log_w).clamp(max=1 - 1e-6))
    return side * (log_w - log_rest) / KAPPA, F.logsigmoid(-inside) - log_rest
