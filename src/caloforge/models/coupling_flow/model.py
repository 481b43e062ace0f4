"""The coupling flow: layer energies first, then cells given them, in one pass.

Flow I draws the response, the share of each layer and its shape (hits, faint hits, isolated hits, centre, width). Flow
II draws all cells given these, normalised to the layer energies exactly. The two flows are those of CaloFlow
(arXiv:2106.05285); coupling blocks replace its autoregressive blocks, as in CaloINN (arXiv:2312.09290).
"""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from caloforge.detector import Detector
from caloforge.models.base import Batch, Conditions, Model, OptimiserStep
from caloforge.models.config_types import FlowConfig
from caloforge.models.coupling_flow.config import CouplingFlowConfig
from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.flows.neighbourhoods import layout
from caloforge.models.parts.hit_cells import HitCells
from caloforge.models.parts.hit_layers import HitLayers
from caloforge.models.parts.transforms import LayerShapes, layer_sums
from caloforge.showers import Showers
from caloforge.showers.domain import Domain

BEYOND = -5.5  # no score is lower
SCALE = 5.0  # of the log energies of layers, which are in thresholds


class LayersThenCells(Model):
    """Flow I draws layers given the incident; subclasses draw cells given both (`cell_scores`).

    Args:
        layers: size of flow I.
        detector: detector whose cells the model fills.
        domain: incidents that the model learns from.
    """

    def __init__(self, layers: FlowConfig, detector: Detector, domain: Domain) -> None:
        shares = HitLayers(len(detector.layers), detector.readout.sampling_fraction, detector.threshold)
        shapes = LayerShapes(detector, kinds=True, hit_only=True)
        super().__init__(detector, domain, shares.size + shapes.size + detector.n_cells)
        self.sizes = (shares.size, shapes.size)
        self.shapes = shapes
        self.conditions = Conditions(domain)
        self.shares = shares
        self.hits = HitCells(detector, detector.threshold, hit_only=True)
        self.layer_flow = CouplingFlow(sum(self.sizes), self.conditions.size, **_sizes(layers), edges=1)

    @abstractmethod
    def cell_scores(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Normal scores (N, n_cells) of the cells, from noise (N, n_cells) and the conditions of `cell_conditions`."""

    def fit(self, showers: Showers) -> None:
        """Fit the normal scores of layers and cells; cells are pooled over the detector's symmetries."""
        batch = Batch.of(showers)
        self.shares.fit(layer_sums(batch.cells, self.detector), batch.incidents["energy"])
        self.shapes.fit(batch.cells)
        empty = F.pad(self.shares.edge.clamp(min=BEYOND), (1, self.sizes[1]), value=BEYOND)
        self.layer_flow.set_edges(empty[None])
        self.hits.fit(batch.cells, self.symmetry_classes)

    def cell_conditions(self, noise: Tensor, **incidents: Tensor) -> Tensor:
        """Conditions (N, n_conditions) of the cells, from the noise of flow I."""
        return self._draw_layers(noise, incidents)[0]

    def sample(self, noise: Tensor, **incidents: Tensor) -> Tensor:
        """Thresholded cells (N, n_cells) [MeV], whose sums are the layer energies of flow I."""
        conditions, layers = self._draw_layers(noise, incidents)
        scores = self.cell_scores(self._split(noise)[1], conditions)
        return self.hits.distribute(scores, layers)

    @property
    def n_conditions(self) -> int:
        """Number of conditions of the cells."""
        return self.conditions.size + sum(self.sizes) + 2 * len(self.detector.layers)

    @property
    def layer_numbers(self) -> Tensor:
        """Indices (n_layers, P) of the conditions of each layer: its share and shape, its energy, whether it is hit."""
        n, first = len(self.detector.layers), self.conditions.size
        shares = first + 1 + torch.arange(n)  # number 0 is the response
        shapes = first + self.sizes[0] + torch.arange(self.sizes[1]).view(n, -1)
        energies = first + sum(self.sizes) + torch.arange(2 * n).view(2, n)
        return torch.cat([shares[:, None], shapes, energies.T], 1)

    def _draw_layers(self, noise: Tensor, incidents: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Conditions of the cells, and layer energies (N, n_layers) [MeV]; both follow from the noise of flow I."""
        incident = self.conditions(**incidents)
        drawn = self.layer_flow.inverse(self._split(noise)[0], incident)
        layers = self.shares.inverse(drawn[:, : self.sizes[0]], incidents["energy"])
        layers = torch.where(layers >= self.shares.floor, layers, 0.0)
        return self._seen(incident, drawn, layers), layers

    def _known(self, batch: Batch) -> Tensor:
        """Conditions of the cells of a batch."""
        layers = layer_sums(batch.cells, self.detector)
        return self._seen(self.conditions(**batch.incidents), self._drawn(batch), layers)

    def _seen(self, incident: Tensor, drawn: Tensor, layers: Tensor) -> Tensor:
        """Conditions of the cells: the incident's, the scores of flow I, and energies and hits of the layers."""
        hit = (layers > 0).to(layers.dtype)
        return torch.cat([incident, drawn, torch.log1p(layers / self.shares.floor) / SCALE, hit], 1)

    def _split(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        for_layers, for_cells = noise.split([sum(self.sizes), self.detector.n_cells], 1)
        return for_layers, for_cells

    def _drawn(self, batch: Batch) -> Tensor:
        """Normal scores of the layer energies and shapes of a batch: the data of flow I."""
        shares = self.shares(layer_sums(batch.cells, self.detector), batch.incidents["energy"])
        return torch.cat([shares, self.shapes(batch.cells)], 1)


class CouplingFlowModel(LayersThenCells):
    """Two coupling flows: layers given the incident, then cells given both."""

    parts_apart = True

    def __init__(self, config: CouplingFlowConfig, detector: Detector, domain: Domain) -> None:
        super().__init__(config.layers, detector, domain)
        self.config = config
        self.layer_updates = config.layer_updates
        around = layout(detector, config.neighbourhood) if config.local else None
        self.cell_flow = CouplingFlow(
            detector.n_cells,
            self.n_conditions,
            **_sizes(config.cells),
            local=config.local,
            seeing=config.seeing,
            slim=config.slim,
            layout=around,
            edges=len(config.edges),
            data=True,
            numbers=self.layer_numbers if config.heads == "shared" else None,
        )

    def fit(self, showers: Showers) -> None:
        """Fit the normal scores, and set the scores of the threshold in flow II."""
        super().fit(showers)
        self.cell_flow.set_edges(self.hits.scores_at(self.config.edges))

    def optimiser_steps(self) -> tuple[OptimiserStep, ...]:
        """Updates of flow I (`layer_updates` of them), then one of flow II; each flow has its own optimiser."""
        return (
            OptimiserStep("layers", list(self.layer_flow.parameters()), self.layer_loss, self.layer_updates),
            OptimiserStep("cells", list(self.cell_flow.parameters()), self.cell_loss),
        )

    def loss(self, batch: Batch) -> Tensor:
        """Negative log likelihood per cell: that of flow I, plus that of flow II given the layers."""
        return self.layer_loss(batch) + self.cell_loss(batch)

    def layer_loss(self, batch: Batch) -> Tensor:
        """Negative log likelihood of flow I, per cell."""
        density = self.layer_flow.log_density(self._drawn(batch), self.conditions(**batch.incidents))
        return -density.mean() / self.detector.n_cells

    def cell_loss(self, batch: Batch) -> Tensor:
        """Negative log likelihood of flow II given the layers, per cell."""
        conditions = self._known(batch)
        scores = self.hits(batch.cells, torch.rand_like(batch.cells))
        return -self.cell_flow.log_density(scores, conditions).mean() / self.detector.n_cells

    def cell_scores(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Normal scores (N, n_cells) of the cells through flow II."""
        return self.cell_flow.inverse(noise, conditions)


def _sizes(config: FlowConfig) -> dict[str, Any]:
    return config.model_dump()
