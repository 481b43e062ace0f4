"""Loops over the first axis of tensors, which become one `Scan` node in an exported ONNX graph."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan

Step = Callable[[list[Tensor], list[Tensor]], tuple[list[Tensor], Tensor]]


def loop(step: Step, carry: list[Tensor], rows: list[Tensor], *, unroll: bool = False) -> Tensor:
    """Results (D, ...) of a step over the first axis (D) of `rows`.

    PyTorch's scan is used in export only; elsewhere it would compile the steps first. A loop of few steps is better
    unrolled in the graph, since not every runtime supports loops.

    Args:
        step: maps carry and row to the next carry and a result.
        carry: first carry.
        rows: tensors (D, ...), which are iterated over together.
        unroll: whether the exported graph repeats the steps instead of looping.
    """
    if torch.compiler.is_exporting() and not unroll:
        result: Tensor = scan(step, carry, rows)[1]
        return result
    results = []
    for row in zip(*rows, strict=True):
        carry, one = step(carry, list(row))
        results.append(one)
    return torch.stack(results)
