"""Blocked convolutions see no later layer, and go on where they stopped."""

import pytest
import torch

from caloforge.models.fast_ar.masked_convolutions import Across, BlockedConvolution, BlockedNetwork


@pytest.fixture
def network():
    torch.manual_seed(1)
    return BlockedNetwork(3, 5, places=2, widths=(6, 8, 10), blocks=(1, 2, 1), conditions=4, circular=True)


def inputs(n, layers, rows, columns):
    random = torch.Generator().manual_seed(2)
    x = torch.randn(n, layers, rows, columns, 3, generator=random)
    place = torch.randn(rows, columns, 2, generator=random)
    return x, place, torch.randn(n, layers, 4, generator=random)


def test_a_blocked_convolution_is_a_3d_convolution():
    torch.manual_seed(3)
    ours = BlockedConvolution(2, 3, reach=2, circular=False)
    x = torch.randn(2, 6, 5, 4, 2)
    weight = ours.across.convolution.weight.unflatten(1, (2, 2)).transpose(1, 2)
    padded = torch.nn.functional.pad(x.permute(0, 4, 1, 2, 3), (1, 1, 1, 1, 2, 0))
    full = torch.nn.functional.conv3d(padded, weight, ours.across.convolution.bias, dilation=(2, 1, 1))
    torch.testing.assert_close(ours(x, torch.zeros(2, 2, 5, 4, 2))[0], full.permute(0, 2, 3, 4, 1))


def test_azimuth_closes_on_itself():
    torch.manual_seed(4)
    layer = Across(2, 3, circular=True)
    x = torch.randn(4, 1, 7, 5, 2)
    torch.testing.assert_close(layer(x.roll(3, 2)), layer(x).roll(3, 2))
    assert not torch.allclose(layer(x.roll(1, 3)), layer(x).roll(1, 3))


def test_layer_by_layer_equals_all_at_once(network):
    x, place, conditions = inputs(3, 12, 8, 6)
    with torch.no_grad():
        whole, _ = network(x, place, conditions, network.start(*x.shape[:1], *x.shape[2:4]))
        state, parts = network.start(3, 8, 6), []
        for z in range(12):
            part, state = network(x[:, z : z + 1], place, conditions[:, z : z + 1], state)
            parts.append(part)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-5, atol=1e-6)


def test_outputs_are_blind_to_later_layers_and_see_all_earlier_ones(network):
    x, place, conditions = inputs(1, 14, 8, 8)
    x.requires_grad_()
    outputs, _ = network(x, place, conditions, network.start(*x.shape[:1], *x.shape[2:4]))
    for z in (0, 5, 13):
        seen = torch.autograd.grad(outputs[0, z].sum(), x, retain_graph=True)[0][0].abs().amax((1, 2, 3)) > 0
        assert not seen[z + 1 :].any()
        assert seen[: z + 1].all()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 3), (4, 7)])
def test_any_grid(network, rows, columns):
    x, place, conditions = inputs(2, 3, rows, columns)
    outputs, _ = network(x, place, conditions, network.start(*x.shape[:1], *x.shape[2:4]))
    assert outputs.shape == (2, 3, rows, columns, 5)
