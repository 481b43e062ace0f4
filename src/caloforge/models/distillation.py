"""Protocols of teacher and student in density distillation."""

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from caloforge.models.base import Batch, Model
from caloforge.models.flows.masked import Steps


@runtime_checkable
class Teacher(Protocol):
    """A trained density that maps data to latent numbers in one pass."""

    def features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Features (N, D) that the density describes, and their conditions (N, C)."""
        ...

    def to_latent(self, features: Tensor, conditions: Tensor) -> Steps:
        """Map features to latent numbers, with all points in between."""
        ...


@runtime_checkable
class Student(Protocol):
    """A density that samples in one pass, with as many blocks and splines as its teacher."""

    def initialise_from(self, teacher: Model) -> None:
        """Copy the parts that are not learned from the teacher.

        Raises:
            InputError: the teacher does not fit the student.
        """
        ...

    def draw_conditions(self, batch: Batch) -> Tensor:
        """Conditions (N, C) for the incidents of a batch, with layer energies sampled by the student."""
        ...

    def to_data(self, latent: Tensor, conditions: Tensor) -> Steps:
        """Map latent numbers to features, with all points in between."""
        ...


def frozen(module: nn.Module) -> nn.Module:
    """Turn the parameters of a module into buffers, which are saved but never trained, and return the module."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                del part._parameters[name]
                part.register_buffer(name, parameter.detach())
    return module
