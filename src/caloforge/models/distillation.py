"""What models offer that teach, or learn from, one another by density distillation."""

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from caloforge.models.base import Batch, Model
from caloforge.models.flows.masked import Steps


@runtime_checkable
class Teacher(Protocol):
    """A trained density whose latent numbers take one pass."""

    def columns(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Columns (N, D) that the density is of, and their conditions (N, C)."""
        ...

    def to_latent(self, columns: Tensor, conditions: Tensor) -> Steps:
        """The way of columns to latent numbers."""
        ...


@runtime_checkable
class Student(Protocol):
    """A density whose samples take one pass, with the blocks and splines of its teacher."""

    def adopt(self, teacher: Model) -> None:
        """Take over from the teacher what is not learned.

        Raises:
            InputError: the teacher does not fit.
        """
        ...

    def draw_conditions(self, batch: Batch) -> Tensor:
        """Conditions (N, C) for the incidents of a batch, drawn as in sampling."""
        ...

    def to_data(self, latent: Tensor, conditions: Tensor) -> Steps:
        """The way of latent numbers to columns."""
        ...


def frozen(module: nn.Module) -> nn.Module:
    """The same module with buffers in place of parameters: kept and saved, never trained."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                del part._parameters[name]
                part.register_buffer(name, parameter.detach())
    return module
