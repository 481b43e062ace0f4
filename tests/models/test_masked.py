import math
from functools import partial

import pytest
import torch

from caloforge.models.flows.masked import MaskedFlow, MaskedNetwork, hidden_degrees

# wide networks, ones narrower than the columns, single hidden units, one column; then one to three hidden layers
SHAPES = [(6, 40), (12, 12), (20, 8), (7, 3), (5, 1), (1, 4)]
DEPTHS = [(*shape, 1) for shape in SHAPES] + [(6, 40, 2), (20, 8, 2), (9, 12, 3), (1, 4, 3)]


@pytest.mark.parametrize(("size", "hidden"), SHAPES)
def test_degrees_are_spread_over_all_ranks(size, hidden):
    degrees = hidden_degrees(size, hidden)
    assert len(degrees) == hidden
    assert degrees[0] == 0
    assert (degrees.diff() >= 0).all()
    assert degrees.max() < size
    if hidden >= 8 * size:
        assert degrees.unique().tolist() == list(range(size))


def network(size, hidden, depth=1):
    torch.manual_seed(1)
    return MaskedNetwork(size, 2, hidden, 5, 0.0, depth).double()


def influence(made, size):
    """Largest |d number of rank i / d input j|, as (D, D), over a few points."""
    total = torch.zeros(size, size, dtype=torch.float64)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(size, generator=generator, dtype=torch.float64)
        conditions = torch.randn(1, 2, generator=generator, dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(lambda v, c=conditions: made(v[None], c)[0], x)
        total = torch.maximum(total, jacobian.abs().amax(0))
    return total


@pytest.mark.parametrize(("size", "hidden", "depth"), DEPTHS)
def test_numbers_of_a_rank_depend_on_all_lower_ranks_and_no_other(size, hidden, depth):
    made = network(size, hidden, depth)
    lower = torch.ones(size, size).tril(-1).bool()
    for made.training in (True, False):
        found = influence(made, size)
        assert (found[~lower] == 0).all()
        assert (found[lower] > 0).all()


@pytest.mark.parametrize(("size", "hidden", "depth"), DEPTHS)
def test_numbers_of_every_rank_depend_on_the_conditions(size, hidden, depth):
    made = network(size, hidden, depth)
    x = torch.zeros(1, size, dtype=torch.float64)
    numbers = [made(x, torch.full((1, 2), value, dtype=torch.float64)) for value in (0.3, -0.9)]
    assert ((numbers[0] - numbers[1]).abs().amax((0, 1)) > 0).all()


def test_training_keeps_what_is_masked_at_zero():
    made = network(9, 6, depth=2)
    before = made.outputs.detach().clone()
    optimiser = torch.optim.AdamW(made.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(5):
        optimiser.zero_grad()
        made(torch.randn(8, 9, dtype=torch.float64), torch.randn(8, 2, dtype=torch.float64)).square().sum().backward()
        optimiser.step()
    assert not torch.equal(before, made.outputs)
    assert (made.inputs[~made.sees] == 0).all()
    assert (made.outputs[:, ~made.feeds] == 0).all()
    assert (made.deeper[0][~made.passes] == 0).all()
    assert (made.deeper[0][made.passes] != 0).all()


def bent(size, *, inverse, dtype=torch.float64, hidden=12, bound=3.0, blocks=4, bins=5, bends=0.7, stretch=5.0,
         depth=1):  # fmt: skip
    """A flow whose splines are far from the identity."""
    torch.manual_seed(7)
    sizes = {"blocks": blocks, "hidden": hidden, "bins": bins, "depth": depth}
    flow = MaskedFlow(size, 1, bound=bound, inverse=inverse, **sizes).double()
    with torch.no_grad():
        for block in flow.blocks:
            block.bias.normal_(std=bends)
            block.outputs.mul_(stretch)
    return flow.to(dtype).requires_grad_(False)


def whole_domain(n, columns, dtype, bound=3.0):
    """Values inside, beyond both tails, on the boundaries and one rounding off them."""
    values = torch.linspace(-2 * bound, 2 * bound, n * columns, dtype=torch.float64).to(dtype)
    edge = torch.tensor(bound, dtype=dtype)
    special = torch.stack([edge, -edge, torch.nextafter(edge, 0 * edge), -torch.nextafter(edge, 0 * edge), 0 * edge])
    values[: len(special)] = special
    return values[torch.randperm(n * columns, generator=torch.Generator().manual_seed(5))].reshape(n, columns)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 3e-3)])
@pytest.mark.parametrize(("size", "depth"), [(1, 1), (2, 1), (9, 1), (1, 2), (9, 2), (9, 3)])
def test_inverse_of_forward(size, depth, dtype, tolerance, inverse):
    flow = bent(size, inverse=inverse, dtype=dtype, depth=depth)
    values = whole_domain(300, size, dtype)
    conditions = torch.linspace(-1, 1, 300, dtype=dtype)[:, None]
    z, log_slope = flow(values, conditions)
    assert torch.isfinite(log_slope).all()
    assert (z - values).abs().max() > 0.5
    assert (flow.inverse(z, conditions) - values).abs().max() < tolerance
    assert (flow(flow.inverse(values, conditions), conditions)[0] - values).abs().max() < tolerance


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(("dtype", "bends", "tolerance"), [(torch.float64, 0.7, 1e-8), (torch.float32, 0.1, 3e-3)])
def test_inverse_at_the_published_depth(dtype, bends, tolerance, inverse):
    """Eight blocks of eight bins within 14: single precision holds for milder bends only."""
    flow = bent(9, inverse=inverse, dtype=dtype, hidden=32, bound=14.0, blocks=8, bins=8, bends=bends, stretch=1.0)
    values = whole_domain(300, 9, dtype, bound=14.0)
    conditions = torch.linspace(-1, 1, 300, dtype=dtype)[:, None]
    assert (flow.inverse(flow(values, conditions)[0], conditions) - values).abs().max() < tolerance
    assert (flow(flow.inverse(values, conditions), conditions)[0] - values).abs().max() < tolerance


@pytest.mark.parametrize("inverse", [False, True])
def test_jacobian_against_autograd(inverse):
    flow = bent(5, inverse=inverse, hidden=4)
    generator = torch.Generator().manual_seed(2)
    x = 1.5 * torch.randn(6, 5, generator=generator, dtype=torch.float64)
    conditions = torch.randn(6, 1, generator=generator, dtype=torch.float64)
    _, log_slope = flow(x, conditions)
    for row in range(6):
        here = conditions[row : row + 1]
        jacobian = torch.autograd.functional.jacobian(lambda v, c=here: flow(v[None], c)[0][0], x[row])
        assert (torch.linalg.slogdet(jacobian)[1] - log_slope[row]).abs() < 1e-8


@pytest.mark.parametrize("inverse", [False, True])
def test_every_block_is_autoregressive_in_its_own_order(inverse):
    """What a block alone gives at a rank depends on all columns up to that rank in its order, and on no other."""
    size = 8
    flow = bent(size, inverse=inverse, hidden=5)
    x, conditions = torch.linspace(-1.1, 0.9, size, dtype=torch.float64), torch.full((1, 1), 0.2, dtype=torch.float64)
    lower = torch.ones(size, size).tril().bool()
    for k, order in enumerate(flow.orders):
        single = bent(size, inverse=inverse, hidden=5, blocks=1)
        single.blocks[0].load_state_dict(flow.blocks[k].state_dict())
        single.orders[0], single.returns[0] = order, order.argsort()
        one_pass = single.inverse if inverse else partial(_latent, single)
        jacobian = torch.autograd.functional.jacobian(lambda v, f=one_pass: f(v[None], conditions)[0], x)
        ranked = jacobian[order] if inverse else jacobian[:, order]
        assert (ranked[~lower] == 0).all(), k
        assert (ranked[lower].abs() > 1e-12).all(), k


def _latent(flow, x, conditions):
    return flow(x, conditions)[0]


@pytest.mark.parametrize("inverse", [False, True])
def test_density_integrates_to_one(inverse):
    flow, edge, points = bent(2, inverse=inverse, bends=0.3), 8.0, 321
    axis = torch.linspace(-edge, edge, points, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    density = flow.log_density(x, torch.full((len(x), 1), 0.3, dtype=torch.float64)).exp()
    assert float(density.sum()) * (2 * edge / (points - 1)) ** 2 == pytest.approx(1.0, abs=2e-3)
    normal = torch.exp(-0.5 * x.square().sum(1)) / (2 * math.pi)
    assert (density - normal).abs().max() > 0.02


@pytest.mark.parametrize("inverse", [False, True])
def test_steps_lead_from_end_to_end(inverse):
    flow = bent(6, inverse=inverse)
    x = torch.randn(10, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    conditions = torch.zeros(10, 1, dtype=torch.float64)
    there, _ = flow.to_latent(x, conditions)
    back = flow.to_data(there.points[-1], conditions)
    assert len(there.points) == 5
    assert all((a - b).abs().max() < 1e-8 for a, b in zip(there.points, back.points, strict=True))
    assert all((a - b).abs().max() < 1e-7 for a, b in zip(there.parameters, back.parameters, strict=True))


def test_dropout_acts_in_training_only():
    torch.manual_seed(8)
    flow = MaskedFlow(4, 1, blocks=2, hidden=40, bins=4, dropout=0.5)
    x, conditions = torch.randn(3, 4), torch.zeros(3, 1)
    assert not torch.equal(flow(x, conditions)[0], flow(x, conditions)[0])
    flow.eval()
    assert torch.equal(flow(x, conditions)[0], flow(x, conditions)[0])
