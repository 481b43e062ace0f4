"""Probability density distillation: a student that samples fast learns the density of a frozen teacher.

Source: van den Oord et al., arXiv:1711.10433; the loss is CaloFlow's (arXiv:2110.11377, equations 4 to 8).
"""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from caloforge.errors import InputError
from caloforge.models import Batch, Model, OptimiserStep
from caloforge.models.coupling_flow.model import LayersThenCells
from caloforge.models.coupling_flow.student import PairStudent
from caloforge.models.distillation import Student, Teacher
from caloforge.models.flows.masked import Steps
from caloforge.training.config import TrainingConfig
from caloforge.training.run import TrainingFolder, check_trained, load_model


class Distillation:
    """Density distillation of one student from one teacher, whose weights never change.

    Raises:
        InputError: the teacher has no density that can be distilled, or does not fit the student.
    """

    def __init__(self, teacher: Model, student: Model) -> None:
        if not isinstance(teacher, Teacher) or not isinstance(student, Student):
            raise InputError("the model of `teacher` has no density that can be distilled into this model")
        student.initialise_from(teacher)
        self._teacher = teacher.eval().requires_grad_(False)

    def optimiser_steps(self, student: Model) -> tuple[OptimiserStep, ...]:
        """One optimiser step per training step."""
        return (OptimiserStep("distillation", list(student.parameters()), partial(self.loss, student)),)

    def loss(self, student: Model, batch: Batch) -> Tensor:
        """Mean loss per feature of two passes: data through teacher and student, noise through student and teacher."""
        assert isinstance(student, Student)
        assert isinstance(self._teacher, Teacher)
        features, conditions = self._teacher.features(batch)
        with torch.no_grad():
            target = self._teacher.to_latent(features, conditions)
        x_pass = difference(student.to_data(target.points[-1], conditions), target)
        conditions = student.draw_conditions(batch)
        answer = student.to_data(torch.randn_like(features), conditions)
        z_pass = difference(answer, self._teacher.to_latent(answer.points[0], conditions))
        return 0.5 * (x_pass + z_pass) / features.shape[1]


class Pairs:
    """Distillation by pairs: the student maps noise to the same cells as its teacher.

    Raises:
        InputError: the teacher does not fit the student.
    """

    def __init__(self, teacher: Model, student: PairStudent) -> None:
        student.initialise_from(teacher)
        assert isinstance(teacher, LayersThenCells)
        self._teacher: LayersThenCells = teacher.eval().requires_grad_(False)

    def optimiser_steps(self, student: Model) -> tuple[OptimiserStep, ...]:
        """One optimiser step per training step."""
        return (OptimiserStep("distillation", list(student.parameters()), partial(self.loss, student)),)

    def loss(self, student: Model, batch: Batch) -> Tensor:
        """Mean squared difference of the cells' scores for new noise, plus the weighted energy score of the batch."""
        assert isinstance(student, PairStudent)
        noise = torch.randn(len(batch), student.noise_size, device=batch.cells.device)
        for_cells = noise[:, -student.detector.n_cells :]
        with torch.no_grad():
            conditions = self._teacher.cell_conditions(noise, **batch.incidents)
            target = self._teacher.cell_scores(for_cells, conditions)
        loss: Tensor = (student.cell_scores(for_cells, conditions) - target).square().mean()
        weight = student.config.score
        return loss + weight * student.loss(batch) if weight else loss


def difference(ours: Steps, theirs: Steps) -> Tensor:
    """Squared differences of all points and spline parameters, summed over features and averaged over showers."""
    pairs = [*zip(ours.points, theirs.points, strict=True), *zip(ours.parameters, theirs.parameters, strict=True)]
    return torch.stack([(a - b).square().sum() / len(a) for a, b in pairs]).sum()


def distillation(config: TrainingConfig, student: Model) -> Distillation | Pairs | None:
    """The distillation of a config; None for a model that learns from showers only."""
    if config.teacher is None:
        return None
    device = next(student.parameters()).device
    teacher = load_model(check_trained(Path(config.teacher))).to(device)
    if isinstance(student, PairStudent):
        return Pairs(teacher, student)
    return Distillation(teacher, student)


def describe_teacher(config: TrainingConfig) -> dict[str, Any] | None:
    """Provenance of a config's teacher: kind, training and hash of the weights; None without a teacher."""
    if config.teacher is None:
        return None
    folder = TrainingFolder(check_trained(Path(config.teacher)))
    digest = hashlib.blake2b(folder.model_file.read_bytes(), digest_size=16).hexdigest()
    return {"kind": folder.config.model.kind, "fingerprint": digest, "training": folder.provenance["training"]}
