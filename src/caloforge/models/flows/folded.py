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
    number is gathered. Values outside the bound count as the bound. Sums over bins are no products with matrices of
    ones, each of which costs 0.2 us per shower.

    Args:
        bins: bins K of the splines.
        bound: the splines map [-bound, bound] onto itself.
        scale: factor of the values y.
    """

    def __init__(self, bins: int, bound: float, scale: float = 1.0) -> None:
        super().__init__()
        self.bins, self.bound, self.scale = bins, bound, scale
        spans = 2 * bound * torch.tensor([1.0, scale], dtype=torch.float64)[:, None, None]
        self.register_buffer("spans", ((1 - splines.MIN_BIN * bins) * spans).float())
        self.register_buffer("least", (splines.MIN_BIN * spans).float())

    spans: Tensor
    least: Tensor

    def forward(self, z: Tensor, shares: Tensor, ends: Tensor) -> Tensor:
        """Values (N, D) of z (N, D).

        Args:
            z: values (N, D).
            shares: exponentials (N, 2 K, D) of the numbers of widths and heights.
            ends: exponentials (N, K - 1, D) of the numbers of derivatives, with the constant of `folded_bias`.
        """
        shares = shares.unflatten(1, (2, self.bins))
        widths, heights = (shares * (self.spans / shares.sum(2, keepdim=True)) + self.least).unbind(1)
        first, *others = widths.split(1, 1)
        right = [first - self.bound]
        for width in others:
            right.append(right[-1] + width)
        rest = ((torch.cat(right, 1) - z[:, None]) / widths).clamp(0.0, 1.0)
        done = 1 - rest
        derivatives = F.pad(torch.log(1 + ends) + splines.MIN_DERIVATIVE, (0, 0, 1, 1), value=1.0)
        slower = self.scale * widths / heights  # one over the mean slope of a bin
        left = derivatives[:, :-1] * slower
        both = left + derivatives[:, 1:] * slower
        product = rest * done
        y = heights * ((done + (left - 1) * product) / (1 + (both - 2) * product))
        return y.sum(1) - self.bound * self.scale


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
        self.register_buffer("masses", masses.clone())

    masses: Tensor

    def forward(self, x: Tensor, changed: list[Tensor]) -> Tensor:
        """Scores (N, D) from 1.702 times the scores (N, D) in ranges of R changed masses (N, D), of any sum.

        A graph of one row per range takes less time than products with matrices of zeros and ones.
        """
        *others, highest = changed
        higher = [highest]  # masses of all ranges above an edge, of the highest edge first
        for mass in others[:0:-1]:
            higher.append(higher[-1] + mass)
        above = (higher[-1] + others[0]) / (1 + x.exp())
        rest = self.masses[-1] * (above / highest).clamp(max=1.0)
        for mass, fixed, start in zip(reversed(others), self.masses.flip(0)[1:], higher, strict=True):
            rest = rest + fixed * ((above - start) / mass).clamp(0.0, 1.0)
        scores: Tensor = ((1 - rest).clamp(min=LEAST) / rest).log() / KAPPA
        return scores


class FoldedCoupling(nn.Module):
    """A coupling block towards the data.

    Args:
        kept: number of features that stay.
        layers: hidden layers of the block's network; the first also sees the conditions, which come later.
        head: its last layer, or biases alone.
        bins: bins of the splines; none for a shift and a stretch.
        bound: largest size of a feature before splines and ranges.
        masses: masses (R, moved) of the ranges between edges; R is 0 if the block has no edges.
        local: the network that sees the features around each feature; None for none.
        hits: what the network sees of features that are data; None if they are not.
    """

    def __init__(
        self, kept: int, layers: list[nn.Linear], head: nn.Module, bins: int, bound: float, masses: Tensor,
        local: FoldedLocal | None, hits: nn.Module | None,
    ) -> None:  # fmt: skip
        super().__init__()
        first, *others = layers
        weight, given = cast("tuple[Tensor | None, Tensor]", (head.weight, head.bias))
        self.parts = [2 * bins, bins - 1] if bins else [1, 1]
        self.rows = sum(self.parts) + len(masses)
        self.register_buffer("first", first.weight.detach()[:, :kept].T.clone() if kept else None)
        self.others = nn.ModuleList(others)
        self.register_buffer("weight", None if weight is None else weight.detach().clone())
        bias = given.detach().view(self.rows, -1)
        bias = folded_bias(bias, bins) if bins else bias.clone()
        if local is not None:
            bias = bias + local.bias[:, None]
        bias[self.rows - len(masses) :] += masses.log()
        self.bias = nn.Parameter(bias.flatten())
        self.local, self.bound, self.hits = local, bound, hits
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
        seen, hit = kept, None
        if self.hits is not None:
            kept, hit = self.hits(kept)
            seen = kept + self.hits.worth * hit
        hidden = F.silu(given if self.first is None else torch.addmm(given, seen, self.first))
        for layer in self.others:
            hidden = F.silu(layer(hidden))
        raw = self.bias[None] if self.weight is None else F.linear(hidden, self.weight, self.bias)
        if self.local is not None:
            raw = raw + self.local(kept, hidden, zero, conditions, hit).flatten(1)
        n = z.shape[1]
        if self.spline is None:
            shift, *others = raw.split(n, 1)
            stretch, *changed = (row.clamp(-LARGEST, LARGEST).exp() for row in others)
            x = z * stretch + shift
            x = KAPPA * x.clamp(-self.bound, self.bound) if changed else x
        else:
            sizes = [n * part for part in self.parts]
            raw = raw.clamp(-LARGEST, LARGEST).exp()
            shares, ends, *changed = raw.split([*sizes, *[n] * (self.rows - sum(self.parts))], 1)
            x = self.spline(z, shares.unflatten(1, (-1, n)), ends.unflatten(1, (-1, n)))
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
