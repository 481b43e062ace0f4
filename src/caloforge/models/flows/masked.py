"""Masked autoregressive flows of rational-quadratic splines, with a fast density (MAF) or fast sampling (IAF).

A block transforms each feature by a spline whose parameters a masked network computes from the features of lower
rank. If these features are data, the density takes one pass and sampling one step per feature (MAF, Papamakarios et
al., arXiv:1705.07057). If they are latent numbers, it is the reverse (IAF, Kingma et al., arXiv:1606.04934).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caloforge.models.flows import splines
from caloforge.models.flows.coupling import BOUND, LOG_2_PI
from caloforge.models.parts.loops import loop

UNROLLED = 8  # largest number of features that an exported graph samples without a loop
UNMIXED = 8  # one hidden unit in eight sees the conditions alone
Transform = Callable[[Tensor, Tensor], Tensor]


def hidden_degrees(size: int, hidden: int) -> Tensor:
    """Degrees (hidden,) of hidden units, in ascending order.

    A unit of degree m sees the ranks below m and feeds the ranks from m on. An eighth of the units has degree 0; the
    other degrees are spread evenly over 1 to size - 1.
    """
    unmixed = max(1, hidden // UNMIXED)
    mixed = hidden - unmixed
    degrees = 1 + torch.arange(mixed) * (size - 1) // max(mixed, 1)
    return torch.cat([torch.zeros(unmixed, dtype=torch.int64), degrees.clamp(max=size - 1)])


class Masked(torch.autograd.Function):
    """Weights that stay zero outside a mask, since their gradient is zero there."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, mask: Tensor) -> Tensor:
        """The weights."""
        ctx.save_for_backward(mask)
        return weights.view_as(weights)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient inside the mask."""
        (mask,) = ctx.saved_tensors
        return gradient.masked_fill(~mask, 0.0), None


class MaskedNetwork(nn.Module):
    """Outputs for every rank from the ranks below it and the conditions (MADE, Germain et al., arXiv:1502.03509).

    With fewer hidden units than features, neighbouring ranks share a unit, and the dependencies between them are lost.
    Ranks up to `reach` apart are therefore also joined directly. Weights outside the masks start at zero and get no
    gradient, so that no mask is applied when the network is used.
    """

    sees: Tensor
    feeds: Tensor
    passes: Tensor
    finished: Tensor

    def __init__(self, size: int, conditions: int, hidden: int, outputs: int, dropout: float, depth: int = 1) -> None:
        super().__init__()
        degrees, ranks = hidden_degrees(size, hidden), torch.arange(size)
        ends = torch.cat([degrees, torch.tensor([size])]).unique()
        self.reach = int(ends.diff().max()) - 1
        self.register_buffer("sees", ranks < degrees[:, None], persistent=False)
        self.register_buffer("feeds", degrees <= ranks[:, None], persistent=False)
        self.register_buffer("passes", degrees <= degrees[:, None], persistent=False)
        self.conditions = nn.Linear(conditions, hidden)
        scale = degrees.clamp(min=1).rsqrt()[:, None]
        self.inputs = nn.Parameter(self.sees * scale * _uniform(hidden, size))
        self.outputs = nn.Parameter(self.feeds * 0.1 / math.sqrt(hidden) * _uniform(outputs, size, hidden))
        self.bias = nn.Parameter(torch.zeros(outputs, size))
        near = 0.1 / math.sqrt(hidden) * _uniform(self.reach, outputs, size)
        self.register_parameter("near", nn.Parameter(near) if self.reach else None)
        self.dropout = nn.Dropout(dropout)
        scale = self.passes * (6.0 / self.passes.sum(1, keepdim=True)).sqrt()  # SiLU halves a small signal
        self.deeper = nn.ParameterList(nn.Parameter(scale * _uniform(hidden, hidden)) for _ in range(depth - 1))
        self.deeper_bias = nn.ParameterList(nn.Parameter(torch.zeros(hidden)) for _ in range(depth - 1))
        units = [(degrees == rank).nonzero()[:, 0] for rank in range(1, size)] + [torch.tensor([-1])]
        finished = nn.utils.rnn.pad_sequence(units, batch_first=True, padding_value=-1)
        self.register_buffer("finished", finished, persistent=False)
        self.unmixed = int((degrees == 0).sum())

    near: nn.Parameter | None

    def forward(self, known: Tensor, conditions: Tensor) -> Tensor:
        """Outputs (N, outputs, D) for features (N, D), sorted by rank, and conditions (N, C)."""
        inputs, outputs, deeper = self._weights()
        hidden = self.dropout(F.silu(F.linear(known, inputs) + self.conditions(conditions)))
        for weights, bias in zip(deeper, self.deeper_bias, strict=True):
            hidden = self.dropout(F.silu(F.linear(hidden, weights, bias)))
        raw = F.linear(hidden, outputs.flatten(0, 1), self.bias.flatten()).view(-1, *self.bias.shape)
        for distance in range(1, self.reach + 1):
            assert self.near is not None
            raw = raw + self.near[distance - 1] * F.pad(known, (distance, 0))[:, None, : known.shape[1]]
        return raw

    def _weights(self) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Weights into the first hidden layer (hidden, D), out of the last one (outputs, D, hidden), and between."""
        if self.training:
            deeper = [Masked.apply(weights, self.passes) for weights in self.deeper]
            return Masked.apply(self.inputs, self.sees), Masked.apply(self.outputs, self.feeds), deeper
        return self.inputs, self.outputs, list(self.deeper)

    def sequential(self, given: Tensor, conditions: Tensor, transform: Transform) -> Tensor:
        """Features (N, D) found rank by rank: each is `transform(given, outputs)`, with outputs from earlier features.

        The hidden units add up one feature after the other, and each step computes the outputs of its rank only. A unit
        enters the next layer in the step after which it cannot change. All steps together cost about as much as one
        pass.
        """
        inputs, outputs, deeper = self._weights()
        rows = [given.T, inputs.T, outputs.transpose(0, 1), self.bias.T]
        state = [self.conditions(conditions)]
        for weights, bias in zip(deeper, self.deeper_bias, strict=True):
            rows += [self.finished.clamp(min=0), self._entering(weights)]
            state.append(F.linear(F.silu(state[-1][:, : self.unmixed]), weights[:, : self.unmixed], bias))
        if self.near is not None:
            rows.append(self.near.permute(2, 0, 1))
            state.append(given.new_zeros(given.shape[0], self.reach))

        def step(state: list[Tensor], row: list[Tensor]) -> tuple[list[Tensor], Tensor]:
            one, into, out, bias, *more = row
            layers, last, near = state[: 1 + len(deeper)], state[1 + len(deeper) :], more[2 * len(deeper) :]
            raw = F.silu(layers[-1]) @ out.T + bias
            if near:
                raw = raw + last[0] @ near[0]
            found = transform(one[:, None], raw[:, :, None])
            after = [layers[0] + found * into]
            for sums, finished, entering in zip(layers[1:], more[::2], more[1::2], strict=False):
                after.append(sums + F.silu(after[-1].index_select(1, finished)) @ entering.T)
            if near:
                after.append(torch.cat([found, last[0][:, :-1]], 1))
            return after, found[:, 0].clone()

        unroll = given.shape[1] <= UNROLLED
        return loop(step, state, [row.contiguous() for row in rows], unroll=unroll).T

    def _entering(self, weights: Tensor) -> Tensor:
        """Weights (D, hidden, K) of the units that enter the next layer after each rank, at most K of them."""
        columns = weights[:, self.finished.clamp(min=0)] * (self.finished >= 0)
        return columns.transpose(0, 1)


def _uniform(*shape: int) -> Tensor:
    return 2 * torch.rand(*shape) - 1


@dataclass(frozen=True)
class Steps:
    """The points between data and latent numbers.

    Attributes:
        points: features (N, D) at the data, between the blocks, and at the latent numbers.
        parameters: raw spline parameters (N, 3 K - 1, D) of every block, the one next to the data first.
    """

    points: list[Tensor]
    parameters: list[Tensor]


class MaskedFlow(nn.Module):
    """Density p(x | conditions) of D features by masked autoregressive blocks of splines.

    Before each block the features are permuted within their groups, alternately reversed and at random. Source:
    CaloFlow (arXiv:2106.05285), whose groups are the layers.

    Args:
        size, conditions: numbers D of features and C of conditions.
        blocks: number of masked networks.
        hidden: units of each hidden layer of a network.
        bins: bins of each spline.
        depth: hidden layers of each network.
        dropout: share of the hidden units left out in a training step.
        groups: sizes of the groups of features, whose order stays; one group by default.
        bound: splines act inside [-bound, bound].
        inverse: whether the networks see latent numbers (IAF) instead of data (MAF).
    """

    orders: Tensor
    returns: Tensor

    def __init__(
        self,
        size: int,
        conditions: int,
        *,
        blocks: int,
        hidden: int,
        bins: int,
        depth: int = 1,
        dropout: float = 0.0,
        groups: tuple[int, ...] = (),
        bound: float = BOUND,
        inverse: bool = False,
    ) -> None:
        super().__init__()
        self.bound, self.inverted = bound, inverse
        orders = torch.stack([_order(groups or (size,), block) for block in range(blocks)])
        self.register_buffer("orders", orders)
        self.register_buffer("returns", orders.argsort(1))
        outputs = splines.parameters_per_value(bins)
        self.blocks = nn.ModuleList(
            MaskedNetwork(size, conditions, hidden, outputs, dropout, depth) for _ in range(blocks)
        )

    def forward(self, x: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Latent numbers z (N, D) of data x (N, D), and log |dz/dx| (N,)."""
        steps, log_derivative = self.to_latent(x, conditions)
        return steps.points[-1], log_derivative

    def to_latent(self, x: Tensor, conditions: Tensor) -> tuple[Steps, Tensor]:
        """The steps from data x (N, D) to latent numbers, and log |dz/dx| (N,)."""
        points, parameters, log_derivative = [x], [], torch.zeros_like(x[:, 0])
        for block, order in zip(self._networks, self.orders, strict=True):
            x = x.index_select(1, order)
            known = block.sequential(x, conditions, self._inverse_spline) if self.inverted else x
            parameters.append(block(known, conditions))
            x, log_derivatives = splines.inverse_spline(x, parameters[-1], self.bound)
            log_derivative = log_derivative + log_derivatives.sum(1)
            points.append(x)
        return Steps(points, parameters), log_derivative

    def to_data(self, z: Tensor, conditions: Tensor) -> Steps:
        """The steps from latent numbers z (N, D) to data."""
        points, parameters = [z], []
        for block, order in zip(self._networks[::-1], self.returns.flip(0), strict=True):
            known = z if self.inverted else block.sequential(z, conditions, self._spline)
            parameters.append(block(known, conditions))
            z = self._spline(z, parameters[-1]).index_select(1, order)
            points.append(z)
        return Steps(points[::-1], parameters[::-1])

    def inverse(self, z: Tensor, conditions: Tensor) -> Tensor:
        """Data x (N, D) of latent numbers z (N, D)."""
        for block, order in zip(self._networks[::-1], self.returns.flip(0), strict=True):
            z = (
                self._spline(z, block(z, conditions))
                if self.inverted
                else block.sequential(z, conditions, self._spline)
            )
            z = z.index_select(1, order)
        return z

    def log_density(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Log p(x | conditions) (N,)."""
        z, log_derivative = self.forward(x, conditions)
        return log_derivative - 0.5 * (z.square() + LOG_2_PI).sum(1)

    @property
    def _networks(self) -> list[MaskedNetwork]:
        return [block for block in self.blocks if isinstance(block, MaskedNetwork)]

    def _spline(self, z: Tensor, parameters: Tensor) -> Tensor:
        return splines.spline(z, parameters, self.bound)

    def _inverse_spline(self, x: Tensor, parameters: Tensor) -> Tensor:
        return splines.inverse_spline(x, parameters, self.bound)[0]


def _order(groups: tuple[int, ...], block: int) -> Tensor:
    """Permutation of the features before a block."""
    generator = torch.Generator().manual_seed(block)
    parts, first = [], 0
    for size in groups:
        part = torch.arange(size)
        if block % 2 == 1:
            part = part.flip(0)
        elif block > 0:
            part = torch.randperm(size, generator=generator)
        parts.append(first + part)
        first += size
    return torch.cat(parts)
