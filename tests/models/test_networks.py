import math

import pytest
import torch
from torch import nn

from caloforge.models.parts.networks import dense


def test_glorot_weights_and_constant_biases():
    torch.manual_seed(1)
    network = dense([300, 200, 100], nn.ELU, bias=1.0)
    first, activation, last = network
    assert float(first.weight.detach().std()) == pytest.approx(math.sqrt(2 / 500), rel=0.02)
    assert isinstance(activation, nn.ELU)
    assert (first.bias == 1).all()
    assert (last.bias == 0).all()
    assert dense([3, 2, 1], nn.ELU, last_bias=False)[-1].bias is None
