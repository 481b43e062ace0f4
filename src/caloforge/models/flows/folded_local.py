"""The network that sees the cells around a cell, in fewer operations, for exported graphs."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caloforge.models.parts.folded_tables import Picked

ONE = 1.2784645427610738  # SiLU of it is one


class FoldedOwnLayer(nn.Module):
    """What a cell sees of the numbers of its own layer.

    Args:
        weight: weights (width, P) of a layer's numbers.
        numbers: indices (n_layers, P) of the numbers among the conditions.
        layers: layer (moved,) of each moved cell, in ascending order.
        more: hidden numbers behind the others, to which nothing is added.
    """

    def __init__(self, weight: Tensor, numbers: Tensor, layers: Tensor, more: int) -> None:
        super().__init__()
        self.picked, self.shape = Picked(numbers.T.flatten()), tuple(numbers.T.shape)
        self.register_buffer("weight", F.pad(weight.detach(), (0, 0, 0, more)).clone())
        sizes = torch.bincount(layers, minlength=len(numbers))
        equal = bool((sizes == sizes[0]).all())  # then no column is gathered
        self.register_buffer("layers", None if equal else layers.clone())

    weight: Tensor
    layers: Tensor | None

    def forward(self, hidden: Tensor, conditions: Tensor, zero: Tensor) -> Tensor:
        """Hidden values (N, width + more, moved) with those of the layers added."""
        own = self.weight @ self.picked(conditions, zero).view(-1, *self.shape)
        if self.layers is not None:
            each: Tensor = own.index_select(2, self.layers)
            return hidden + each
        added: Tensor = hidden.unflatten(2, (self.shape[1], -1)) + own[..., None]
        return added.flatten(2)


class FoldedLocal(nn.Module):
    """Parameters of moved cells from the kept cells around them, without the biases of the last layer.

    Cells are on the last axis, so that every product runs along contiguous memory. Places around a cell that never hold
    a kept cell are left out: in a checkerboard, eight of the twelve in a layer. The projection of the dense network's
    hidden layer is one more column of the first layer's weights, whose input is one. One more hidden number, which is
    one, carries the biases of the second layer.

    Args:
        places: index (moved, K) of the kept cell at each place around each moved cell; `kept` for none.
        kept: number of kept cells.
        levels, sharpness: those of the soft hit indicators (kept,); None if the hits are known.
        mixed: factors (kept,) of the hit indicators in the one number of each place of a slim network; None if scores
            and hit indicators are two numbers.
        cells: learned vectors (moved, width).
        first: weights (width, K) or (width, 2 K) of the first layer.
        context, last: linear layers.
        second: linear layer between both; None in a slim network.
        shares: weights (moved, K) of the places in means; None if each place is seen by itself.
        own: what cells see of the numbers of their own layer; None for none.
        gates: factors (moved, width) of the last hidden layer; None for none.
    """

    def __init__(
        self, places: Tensor, kept: int, levels: Tensor | None, sharpness: Tensor | None, mixed: Tensor | None,
        cells: Tensor, first: Tensor, context: nn.Linear, second: nn.Linear | None, last: nn.Linear,
        shares: Tensor | None = None, own: FoldedOwnLayer | None = None, gates: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        filled = places < kept
        used = filled.any(0)
        numbers = 1 if mixed is not None else 2
        nothing = numbers * kept  # this column is zero, and the next is one
        columns = [torch.where(filled, places + k * kept, nothing)[:, used] for k in range(numbers)]
        columns.append(torch.full_like(places[:, :1], nothing + 1))
        table = torch.cat(columns, 1).T
        self.seen, self.shape = Picked(table.flatten()), tuple(table.shape)
        self.register_buffer("fixed", torch.tensor([[0.0, 1.0]]))
        self.register_buffer("sharpness", None if sharpness is None else sharpness.detach().clone())
        offset = None if levels is None or sharpness is None else (sharpness * levels).detach().clone()
        self.register_buffer("offset", offset)
        self.register_buffer("mixed", None if mixed is None else mixed.detach().clone())
        more = 0 if second is None else 1  # hidden numbers that are one
        self.register_buffer("cells", F.pad(cells.detach(), (0, more)).T.clone())
        self.register_buffer("first", F.pad(first.detach()[:, used.repeat(numbers)], (0, 0, 0, more))[None].clone())
        seen = None if shares is None else F.pad(shares[:, used].repeat(1, numbers), (0, 1), value=1.0).T.clone()
        self.register_buffer("shares", seen)
        self.register_buffer("last", last.weight.detach().clone())
        self.register_buffer("bias", last.bias.detach().clone())
        self.register_buffer("context", F.pad(context.weight.detach(), (0, 0, 0, more)))
        self.register_buffer("context_bias", F.pad(context.bias.detach(), (0, more), value=ONE))
        self.own = own
        self.register_buffer("gates", None if gates is None else gates.detach().T.clone())
        whole = None if second is None else torch.cat([second.weight, second.bias[:, None]], 1).detach().clone()
        self.register_buffer("second", whole)

    fixed: Tensor
    sharpness: Tensor | None
    offset: Tensor | None
    mixed: Tensor | None
    cells: Tensor
    first: Tensor
    shares: Tensor | None
    context: Tensor
    context_bias: Tensor
    second: Tensor | None
    last: Tensor
    bias: Tensor
    gates: Tensor | None

    def forward(
        self, kept: Tensor, context: Tensor, zero: Tensor, conditions: Tensor, hit: Tensor | None = None
    ) -> Tensor:
        """Parameters (N, outputs, moved) of the moved cells.

        Args:
            kept: kept scores (N, kept).
            context: the dense network's hidden values (N, context).
            zero: `nothing` of any tensor of N rows.
            conditions: the conditions (N, C).
            hit: whether the kept cells are hit (N, kept), as numbers, if they are data.
        """
        if self.sharpness is not None and self.offset is not None:
            hit = torch.sigmoid(self.sharpness * kept - self.offset)
        assert hit is not None
        values = [kept, hit] if self.mixed is None else [kept + self.mixed * hit]
        seen = self.seen(torch.cat([*values, zero + self.fixed], 1), zero).view(-1, *self.shape)
        if self.shares is not None:
            seen = seen * self.shares
        added = F.linear(context, self.context, self.context_bias)
        weights = torch.cat([zero[:, :, None] + self.first, added[:, :, None]], 2)
        hidden = weights @ seen + self.cells
        if self.own is not None:
            hidden = self.own(hidden, conditions, zero)
        hidden = F.relu(hidden) if self.second is None else F.silu(self.second @ F.silu(hidden))
        return self.last @ (hidden if self.gates is None else hidden * self.gates)
