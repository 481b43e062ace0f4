"""A small network, shared by all cells of the detector, through which a coupling flow sees the cells around a cell."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caloforge.models.flows.folded_local import FoldedLocal, FoldedOwnLayer
from caloforge.models.flows.neighbourhoods import Layout

SHARPNESS = 4.0  # initial steepness of the soft hit indicators, per unit of score
LEAST_SPREAD = 0.1  # least standard deviation of the cells' thresholds, in scores


class LocalNetwork(nn.Module):
    """Spline parameters of moved cells from the kept cells around them; all cells share the weights.

    For each of the K places around a moved cell, the inputs are the score of the kept cell there and a soft indicator
    of a hit. Both are zero if the place is not kept or outside the layer. A learned vector of the moved cell and a
    projection of the hidden layer of the flow's dense network are added to the first hidden layer.

    A slim network takes half of the time: the one input of each place is the score plus a learned multiple of the hit
    indicator, and one hidden layer of rectifiers is the only one.

    With `layout.means`, it is a graph network: for each relation, the inputs are the weighted means of both numbers
    over the related cells that are kept, zero without any. All places of a relation then have the same weights of the
    first layer. Source: Gilmer et al., arXiv:1704.01212 (messages); Hamilton et al., arXiv:1706.02216 (means);
    Schlichtkrull et al., arXiv:1703.06103 (weights per relation).

    With `numbers`, some conditions belong to the layers, and a cell also sees those of its own layer. The hidden values
    of its last layer are then multiplied by a learned vector of the cell, since core and tail of a shower differ more
    than one sum over them can tell.

    Args:
        layout: cells around each cell (n_cells, K), and means over them.
        kept, moved: indices of the cells of both halves.
        width: width of the hidden layers.
        context: size of the dense network's hidden layer.
        outputs: spline parameters per cell.
        numbers: indices (n_layers, P) of the conditions that belong to each layer; None for none.
        slim: whether the network is slim.
        data: whether the kept scores are data, so that the hits are known and no indicator is needed.
    """

    places: Tensor
    kept: Tensor
    moved: Tensor
    shares: Tensor | None
    relations: Tensor | None

    def __init__(
        self, layout: Layout, kept: Tensor, moved: Tensor, width: int, context: int, outputs: int,
        numbers: Tensor | None = None, *, slim: bool = False, data: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        column = torch.full((len(layout.neighbours) + 1,), len(kept))
        column[kept] = torch.arange(len(kept))
        places, shares, relations, inputs = column[layout.neighbours[moved]], None, None, layout.neighbours.shape[1]
        if layout.means is not None:
            inputs = int(layout.means.relations.max()) + 1
            places, shares, relations = _means(places, layout.means.weights[moved], layout.means.relations, len(kept))
        self.register_buffer("places", places.flatten(), persistent=False)
        self.register_buffer("kept", kept, persistent=False)
        self.register_buffer("moved", moved, persistent=False)
        self.register_buffer("shares", shares, persistent=False)
        self.register_buffer("relations", relations, persistent=False)
        self.shape = (len(moved), places.shape[1])
        self.levels = None if data else nn.Parameter(torch.zeros(len(kept)))
        self.sharpness = None if data else nn.Parameter(torch.full((len(kept),), SHARPNESS))
        self.cells = nn.Parameter(torch.zeros(len(moved), width))
        self.context = nn.Linear(context, width)
        self.mixed = nn.Parameter(torch.ones(len(kept))) if slim else None
        self.first = nn.Linear((1 if slim else 2) * inputs, width, bias=False)
        self.gates = None if numbers is None else nn.Parameter(torch.ones(len(moved), width))
        self.own = None if numbers is None else OwnLayer(numbers, layout.layers[moved], width)
        self.second = None if slim else nn.Linear(width, width)
        self.last = nn.Linear(width, outputs)
        with torch.no_grad():
            for parameter in self.last.parameters():
                parameter.mul_(0.1)

    def forward(self, kept: Tensor, context: Tensor, conditions: Tensor, hit: Tensor | None = None) -> Tensor:
        """Parameters (N, outputs, moved) of the moved cells.

        Args:
            kept: kept scores (N, kept).
            context: the dense network's hidden values (N, context).
            conditions: the conditions (N, C).
            hit: whether the kept cells are hit (N, kept), as numbers, if they are data.
        """
        if self.levels is not None and self.sharpness is not None:
            hit = torch.sigmoid(self.sharpness * (kept - self.levels))
        assert hit is not None
        given = [kept, hit] if self.mixed is None else [kept + self.mixed * hit]
        inputs = torch.cat([F.pad(values, (0, 1)).index_select(1, self.places) for values in given], 1)
        inputs = inputs.view(-1, len(given), *self.shape).transpose(1, 2)
        if self.shares is not None:
            inputs = inputs * self.shares[:, None]
        hidden = F.linear(inputs.flatten(2), self._first_weight()) + self.cells + self.context(context)[:, None]
        if self.own is not None:
            hidden = hidden + self.own(conditions)
        hidden = F.relu(hidden) if self.second is None else F.silu(self.second(F.silu(hidden)))
        parameters: Tensor = self.last(hidden if self.gates is None else hidden * self.gates)
        return parameters.transpose(1, 2)

    def _first_weight(self) -> Tensor:
        """Weights (width, K or 2 K) of the first layer for all places; those of a relation are equal."""
        weight = self.first.weight
        if self.relations is None:
            return weight
        halves = weight.chunk(1 if self.mixed is not None else 2, 1)
        return torch.cat([half.index_select(1, self.relations) for half in halves], 1)

    def folded(self) -> FoldedLocal:
        """The same network in fewer operations, without the biases of its last layer, for exported graphs."""
        places, kept = self.places.view(self.shape[0], -1), len(self.kept)
        own = None if self.own is None else self.own.folded(more=0 if self.second is None else 1)
        return FoldedLocal(places, kept, self.levels, self.sharpness, self.mixed, self.cells, self._first_weight(),
                           self.context, self.second, self.last, self.shares, own, self.gates)  # fmt: skip

    @torch.no_grad()
    def set_levels(self, edges: Tensor) -> None:
        """Initialise the hit indicators at the scores (n_cells,) above which each cell is hit.

        With numbers of layers, cells that are hit equally often also begin with equal vectors.
        """
        if self.levels is not None:
            self.levels.copy_(edges[self.kept])
        if self.gates is not None:
            own = edges[self.moved]
            spread = (own - own.mean()) / own.std().clamp(min=LEAST_SPREAD)
            self.cells.copy_(spread[:, None] * torch.randn(self.cells.shape[1]).to(own))


class OwnLayer(nn.Module):
    """What cells see of the numbers of their own layer: a linear function, the same for all layers.

    Args:
        numbers: indices (n_layers, P) of the numbers among the conditions.
        layers: layer (moved,) of each moved cell, in ascending order.
        width: width of the hidden layer that it is added to.
    """

    numbers: Tensor
    layers: Tensor

    def __init__(self, numbers: Tensor, layers: Tensor, width: int) -> None:
        super().__init__()
        self.register_buffer("numbers", numbers, persistent=False)
        self.register_buffer("layers", layers, persistent=False)
        self.linear = nn.Linear(numbers.shape[1], width, bias=False)

    def forward(self, conditions: Tensor) -> Tensor:
        """Hidden values (N, moved, width) from conditions (N, C)."""
        layers: Tensor = self.linear(conditions[:, self.numbers])
        return layers.index_select(1, self.layers)

    def folded(self, more: int) -> FoldedOwnLayer:
        """The same for exported graphs, with `more` hidden numbers to which nothing is added."""
        return FoldedOwnLayer(self.linear.weight, self.numbers, self.layers, more)


def _means(places: Tensor, weights: Tensor, relations: Tensor, kept: int) -> tuple[Tensor, Tensor, Tensor]:
    """Places (moved, P) of kept cells alone, their weights in the mean of a relation, and relations (P,) of the places.

    Args:
        places: index (moved, K) of the kept cell at each place; `kept` for none.
        weights: weights (moved, K) of any sum.
        relations: relation (K,) of each place.
        kept: number of kept cells.
    """
    parts = []
    for relation in relations.unique():
        own, weight = places[:, relations == relation], weights[:, relations == relation]
        order = (own == kept).long().argsort(dim=1, stable=True)[:, : int((own < kept).sum(1).max())]
        own, weight = own.gather(1, order), torch.where(own < kept, weight, 0.0).gather(1, order)
        share = weight / weight.sum(1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
        parts.append((own, share, relation.expand(own.shape[1])))
    found, shares, numbers = zip(*parts, strict=True)
    return torch.cat(found, 1), torch.cat(shares, 1), torch.cat(numbers)
