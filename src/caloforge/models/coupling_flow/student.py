"""A feed-forward network that learns a coupling flow from pairs of noise and cells.

A flow maps noise to cells deterministically, and so does its student. Each pair costs one pass of the teacher, so pairs
are unlimited and the student cannot memorise showers. Flow I and all transforms are copied from the teacher.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.models.base import Batch, Model
from caloforge.models.coupling_flow.config import DistilledConfig
from caloforge.models.coupling_flow.model import CouplingFlowModel, LayersThenCells
from caloforge.models.distillation import frozen
from caloforge.models.flows.local import LocalNetwork
from caloforge.models.flows.neighbourhoods import layout
from caloforge.models.parts.folded_tables import Picked, nothing
from caloforge.showers.domain import Domain


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.outer(F.silu(self.inner(F.silu(x))))
        return out


class PairNetwork(nn.Module):
    """Scores z (1 + a) + b of noise z; a residual network computes a and b from all z and the conditions."""

    places: Tensor

    def __init__(self, config: DistilledConfig, detector: Detector, conditions: int) -> None:
        super().__init__()
        n = detector.n_cells
        self.register_buffer("places", torch.arange(n))
        self.first = nn.Linear(n + conditions, config.hidden)
        self.blocks = nn.Sequential(*[_Residual(config.hidden) for _ in range(config.blocks)])
        self.last = nn.Linear(config.hidden, 2 * n)
        self.local = None
        if config.local:
            cells, around = torch.arange(n), layout(detector, config.neighbourhood)
            self.local = LocalNetwork(around, cells, cells, config.local, config.hidden, 2)
        with torch.no_grad():
            for parameter in self.last.parameters():
                parameter.mul_(0.1)

    def forward(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Scores (N, n_cells) of noise (N, n_cells), which has the order of the teacher's latent numbers."""
        z = noise.index_select(1, self.places)
        hidden = F.silu(self.blocks(self.first(torch.cat([z, conditions], 1))))
        changes = self.last(hidden).view(-1, 2, z.shape[1])
        if self.local is not None:
            changes = changes + self.local(z, hidden, conditions)
        scale, shift = changes.unbind(1)
        scores: Tensor = z * (1 + scale) + shift
        return scores

    def folded(self) -> "FoldedPairNetwork":
        """The same network in fewer operations, for exported graphs."""
        return FoldedPairNetwork(self)


class FoldedPairNetwork(nn.Module):
    """A `PairNetwork` in fewer operations: the constants of the last layers are folded into one bias."""

    def __init__(self, network: PairNetwork) -> None:
        super().__init__()
        self.places = Picked(network.places)
        self.first, self.blocks = network.first, network.blocks
        self.local = None if network.local is None else network.local.folded()
        bias = network.last.bias.detach().view(2, -1) + torch.tensor([[1.0], [0.0]])
        if self.local is not None:
            bias = bias + self.local.bias[:, None]
        self.weight = nn.Parameter(network.last.weight.detach())
        self.bias = nn.Parameter(bias.flatten())

    def forward(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Scores (N, n_cells) of noise (N, n_cells)."""
        zero = nothing(noise)
        z = self.places(noise, zero)
        hidden = F.silu(self.blocks(self.first(torch.cat([z, conditions], 1))))
        changes = F.linear(hidden, self.weight, self.bias).view(-1, 2, z.shape[1])
        if self.local is not None:
            changes = changes + self.local(z, hidden, zero, conditions)
        scale, shift = changes.unbind(1)
        scores: Tensor = z * scale + shift
        return scores


class PairStudent(LayersThenCells):
    """Flow I of the teacher, and a feed-forward network that maps noise to cells as the teacher's flow II does."""

    def __init__(self, config: DistilledConfig, detector: Detector, domain: Domain) -> None:
        super().__init__(config.layers, detector, domain)
        self.config = config
        frozen(self.layer_flow)
        self.cell_network = PairNetwork(config, detector, self.n_conditions)

    def initialise_from(self, teacher: Model) -> None:
        """Copy flow I, all transforms and the order of the latent numbers from the teacher.

        Raises:
            InputError: the teacher is no coupling flow, has a flow I of another size, or learned other incidents.
        """
        if not isinstance(teacher, CouplingFlowModel):
            raise InputError("a distilled model learns from a run of kind 'coupling-flow' only")
        if teacher.detector != self.detector or teacher.domain != self.domain:
            raise InputError("the teacher learned from another detector or other incidents than the student's showers")
        if teacher.config.layers != self.config.layers:
            raise InputError(
                f"the student's layers = {self.config.layers} must be its teacher's, {teacher.config.layers}"
            )
        for name in ("shares", "shapes", "hits", "layer_flow"):
            getattr(self, name).load_state_dict(getattr(teacher, name).state_dict())
        self.cell_network.places.copy_(teacher.cell_flow.places)
        if self.cell_network.local is not None:
            self.cell_network.local.set_levels(self.hits.edge)

    def cell_scores(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Normal scores (N, n_cells) of the cells."""
        scores: Tensor = self.cell_network(noise, conditions)
        return scores

    def loss(self, batch: Batch) -> Tensor:
        """Energy score of the cells' normal scores given their layers, per cell; no teacher is needed.

        For Geant4's scores x and two draws y and y' it is E|x - y| - E|y - y'| / 2. It is smallest if y and x have the
        same distribution.
        Source: Gneiting and Raftery, J. Am. Stat. Assoc. 102 (2007) 359, equation 22.
        """
        conditions = self._known(batch)
        scores = self.hits(batch.cells, torch.rand_like(batch.cells))
        one, two = (self.cell_scores(torch.randn_like(scores), conditions) for _ in range(2))
        distances = [_distance(scores, one), _distance(scores, two), -_distance(one, two)]
        loss: Tensor = 0.5 * torch.stack(distances).sum(0).mean() / scores.shape[1]
        return loss


def _distance(a: Tensor, b: Tensor) -> Tensor:
    distance: Tensor = (a - b).square().sum(1).clamp(min=1e-12).sqrt()
    return distance
