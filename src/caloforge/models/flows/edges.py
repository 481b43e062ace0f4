"""Edges divide the scores of a cell into ranges, whose probabilities a flow changes apart from its splines.

Scores of empty cells are noise below the first edge, the score of the threshold. Where a cell is hit more rarely than
on average, the density jumps down there. Smooth splines blur the jump, and the flow then has too many isolated hits.
The same holds for faint hits, which come together, and whose scores are a hundredth of all.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

KAPPA = 1.702  # the logistic function of 1.702 x is within 0.01 of the normal distribution
LEAST_MASS = 1e-6  # so that ranges without any score have a width


def masses_between(edges: Tensor) -> Tensor:
    """Masses (E + 1, D) of the ranges between ascending edges (E, D), as the logistic function of 1.702 x."""
    ends = torch.sigmoid(KAPPA * edges.double())
    masses = torch.diff(ends, dim=0, prepend=torch.zeros_like(ends[:1]), append=torch.ones_like(ends[:1]))
    masses = masses.clamp(min=LEAST_MASS)
    return (masses / masses.sum(0)).to(edges.dtype)


def below_and_above(x: Tensor, masses: Tensor) -> tuple[Tensor, Tensor]:
    """Shares (N, R, D) of each range that lie below and above the scores x (N, D).

    Args:
        x: scores.
        masses: masses (R, D) or (N, R, D) of the ranges in ascending order, of any sum.
    """
    total = masses.sum(-2, keepdim=True)
    higher = torch.ones(masses.shape[-2], masses.shape[-2], dtype=x.dtype, device=x.device).triu(1) @ masses
    above = ((torch.sigmoid(-KAPPA * x)[:, None] * total - higher) / masses).clamp(0.0, 1.0)
    lowest = (torch.sigmoid(KAPPA * x)[:, None] * total / masses[..., :1, :]).clamp(max=1.0)
    return torch.cat([lowest, 1 - above[:, 1:]], 1), above


def with_masses(x: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Scores (N, D) whose ranges have other masses; within each range, probabilities keep their ratios."""
    below, above = below_and_above(x, before)
    return ((below * after).sum(1).log() - (above * after).sum(1).log()) / KAPPA


def weighted(x: Tensor, masses: Tensor, log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (N, D) whose masses are multiplied by weights, and log of the derivative (N, D).

    Let w be the logistic function of 1.702 x. It becomes a function that is linear in each range.

    Args:
        x: scores (N, D).
        masses: masses (R, D) of the ranges, of sum one.
        log_weights: logarithms (N, R, D) of the weights; a constant changes nothing.
    """
    after = masses * log_weights.exp()
    below, above = below_and_above(x, masses)
    log_below, log_above = ((share * after).sum(1).log() for share in (below, above))
    at = (above < 1).sum(1, keepdim=True).clamp(min=1) - 1
    slope = log_weights.gather(1, at)[:, 0] + after.sum(1).log() + F.logsigmoid(KAPPA * x) + F.logsigmoid(-KAPPA * x)
    return (log_below - log_above) / KAPPA, slope - log_below - log_above
