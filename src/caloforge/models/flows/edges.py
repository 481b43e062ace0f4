"""Shifts of the score of the threshold (the edge): how often a cell is hit, apart from how much energy it holds.

Scores of empty cells are noise below the score of the threshold. Where a cell is hit more rarely than on average, the
density jumps down at that edge. Smooth splines blur the jump: the flow then has
too many isolated hits, and too many hits where showers have few.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

KAPPA = 1.702  # the logistic function of 1.702 x is within 0.01 of the normal distribution
FARTHEST = 5.0  # of an edge from zero


def moved_edge(edge: Tensor, move: Tensor) -> Tensor:
    """Edge, as a score, after a shift of its log odds; at most `FARTHEST` from zero."""
    return (edge + move / KAPPA).clamp(-FARTHEST, FARTHEST)


def move_edge(x: Tensor, old: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (N, D) whose edge is moved from `old` to `new`, and log of the derivative (N, D).

    With w the logistic function of 1.702 x, all w below the edge are scaled by one factor, and all 1 - w above it by
    another: the probability of a hit changes, and both conditional distributions stay.
    """
    side = torch.where(x < old, 1.0, -1.0)
    inside, before, after = (side * KAPPA * v for v in (x, old, new))
    log_w = F.logsigmoid(inside) + F.logsigmoid(after) - F.logsigmoid(before)
    log_rest = torch.log1p(-torch.exp(log_w).clamp(max=1 - 1e-6))
    return side * (log_w - log_rest) / KAPPA, F.logsigmoid(-inside) - log_rest
