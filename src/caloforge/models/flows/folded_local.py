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
    """

    def __init__(self, weight: Tensor, numbers: Tensor, layers: Tensor) -> None:
        super().__init__()
        self.picked, self.shape = Picked(numbers.flatten()), tuple(numbers.shape)
        self.register_buffer("weight", F.pad(weight.detach(), (0, 0, 0, 1)).T.clone())
        sizes = torch.bincount(layers, minlength=len(numbers))
        equal = bool((sizes == sizes[0]).all())  # then no row is gathered
        self.register_buffer("layers", None if equal else layers.clone())

    weight: Tensor
    layers: Tensor | None

    def forward(self, hidden: Tensor, conditions: Tensor, zero: Tensor) -> Tensor:
        """Hidden values (N, moved, width + 1) with those of the layers added."""
        own: Tensor = self.picked(conditions, zero).view(-1, *self.shape) @ self.weight
        if self.layers is not None:
            return hidden + own.index_select(1, self.layers)
        each: Tensor = hidden.unflatten(1, (self.shape[0], -1)) + own[:, :, None]
        return each.flatten(1, 2)


class FoldedLocal(nn.Module):
    """Parameters of moved cells from the kept cells around them, without the biases of the last layer.

    Places around a cell that never hold a kept cell are left out: in a checkerboard, eight of the twelve in a layer.
    The projection of the dense network's hidden layer is one more row of the first layer's weights, whose input is one.
    One more hidden number, which is one, carries the biases of the second layer.

    Args:
        places: index (moved, K) of the kept cell at each place around each moved cell; `kept` for none.
        kept: number of kept cells.
        levels, sharpness: those of the soft hit indicators (kept,).
        cells: learned vectors (moved, width).
        first: weights (width, 2 K) of the first layer.
        context, second, last: linear layers.
        shares: weights (moved, K) of the places in means; None if each place is seen by itself.
        own: what cells see of the numbers of their own layer; None for none.
        gates: factors (moved, width) of the last hidden layer; None for none.
    """

    def __init__(
        self, places: Tensor, kept: int, levels: Tensor, sharpness: Tensor, cells: Tensor, first: Tensor,
        context: nn.Linear, second: nn.Linear, last: nn.Linear, shares: Tensor | None = None,
        own: FoldedOwnLayer | None = None, gates: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        filled = places < kept
        used = filled.any(0)
        scores = torch.where(filled, places, 2 * kept)[:, used]  # column 2 kept is zero, and the next is one
        hits = torch.where(filled, places + kept, 2 * kept)[:, used]
        ones = torch.full_like(places[:, :1], 2 * kept + 1)
        columns = torch.cat([scores, hits, ones], 1)
        self.seen = Picked(columns.flatten())
        self.shape = tuple(columns.shape)
        self.register_buffer("fixed", torch.tensor([[0.0, 1.0]]))
        self.register_buffer("sharpness", sharpness.detach().clone())
        self.register_buffer("offset", (sharpness * levels).detach().clone())
        self.register_buffer("cells", F.pad(cells.detach(), (0, 1)))
        self.register_buffer("first", F.pad(first.detach().T[torch.cat([used, used])], (0, 1))[None])
        self.register_buffer("shares", None if shares is None else _of_columns(shares[:, used]))
        self.register_buffer("last", last.weight.detach().clone())
        self.register_buffer("bias", last.bias.detach().clone())
        self.register_buffer("context", F.pad(context.weight.detach(), (0, 0, 0, 1)))
        self.register_buffer("context_bias", F.pad(context.bias.detach(), (0, 1), value=ONE))
        self.own = own
        self.register_buffer("gates", None if gates is None else gates.detach().clone())
        self.register_buffer("second", torch.cat([second.weight, second.bias[:, None]], 1).detach().T.clone())

    fixed: Tensor
    sharpness: Tensor
    offset: Tensor
    cells: Tensor
    first: Tensor
    shares: Tensor | None
    context: Tensor
    context_bias: Tensor
    second: Tensor
    last: Tensor
    bias: Tensor
    gates: Tensor | None

    def forward(self, kept: Tensor, context: Tensor, zero: Tensor, conditions: Tensor) -> Tensor:
        """Parameters (N, outputs, moved) of the moved cells.

        Args:
            kept: kept scores (N, kept).
            context: the dense network's hidden values (N, context).
            zero: `nothing` of any tensor of N rows.
            conditions: the conditions (N, C).
        """
        hit = torch.sigmoid(self.sharpness * kept - self.offset)
        seen = self.seen(torch.cat([kept, hit, zero + self.fixed], 1), zero).view(-1, *self.shape)
        if self.shares is not None:
            seen = seen * self.shares
        added = F.linear(context, self.context, self.context_bias)
        weights = torch.cat([zero[:, :, None] + self.first, added[:, None]], 1)
        hidden: Tensor = seen @ weights + self.cells
        if self.own is not None:
            hidden = self.own(hidden, conditions, zero)
        hidden = F.silu(F.silu(hidden) @ self.second)
        return self.last @ (hidden if self.gates is None else hidden * self.gates).transpose(1, 2)


def _of_columns(shares: Tensor) -> Tensor:
    """Weights of the scores, of the hits and of the number one."""
    return F.pad(torch.cat([shares, shares], 1), (0, 1), value=1.0)
