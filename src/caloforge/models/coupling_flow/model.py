"""The coupling flow: layer energies first, then cells given them, in one pass.

Flow I draws the response, the share of each layer and its shape (hits, faint hits, isolated hits, centre, width). Flow
II draws all cells given these, normalised to the layer energies exactly. The two flows are those of CaloFlow
(arXiv:2106.05285); coupling blocks replace its autoregressive blocks, as in CaloINN (arXiv:2312.09290).
"""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from caloforge.detector import Detector
from caloforge.models.base import Batch, Conditions, Model, OptimiserStep
from caloforge.models.config_types import FlowConfig
from caloforge.models.coupling_flow.config import CouplingFlowConfig
from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.flows.neighbourhoods import layout
from caloforge.models.parts.hit_cells import HitCells
from caloforge.models.parts.transforms import LayerShapes, LayerShares, layer_sums
from caloforge.showers import Showers
from caloforge.showers.domain import Domain

EDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)  # energies, in thresholds, between which flow II has ranges
FEW = 0.05  # layers with hits that count as empty, per empty layer; at most 1 per cent of the layers with hits


class LayersThenCells(Model):
    """Flow I draws layers given the incident; subclasses draw cells given both (`cell_scores`).

    Args:
        layers: size of flow I.
        detector: detector whose cells the model fills.
        domain: incidents that the model learns from.
    """

    def __init__(self, layers: FlowConfig, detector: Detector, domain: Domain) -> None:
        n_layers, n_cells = len(detector.layers), detector.n_cells
        shapes = LayerShapes(detector, kinds=True)
        super().__init__(detector, domain, n_layers + shapes.size + n_cells)
        readout = detector.readout
        self.sizes = (n_layers, shapes.size)
        self.shapes = shapes
        self.conditions = Conditions(domain)
        self.shares = LayerShares(n_layers, readout.sampling_fraction, detector.threshold)
        self.hits = HitCells(detector, detector.threshold)
        self.register_buffer("floors", torch.full((n_layers,), self.shares.floor))
        self.layer_flow = CouplingFlow(sum(self.sizes), self.conditions.size, **_sizes(layers))

    floors: Tensor

    @abstractmethod
    def cell_scores(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Normal scores (N, n_cells) of the cells, from noise (N, n_cells) and the conditions of `cell_conditions`."""

    def fit(self, showers: Showers) -> None:
        """Fit the normal scores of layers and cells; cells are pooled over the detector's symmetries."""
        batch = Batch.of(showers)
        self.floors.copy_(self._least(layer_sums(batch.cells, self.detector)))
        self.shares.fit(self._layers(batch.cells), batch.incidents["energy"])
        self.shapes.fit(batch.cells)
        self.hits.fit(batch.cells, self.symmetry_classes)

    def cell_conditions(self, noise: Tensor, **incidents: Tensor) -> Tensor:
        """Conditions (N, C) of the cells: those of the incident, and the scores that flow I draws from its noise."""
        conditions = self.conditions(**incidents)
        return torch.cat([conditions, self.layer_flow.inverse(self._split(noise)[0], conditions)], 1)

    def sample(self, noise: Tensor, **incidents: Tensor) -> Tensor:
        """Thresholded cells (N, n_cells) [MeV], whose sums are the layer energies of flow I."""
        conditions = self.cell_conditions(noise, **incidents)
        scores = self.cell_scores(self._split(noise)[1], conditions)
        drawn = conditions[:, self.conditions.size : self.conditions.size + self.sizes[0]]
        layers = self.shares.inverse(drawn, incidents["energy"])
        layers = torch.where(layers >= self.floors, layers, 0.0)
        return self.hits.distribute(scores, layers)

    def _split(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        for_layers, for_cells = noise.split([sum(self.sizes), self.detector.n_cells], 1)
        return for_layers, for_cells

    def _drawn(self, batch: Batch) -> Tensor:
        """Normal scores of the layer energies and shapes of a batch: the data of flow I."""
        shares = self.shares(self._layers(batch.cells), batch.incidents["energy"])
        return torch.cat([shares, self.shapes(batch.cells)], 1)

    def _layers(self, cells: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV]; energies below a layer's floor are replaced by uniform noise up to it."""
        layers = layer_sums(cells, self.detector)
        return torch.where(layers < self.floors, self.floors * (1 - torch.rand_like(layers)), layers)

    def _least(self, layers: Tensor) -> Tensor:
        """Energy (n_layers,) [MeV] below which a layer counts as empty: at least the threshold.

        A layer with hits usually holds much more than one threshold. If empty layers were spread up to the threshold
        only, a gap would remain below the layers with hits, and smooth flows fill gaps with faint layers. The energy is
        therefore higher where many layers are empty.
        """
        least = []
        for column in layers.T:
            hit = column[column >= self.shares.floor].sort().values
            few = int(FEW * min(len(column) - len(hit), 0.2 * len(hit)))
            least.append(float(hit[few]) if few else self.shares.floor)
        return layers.new_tensor(least)


class CouplingFlowModel(LayersThenCells):
    """Two coupling flows: layers given the incident, then cells given both."""

    parts_apart = True

    def __init__(self, config: CouplingFlowConfig, detector: Detector, domain: Domain) -> None:
        super().__init__(config.layers, detector, domain)
        self.config = config
        self.layer_updates = config.layer_updates
        conditions = self.conditions.size + sum(self.sizes)
        around = layout(detector, config.neighbourhood) if config.local else None
        self.cell_flow = CouplingFlow(detector.n_cells, conditions, **_sizes(config.cells), local=config.local,
                                      layout=around, edges=len(EDGES))  # fmt: skip

    def fit(self, showers: Showers) -> None:
        """Fit the normal scores, and set the scores of the threshold in flow II."""
        super().fit(showers)
        self.cell_flow.set_edges(self.hits.scores_at(EDGES))

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
        conditions = torch.cat([self.conditions(**batch.incidents), self._drawn(batch)], 1)
        scores = self.hits(batch.cells, torch.rand_like(batch.cells))
        return -self.cell_flow.log_density(scores, conditions).mean() / self.detector.n_cells

    def cell_scores(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Normal scores (N, n_cells) of the cells through flow II."""
        return self.cell_flow.inverse(noise, conditions)


def _sizes(config: FlowConfig) -> dict[str, Any]:
    return config.model_dump()
