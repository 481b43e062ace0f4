"""CaloFlow: layer energies first (flow I), then normalised cells given them (flow II).

The teacher (v1, arXiv:2106.05285) learns flow II by likelihood as a masked autoregressive flow. The student (v2,
arXiv:2110.11377) copies flow I and all transforms from a trained teacher. It learns an inverse autoregressive flow II,
which samples in one pass, by probability density distillation.
"""

import numpy as np
import torch
from torch import Tensor

from caloforge import units
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.models.base import Batch, Conditions, Model, OptimiserStep
from caloforge.models.caloflow.cells import CellLogits, CellScores
from caloforge.models.caloflow.config import CaloFlowConfig, CaloFlowStudentConfig, Logits
from caloforge.models.distillation import frozen
from caloforge.models.flows.coupling import BOUND
from caloforge.models.flows.masked import MaskedFlow, Steps
from caloforge.models.parts.layer_scores import LayerScores
from caloforge.models.parts.transforms import LEAST_ENERGY
from caloforge.showers import Showers
from caloforge.showers.domain import Domain

LOGIT_BOUND = 14.0  # beyond the logit of ALPHA


class CaloFlow(Model):
    """The common part of teacher and student: transforms, flow I and the sampling of cells."""

    def __init__(self, config: CaloFlowConfig | CaloFlowStudentConfig, detector: Detector, domain: Domain) -> None:
        n_layers, n_cells = len(detector.layers), detector.n_cells
        super().__init__(detector, domain, n_layers + n_cells)
        self.config = config
        self.conditions = Conditions(domain)
        self.layers = LayerScores(detector, domain)
        self.cells: CellLogits | CellScores
        if isinstance(config.columns, Logits):
            self.cells, bound = CellLogits(detector, units.energy(config.columns.noise)), LOGIT_BOUND
        else:
            self.cells, bound = CellScores(detector), BOUND
        size = self.conditions.size
        inverse = config.kind == "caloflow-student"
        self.layer_flow = MaskedFlow(n_layers, size, **config.layers.model_dump())
        groups = tuple(np.bincount(detector.cell_layer, minlength=n_layers).tolist())
        sizes = config.cells.model_dump()
        self.cell_flow = MaskedFlow(n_cells, size + n_layers, **sizes, groups=groups, bound=bound, inverse=inverse)

    def fit(self, showers: Showers) -> None:
        """Fit the scores of layers, and the scores of cells if flow II sees these."""
        batch = Batch.of(showers)
        self.layers.fit(batch.cells, batch.incidents["energy"])
        self.cells.fit(batch.cells, self.symmetry_classes)

    def features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Data of flow II: features (N, n_cells) of a batch's cells, and conditions (N, C).

        The noise on the features comes from torch's generator.
        """
        drawn = self.layers(batch.cells, batch.incidents["energy"])
        return self.cells(batch.cells), torch.cat([self.conditions(**batch.incidents), drawn], 1)

    def loss(self, batch: Batch) -> Tensor:
        """Negative log likelihood per cell: that of flow I, plus that of flow II given the layers.

        A student needs one pass per cell for it, which is too slow for training.
        """
        return self.layer_loss(batch) + self.cell_loss(batch)

    def layer_loss(self, batch: Batch) -> Tensor:
        """Negative log likelihood of flow I, per cell."""
        drawn = self.layers(batch.cells, batch.incidents["energy"])
        return -self.layer_flow.log_density(drawn, self.conditions(**batch.incidents)).mean() / self.detector.n_cells

    def cell_loss(self, batch: Batch) -> Tensor:
        """Negative log likelihood of flow II given the layers, per cell."""
        return -self.cell_flow.log_density(*self.features(batch)).mean() / self.detector.n_cells

    def sample(self, noise: Tensor, **incidents: Tensor) -> Tensor:
        """Thresholded cells (N, n_cells) [MeV], whose sums are the layer energies of flow I."""
        for_layers, for_cells = noise.split([len(self.detector.layers), self.detector.n_cells], 1)
        conditions = self.conditions(**incidents)
        drawn = self.layer_flow.inverse(for_layers, conditions)
        features = self.cell_flow.inverse(for_cells, torch.cat([conditions, drawn], 1))
        layers = self.layers.inverse(drawn, incidents["energy"])
        if isinstance(self.cells, CellScores):
            return self.cells.distribute(features, layers)
        return self.layers.distribute(self.cells.weights(features), layers, self._cut)

    @property
    def _cut(self) -> float:
        return max(self.detector.threshold, LEAST_ENERGY)


class CaloFlowTeacher(CaloFlow):
    """CaloFlow's teacher: both flows are learned by likelihood, and cells are sampled one after the other."""

    parts_apart = True

    def optimiser_steps(self) -> tuple[OptimiserStep, ...]:
        """Flow I, then flow II; each with its own optimiser."""
        return (
            OptimiserStep("layers", list(self.layer_flow.parameters()), self.layer_loss),
            OptimiserStep("cells", list(self.cell_flow.parameters()), self.cell_loss),
        )

    def to_latent(self, features: Tensor, conditions: Tensor) -> Steps:
        """Map features to latent numbers through flow II."""
        return self.cell_flow.to_latent(features, conditions)[0]


class CaloFlowStudent(CaloFlow):
    """CaloFlow's student: flow II is learned from a teacher, and all cells are sampled at once."""

    def __init__(self, config: CaloFlowStudentConfig, detector: Detector, domain: Domain) -> None:
        super().__init__(config, detector, domain)
        frozen(self.layer_flow)

    def initialise_from(self, teacher: Model) -> None:
        """Copy flow I and all transforms from the teacher; copy the networks of flow II if their sizes are equal.

        Raises:
            InputError: the teacher is no CaloFlow, has another size, or learned other incidents.
        """
        if not isinstance(teacher, CaloFlowTeacher):
            raise InputError("a caloflow-student learns from a run of kind 'caloflow' only")
        self._check(teacher)
        for name in ("layers", "cells", "layer_flow"):
            getattr(self, name).load_state_dict(getattr(teacher, name).state_dict())
        if _networks(self) == _networks(teacher):
            self.cell_flow.load_state_dict(teacher.cell_flow.state_dict())

    def _check(self, teacher: CaloFlow) -> None:
        if teacher.detector != self.detector or teacher.domain != self.domain:
            raise InputError("the teacher learned from another detector or other incidents than the student's showers")
        ours, theirs = (_shared(model.config) for model in (self, teacher))
        for name, value in ours.items():
            if value != theirs[name]:
                raise InputError(f"the student's {name} = {value} must be its teacher's, {theirs[name]}")

    def draw_conditions(self, batch: Batch) -> Tensor:
        """Conditions (N, C) of flow II for the incidents of a batch, with layer energies drawn from flow I."""
        conditions = self.conditions(**batch.incidents)
        noise = torch.randn(len(batch), len(self.detector.layers), device=conditions.device)
        return torch.cat([conditions, self.layer_flow.inverse(noise, conditions)], 1)

    def to_data(self, latent: Tensor, conditions: Tensor) -> Steps:
        """Map latent numbers to features through flow II."""
        return self.cell_flow.to_data(latent, conditions)


def _shared(config: CaloFlowConfig | CaloFlowStudentConfig) -> dict[str, object]:
    """Settings that a student shares with its teacher, by key."""
    cells = {f"cells.{name}": getattr(config.cells, name) for name in ("blocks", "bins")}
    return {"layers": config.layers.model_dump(), "columns": config.columns.model_dump(), **cells}


def _networks(model: CaloFlow) -> tuple[int, int]:
    """Width and number of the hidden layers of flow II's networks."""
    cells = model.config.cells
    return cells.hidden, cells.depth
