"""Coupling flows in fewer operations, for exported graphs: constants go into weights, and splines need no search.

A folded flow gives the samples of the flow it is made from, up to rounding. It has no density and does not learn.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caloforge.models.flows import splines
from caloforge.models.flows.edges import KAPPA
from caloforge.models.flows.folded_local import FoldedLocal
from caloforge.models.parts.folded_tables import Picked, nothing

LEAST = 1e-7  # share of scores below a score; about the rounding of single precision
LARGEST = 60.0  # bound of the networks' raw numbers, so that their exponentials and the sums of these are finite


class FoldedSpline(nn.Module):
    """Rational-quadratic splines of all bins at once: y is the sum of the rises in all bins.

    A value beyond a bin takes the whole rise of this bin, and a value before it nothing. No bin is searched, and no
    number is gathered. Values outside the bound count as the bound.

    Args:
        bins: bins K of the splines.
        bound: the splines map [-bound, bound] onto itself.
        scale: factor of the values y.
    """

    def __init__(self, bins: int, bound: float, scale: float = 1.0) -> None:
        super().__init__()
        self.bins, self.end = bins, bound * scale
        spans = 2 * bound * torch.tensor([1.0, scale], dtype=torch.float64)
        shares = 1 - splines.MIN_BIN * bins
        self.register_buffer("sums", (1 / (shares * spans))[:, None, None].expand(2, 1, bins).float())
        self.register_buffer("least", (splines.MIN_BIN * spans)[:, None, None].float())
        self.register_buffer("ends", torch.ones(bins, bins).tril() - 0.5)
        # derivatives at the left ends, and their sums at both ends; the outermost ones are 1
        left, right = torch.eye(bins + 1)[:-1, 1:-1], torch.eye(bins + 1)[1:, 1:-1]
        known = torch.stack([left, left + right])
        fixed = torch.zeros(2, bins)
        fixed[0, 0] = fixed[1, 0] = fixed[1, -1] = 1.0
        fixed += splines.MIN_DERIVATIVE * known.sum(2)
        self.register_buffer("known", scale * known)
        self.register_buffer("fixed", scale * fixed[:, :, None])
        self.register_buffer("straight", torch.tensor([1.0, 2.0])[:, None, None])

    sums: Tensor
    least: Tensor
    ends: Tensor
    known: Tensor
    fixed: Tensor
    straight: Tensor

    def forward(self, z: Tensor, shares: Tensor, ends: Tensor) -> Tensor:
        """Values (N, D) of z (N, D).

        Args:
            z: values (N, D).
            shares: exponentials (N, 2 K, D) of the numbers of widths and heights.
            ends: exponentials (N, K - 1, D) of the numbers of derivatives, with the constant of `folded_bias`.
        """
        shares = shares.view(-1, 2, self.bins, z.shape[1])
        width, height = (shares / (self.sums @ shares) + self.least).split(1, 1)
        rest = ((self.ends @ width - z[:, None, None]) / width).clamp(0.0, 1.0)
        done = 1 - rest
        derivatives = self.known @ torch.log(1 + ends)[:, None] + self.fixed
        excess, bend = ((derivatives * (width / height) - self.straight) * (rest * done)).split(1, 1)
        y: Tensor = (height * ((done + excess) / (1 + bend))).sum((1, 2)) - self.end
        return y


def folded_bias(bias: Tensor, bins: int) -> Tensor:
    """Biases (P, D) of a network's last layer, with the constant of the splines' derivatives added."""
    bias = bias.clone()
    bias[2 * bins : 3 * bins - 1] += math.log(math.expm1(1 - splines.MIN_DERIVATIVE))
    return bias


class FoldedRanges(nn.Module):
    """Gives the ranges between edges their fixed masses back, which a network has changed.

    Args:
        masses: masses (R, D) of the ranges, of sum one.
    """

    def __init__(self, masses: Tensor) -> None:
        super().__init__()
        ranges = len(masses)
        self.register_buffer("masses", masses.clone())
        self.register_buffer("sums", torch.cat([torch.ones(1, ranges), torch.ones(ranges, ranges).triu(1)]))

    masses: Tensor
    sums: Tensor

    def forward(self, x: Tensor, changed: Tensor) -> Tensor:
        """Scores (N, D) from 1.702 times the scores (N, D) in ranges of the changed masses (N, R, D), of any sum."""
        total, higher = (self.sums @ changed).split([1, len(self.masses)], 1)
        above = ((total / (1 + x.exp())[:, None] - higher) / changed).clamp(0.0, 1.0)
        rest = (above * self.masses).sum(1)
        scores: Tensor = ((1 - rest).clamp(min=LEAST) / rest).log() / KAPPA
        return scores


class FoldedCoupling(nn.Module):
    """A coupling block towards the data.

    Args:
        kept: number of features that stay.
        layers: hidden layers of the block's network; the first also sees the conditions, which come later.
        head: its last layer, or biases alone.
        bins, bound: those of the splines; no bins for a shift and a stretch.
        masses: masses (R, moved) of the ranges between edges; R is 0 if the block has no edges.
        local: the network that sees the features around each feature; None for none.
    """

    def __init__(
        self, kept: int, layers: list[nn.Linear], head: nn.Module, bins: int, bound: float, masses: Tensor,
        local: FoldedLocal | None,
    ) -> None:  # fmt: skip
        super().__init__()
        first, *others = layers
        weight, given = cast("tuple[Tensor | None, Tensor]", (head.weight, head.bias))
        self.parts = [2 * bins, bins - 1, len(masses)] if bins else [1, 1]
        self.rows = sum(self.parts)
        self.register_buffer("first", first.weight.detach()[:, :kept].T.clone() if kept else None)
        self.others = nn.ModuleList(others)
        self.register_buffer("weight", None if weight is None else weight.detach().clone())
        bias = given.detach().view(self.rows, -1)
        bias = folded_bias(bias, bins) if bins else bias.clone()
        if local is not None:
            bias = bias + local.bias[:, None]
        bias[self.rows - len(masses) :] += masses.log()
        self.bias = nn.Parameter(bias.flatten())
        self.local = local
        self.ranges = FoldedRanges(masses) if len(masses) else None
        self.spline = FoldedSpline(bins, bound, KAPPA if len(masses) else 1.0) if bins else None

    first: Tensor | None
    weight: Tensor | None

    def forward(self, z: Tensor, kept: Tensor, given: Tensor, zero: Tensor, conditions: Tensor) -> Tensor:
        """Moved features (N, moved) after this block.

        Args:
            z: features (N, moved) before it.
            kept: features (N, kept) that stay.
            given: the conditions' part (N, hidden) of the first layer.
            zero: `nothing` of any tensor of N rows.
            conditions: the conditions (N, C).
        """
        hidden = F.silu(given if self.first is None else torch.addmm(given, kept, self.first))
        for layer in self.others:
            hidden = F.silu(layer(hidden))
        raw = self.bias if self.weight is None else F.linear(hidden, self.weight, self.bias)
        raw = raw.view(-1, self.rows, z.shape[1])
        if self.local is not None:
            raw = raw + self.local(kept, hidden, zero, conditions)
        if self.spline is None:
            shift, stretch = raw.unbind(1)
            return z * stretch.clamp(-LARGEST, LARGEST).exp() + shift
        shares, ends, changed = raw.clamp(-LARGEST, LARGEST).exp().split(self.parts, 1)
        x: Tensor = self.spline(z, shares, ends)
        return x if self.ranges is None else cast(Tensor, self.ranges(x, changed))


class FoldedFlow(nn.Module):
    """A coupling flow from latent numbers to data.

    The conditions' part of all first layers is one product.

    Args:
        blocks: blocks, the one next to the data first, with the weights (hidden, C) and biases of their conditions.
        halves: sizes of the halves of each pair of blocks.
        moves_first: whether a block transforms the first half.
        returns: permutations (pairs, D) behind each pair of blocks.
    """

    def __init__(
        self, blocks: list[FoldedCoupling], conditions: list[tuple[Tensor, Tensor]], halves: list[tuple[int, int]],
        moves_first: list[bool], returns: Tensor,
    ) -> None:  # fmt: skip
        super().__init__()
        self.halves, self.moves_first = halves, moves_first
        self.blocks = nn.ModuleList(blocks)
        self.weight = nn.Parameter(torch.cat([weight for weight, _ in conditions]))
        self.bias = nn.Parameter(torch.cat([bias for _, bias in conditions]))
        self.returns = nn.ModuleList(Picked(order) for order in returns)

    def inverse(self, z: Tensor, conditions: Tensor) -> Tensor:
        """Data x (N, D) of latent numbers z (N, D)."""
        zero = nothing(z)
        given = F.linear(conditions, self.weight, self.bias).chunk(len(self.blocks), 1)
        for i in reversed(range(len(self.blocks))):
            if i == len(self.blocks) - 1 or i % 2 == 1:
                halves = list(z.split(self.halves[i // 2], 1))
            moved = 0 if self.moves_first[i] else 1
            halves[moved] = self.blocks[i](halves[moved], halves[1 - moved], given[i], zero, conditions)
            if i % 2 == 0:
                z = self.returns[i // 2](torch.cat(halves, 1), zero)
        return z
