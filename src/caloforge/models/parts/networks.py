"""Fully connected networks."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import nn


def dense(
    widths: Sequence[int], activation: Callable[[], nn.Module], *, bias: float = 0.0, last_bias: bool = True
) -> nn.Sequential:
    """Linear layers of the given widths with activations between them, Glorot normal weights and constant biases.

    The bias of the last layer starts at zero; if `last_bias` is false, the layer has none.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths[:-1]):
        layers += [_linear(n_in, n_out, bias), activation()]
    return nn.Sequential(*layers, _linear(widths[-2], widths[-1], 0.0 if last_bias else None))


def _linear(n_in: int, n_out: int, bias: float | None) -> nn.Linear:
    layer = nn.Linear(n_in, n_out, bias=bias is not None)
    with torch.no_grad():
        nn.init.xavier_normal_(layer.weight)
        if bias is not None:
            layer.bias.fill_(bias)
    return layer
