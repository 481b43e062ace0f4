"""Loops over the first axis of tensors, which an exported graph holds as one loop (ONNX Scan)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan

Step = Callable[[list[Tensor], list[Tensor]], tuple[list[Tensor], Tensor]]


def loop(step: Step, carry: list[Tensor], rows: list[Tensor], *, unroll: bool = False) -> Tensor:
    """Results (D, ...) of steps (carry, row) -> (carry, result) over the first axis (D) of `rows`.

    PyTorch's scan is used for the exporter only; elsewhere it would compile the steps first. A few steps are better
    unrolled in the graph, since not every runtime supports loops.
    """
    if torch.compiler.is_exporting() and not unroll:
        result: Tensor = scan(step, carry, rows)[1]
        return result
    results = []
    for row in zip(*rows, strict=True):
        carry, one = step(carry, list(row))
        results.append(one)
    return torch.stack(results)
