"""Coupling flows of rational-quadratic splines, shifts and stretches between data and standard normal numbers."""

import itertools
import math
from typing import cast

import torch
from torch import Tensor, nn

from caloforge.models.flows import splines
from caloforge.models.flows.edges import masses_between, weighted, with_masses
from caloforge.models.flows.folded import FoldedCoupling, FoldedFlow
from caloforge.models.flows.local import LocalNetwork
from caloforge.models.flows.neighbourhoods import Layout, Split

LOG_2_PI = math.log(2 * math.pi)
BOUND = 6.0  # largest size of a feature, in standard deviations, that splines and ranges transform


class Coupling(nn.Module):
    """Coupling block: half of the features change; a network computes how from the other half.

    Args:
        kept: indices of the features that stay.
        moved: indices of the features that change.
        conditions: number of conditions.
        hidden, depth: width and number of the hidden layers.
        bins: bins of the splines that change the features; 0 for a shift and a stretch in place of splines.
        local: width of the network that sees the features around each feature; 0 for none.
        layout: the features around each feature, for that network.
        edges: number of edges of each moved feature; the masses of the ranges between them change before the spline, or
            before the shift and the stretch.
        numbers: indices (n_layers, P) of the conditions that belong to the layers of features. With them, the network
            has biases alone for each feature, and all that depends on the shower comes from the network that sees the
            features around each feature, which sees the numbers of its layer, too.
        slim: whether the network that sees the features around each feature is slim.
        data: whether the kept features are data. Networks then see by how much a feature exceeds its first edge and
            whether it does, and nothing of the noise below it.
    """

    masses: Tensor

    def __init__(
        self, kept: Tensor, moved: Tensor, conditions: int, hidden: int, depth: int, bins: int, local: int = 0,
        layout: Layout | None = None, *, edges: int = 0, numbers: Tensor | None = None, slim: bool = False,
        data: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.bins, self.ranges = bins, edges + 1 if edges else 0
        self.shape = (_numbers_per_feature(bins) + self.ranges, len(moved))
        self.register_buffer("masses", torch.ones(self.ranges, len(moved)) / max(self.ranges, 1))
        widths = [len(kept) + conditions, *[hidden] * depth]
        hiddens = [layer for n_in, n_out in itertools.pairwise(widths) for layer in _dense(n_in, n_out)]
        outputs = self.shape[0] * len(moved)
        self.network = nn.Sequential(*hiddens, nn.Linear(widths[-1], outputs) if numbers is None else Biases(outputs))
        with torch.no_grad():
            for parameter in self.network[-1].parameters():
                parameter.mul_(0.1)
        self.hits = Hits(len(kept)) if data else None
        self.local = None
        if layout is not None:
            self.local = LocalNetwork(layout, kept, moved, local, hidden, self.shape[0], numbers, slim=slim, data=data)

    def to_latent(self, x: Tensor, kept: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Moved features (N, moved) after this block, towards the latent numbers, and log of the derivatives."""
        numbers, weights = self._network_outputs(kept, conditions)
        if not self.ranges:
            return self._unbent(x, numbers)
        x, of_ranges = weighted(x, self.masses, weights)
        x, log_derivative = self._unbent(x, numbers)
        return x, of_ranges + log_derivative

    def _unbent(self, x: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Inverse of the spline, or of the shift and the stretch, and log of the derivatives."""
        if self.bins:
            return splines.inverse_spline(x, numbers, BOUND)
        shift, stretch = numbers.unbind(1)
        return (x - shift) * (-stretch).exp(), -stretch

    def to_data(self, z: Tensor, kept: Tensor, conditions: Tensor) -> Tensor:
        """Moved features (N, moved) after this block, towards the data.

        Numbers that a stretch has moved beyond the bound count as the bound where splines or ranges follow.
        """
        numbers, weights = self._network_outputs(kept, conditions)
        if self.bins:
            x = splines.spline(z.clamp(-BOUND, BOUND), numbers, BOUND)
        else:
            shift, stretch = numbers.unbind(1)
            x = z * stretch.exp() + shift
            x = x.clamp(-BOUND, BOUND) if self.ranges else x
        return with_masses(x, self.masses * weights.exp(), self.masses) if self.ranges else x

    def _network_outputs(self, kept: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers (N, 3 K - 1 or 2, moved) of splines or shifts, and log weights (N, R, moved) of the ranges."""
        seen, hit = kept, None
        if self.hits is not None:
            kept, hit = self.hits(kept)
            seen = kept + self.hits.worth * hit
        hidden = self.network[:-1](torch.cat([seen, conditions], 1))
        parameters: Tensor = self.network[-1](hidden).view(-1, *self.shape)
        if self.local is not None:
            parameters = parameters + self.local(kept, hidden, conditions, hit)
        numbers, weights = parameters.split([self.shape[0] - self.ranges, self.ranges], 1)
        return numbers, weights

    def folded(self, kept: int) -> tuple[FoldedCoupling, tuple[Tensor, Tensor]]:
        """This block towards the data in fewer operations, and its weights (hidden, C) and biases of the conditions."""
        layers = [layer for layer in list(self.network)[:-1] if isinstance(layer, nn.Linear)]
        local = None if self.local is None else self.local.folded()
        block = FoldedCoupling(kept, layers, cast(Head, self.network[-1]), self.bins, BOUND, self.masses, local,
                               self.hits)  # fmt: skip
        return block, (layers[0].weight.detach()[:, kept:], layers[0].bias.detach())


def _numbers_per_feature(bins: int) -> int:
    return splines.parameters_per_value(bins) if bins else 2


def _dense(n_in: int, n_out: int) -> tuple[nn.Module, nn.Module]:
    return nn.Linear(n_in, n_out), nn.SiLU()


class Hits(nn.Module):
    """What networks see of features that are data.

    Args:
        size: number of features.
    """

    level: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("level", torch.zeros(size))
        self.worth = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """By how much features (N, size) exceed their first edge, at least zero, and whether they do, as numbers."""
        above = x - self.level
        return above.clamp(min=0.0), (above >= 0).to(x.dtype)


class Biases(nn.Module):
    """A last layer that does not depend on the layer before it.

    Args:
        outputs: number of outputs.
    """

    weight = None

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, hidden: Tensor) -> Tensor:
        """Biases (N, outputs) for hidden values (N, ...)."""
        return self.bias.expand(len(hidden), -1)


Head = nn.Linear | Biases


class CouplingFlow(nn.Module):
    """Density p(x | conditions) of D features by coupling blocks.

    Blocks transform one half and the other alternately. Before every second block the features are permuted, at random
    or, with a layout, by its splits in turn. Source: Dinh et al., arXiv:1605.08803 (shift and stretch); Durkan et al.,
    arXiv:1906.04032 (splines).

    Args:
        size: number D of features.
        conditions: number of conditions.
        blocks, hidden, depth, bins: sizes of the flow.
        plain: number of blocks, those next to the latent numbers, that shift and stretch in place of splines.
        local: width of the networks that see the features around each feature.
        seeing: number of blocks, those next to the data, that have such a network; by default those with splines, at
            least two, and all with `numbers`.
        slim: whether these networks are slim.
        layout: neighbourhoods and splits for these networks; None for none.
        edges: edges of each feature in the two blocks next to the data, which `set_edges` sets; 0 for none.
        data: whether the networks of the block next to the data see which features exceed their first edge, as in
            `Coupling`, which hides noise below it.
        numbers: indices (n_layers, P) of the conditions of the layers, as in `Coupling`; None for none.
    """

    def __init__(
        self, size: int, conditions: int, *, blocks: int, hidden: int, depth: int, bins: int, plain: int = 0,
        local: int = 0, seeing: int | None = None, slim: bool = False, layout: Layout | None = None, edges: int = 0,
        data: bool = False, numbers: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        bent = blocks - plain
        if seeing is None:
            seeing = max(bent, 2) if numbers is None else blocks
        pairs = (blocks + 1) // 2
        splits = (
            [_halves(size)] * pairs if layout is None else [layout.splits[k % len(layout.splits)] for k in range(pairs)]
        )
        permutations = (
            [_random_permutation(size, seed) for seed in range(pairs)] if layout is None else _permutations(splits)
        )
        self.halves = [(len(first), len(second)) for first, second in splits]
        # "deals" and "returns" are keys of model.pt: the permutations before every second block, and their inverses
        self.register_buffer("deals", torch.stack(permutations))
        self.register_buffer("returns", torch.stack([order.argsort() for order in permutations]))
        self.moves_first = [size == 1 or i % 2 == 0 for i in range(blocks)]
        self.blocks = nn.ModuleList(
            Coupling(
                *_sides(splits[i // 2], first),
                conditions,
                hidden,
                depth,
                bins if i < bent else 0,
                local,
                layout if i < seeing else None,
                edges=edges if i < 2 else 0,
                numbers=numbers,
                slim=slim,
                data=data and i == 0,
            )
            for i, first in enumerate(self.moves_first)
        )

    deals: Tensor
    returns: Tensor

    def forward(self, x: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Latent numbers z (N, D) of data x (N, D), and log |dz/dx| (N,)."""
        log_derivative = torch.zeros_like(x[:, 0])
        for i, block in enumerate(self.couplings):
            if i % 2 == 0:
                x = x.index_select(1, self.deals[i // 2])
            first, second = x.split(self.halves[i // 2], 1)
            kept, moved = (second, first) if self.moves_first[i] else (first, second)
            moved, log_derivatives = block.to_latent(moved, kept, conditions)
            x = torch.cat([moved, kept] if self.moves_first[i] else [kept, moved], 1)
            log_derivative = log_derivative + log_derivatives.sum(1)
        return x, log_derivative

    def inverse(self, z: Tensor, conditions: Tensor) -> Tensor:
        """Data x (N, D) of latent numbers z (N, D)."""
        for i, block in reversed(list(enumerate(self.couplings))):
            first, second = z.split(self.halves[i // 2], 1)
            kept, moved = (second, first) if self.moves_first[i] else (first, second)
            moved = block.to_data(moved, kept, conditions)
            z = torch.cat([moved, kept] if self.moves_first[i] else [kept, moved], 1)
            if i % 2 == 0:
                z = z.index_select(1, self.returns[i // 2])
        return z

    def folded(self) -> FoldedFlow:
        """The inverse alone, in fewer operations, for exported graphs."""
        kept = [self.halves[i // 2][first] for i, first in enumerate(self.moves_first)]
        blocks = [block.folded(n) for block, n in zip(self.couplings, kept, strict=True)]
        return FoldedFlow([block for block, _ in blocks], [given for _, given in blocks], self.halves, self.moves_first,
                          self.returns)  # fmt: skip

    @property
    def places(self) -> Tensor:
        """Index (D,) of the latent number that becomes each feature if all splines are the identity."""
        order = torch.arange(self.deals.shape[1], device=self.deals.device)
        for permutation in self.deals:
            order = order[permutation]
        return order.argsort()

    def set_edges(self, edges: Tensor) -> None:
        """Set the edges (E, D), ascending scores; a feature counts as hit above the first."""
        halves = masses_between(edges)[:, self.deals[0]].split(self.halves[0], 1)
        levels = edges[0, self.deals[0]].split(self.halves[0])
        for i, block in enumerate(self.couplings):
            if block.hits is not None:
                block.hits.level.copy_(levels[1 if self.moves_first[i] else 0])
            if block.local is not None:
                block.local.set_levels(edges[0])
            if block.ranges:
                block.masses.copy_(halves[0 if self.moves_first[i] else 1])

    @property
    def couplings(self) -> list[Coupling]:
        """The blocks, the one next to the data first."""
        return [cast(Coupling, block) for block in self.blocks]

    def log_density(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Log p(x | conditions) (N,)."""
        z, log_derivative = self.forward(x, conditions)
        return log_derivative - 0.5 * (z.square() + LOG_2_PI).sum(1)


def _halves(size: int) -> Split:
    first, second = torch.arange(size).split([size - size // 2, size // 2])
    return first, second


def _sides(split: Split, moves_first: bool) -> Split:
    """The features that stay, and the features that are transformed."""
    first, second = split
    return (second, first) if moves_first else (first, second)


def _permutations(splits: list[Split]) -> list[Tensor]:
    """Permutations from the order of the previous split to the order of each split."""
    orders = [torch.arange(sum(map(len, splits[0]))), *(torch.cat(split) for split in splits)]
    return [before.argsort()[order] for before, order in itertools.pairwise(orders)]


def _random_permutation(size: int, seed: int) -> Tensor:
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed))
