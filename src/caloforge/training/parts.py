"""Equal parts of a batch, computed on several devices or in turn, with the gradients and noise of the whole."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from caloforge.errors import InputError
from caloforge.models import Batch
from caloforge.models.parts.batch_mean import averaged_by
from caloforge.training.devices import Group

LIKE = {torch.rand_like, torch.randn_like}
SIZED = {torch.rand, torch.randn}
RANDOM = {*LIKE, *SIZED, nn.functional.dropout}


class Parts:
    """The parts of every batch, and those that this process computes.

    Losses are means over showers, so the mean of the parts' gradients is that of the batch. Batch statistics (batch
    normalisation, products of two halves) are those of the parts that the processes compute at the same time.

    Args:
        group: processes that train together.
        accumulate: parts that each process computes one after the other.
        batch: showers of a batch.

    Raises:
        InputError: the batch cannot be divided equally.
    """

    def __init__(self, group: Group, accumulate: int, batch: int) -> None:
        self.group, self.count = group, group.size * accumulate
        self._own = range(group.rank, self.count, group.size)
        check_division(batch, self.count)

    def backward(self, loss: Callable[[Batch], Tensor], batch: Batch, parameters: Sequence[nn.Parameter]) -> Tensor:
        """Add the gradients of a batch's mean loss to `parameters`, and return the loss."""
        if self.count == 1:
            whole = loss(batch)
            whole.backward()
            return whole.detach()
        size, start = len(batch) // self.count, _generators(batch)
        total = torch.zeros((), device=batch.cells.device)
        for part in self._own:
            _restore(start)
            rows = slice(part * size, (part + 1) * size)
            with _NoiseOfPart(len(batch), rows), self._batch_means():
                value = loss(batch[rows]) / self.count
            value.backward()
            total += value.detach()
        self.group.sum_over_processes([total, *(p.grad for p in parameters if p.grad is not None)])
        return total

    def _batch_means(self) -> AbstractContextManager[None]:
        return averaged_by(self.group.mean) if self.group.size > 1 else nullcontext()


def check_division(batch: int, parts: int) -> None:
    """Check that a batch has equal parts.

    Raises:
        InputError: it cannot be divided.
    """
    if batch % parts:
        raise InputError(f"a batch of {batch} showers cannot be divided into {parts} equal parts; "
                         "choose another [training] batch, accumulate or --devices")  # fmt: skip


class _NoiseOfPart(TorchFunctionMode):
    """Random numbers of a part are drawn for the whole batch, of which the part's rows are taken."""

    def __init__(self, batch: int, rows: slice) -> None:
        super().__init__()
        self._batch, self._rows, self._size = batch, rows, rows.stop - rows.start

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in RANDOM:
            return func(*args, **kwargs)
        if func in LIKE and len(args[0]) == self._size:
            return func(self._whole(args[0]), **kwargs)[self._rows]
        if func in SIZED and args and args[0] == self._size:
            return func(self._batch, *args[1:], **kwargs)[self._rows]
        if func is nn.functional.dropout and (kwargs.get("training") or args[2:3] == (True,)):
            return self._dropout(*args, **kwargs)
        return func(*args, **kwargs)

    def _dropout(self, values: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:  # noqa: ARG002
        if p == 0:
            return values
        return values * (self._whole(values).bernoulli_(1 - p) / (1 - p))[self._rows]

    def _whole(self, part: Tensor) -> Tensor:
        """An empty tensor for the whole batch, with the axes of the part in memory, which random numbers follow."""
        strides = part.stride()
        order = sorted(range(part.dim()), key=lambda axis: -strides[axis])
        return torch.empty_permuted((self._batch, *part.shape[1:]), order, device=part.device, dtype=part.dtype)


def _generators(batch: Batch) -> tuple[Tensor, Tensor | None]:
    device = batch.cells.device
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _restore(state: tuple[Tensor, Tensor | None]) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1])
