import math

import pytest
import torch

from caloforge.models.flows import splines
from caloforge.models.flows.coupling import BOUND, CouplingFlow

BOUND_HERE = 3.0


def random_spline(n, bins, columns, dtype, spread=1.0):
    generator = torch.Generator().manual_seed(4)
    raw = torch.randn(n, splines.parameters_per_value(bins), columns, generator=generator, dtype=torch.float64)
    return (spread * raw).to(dtype)


def whole_domain(n, columns, dtype):
    """Values inside, beyond both tails, on the boundaries and one rounding off them."""
    values = torch.linspace(-2 * BOUND_HERE, 2 * BOUND_HERE, n * columns, dtype=torch.float64).to(dtype)
    edge = torch.tensor(BOUND_HERE, dtype=dtype)
    special = torch.stack([edge, -edge, torch.nextafter(edge, 0 * edge), -torch.nextafter(edge, 0 * edge), 0 * edge])
    values[: len(special)] = special
    return values[torch.randperm(n * columns, generator=torch.Generator().manual_seed(5))].reshape(n, columns)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 1e-3)])
@pytest.mark.parametrize("bins", [2, 5, 8, 24])
def test_inverse_of_forward(dtype, tolerance, bins):
    x = whole_domain(400, 5, dtype)
    parameters = random_spline(400, bins, 5, dtype)
    y = splines.spline(x, parameters, BOUND_HERE)
    back, _ = splines.inverse_spline(y, parameters, BOUND_HERE)
    assert torch.isfinite(y).all()
    assert (back - x).abs().max() < tolerance
    again = splines.spline(splines.inverse_spline(x, parameters, BOUND_HERE)[0], parameters, BOUND_HERE)
    assert (again - x).abs().max() < tolerance


def test_inverse_at_knots():
    parameters = random_spline(50, 6, 3, torch.float64)
    share = torch.softmax(parameters[:, 6:12], 1) * (1 - 6 * splines.MIN_BIN) + splines.MIN_BIN
    y = 2 * BOUND_HERE * share.cumsum(1)[:, 2] - BOUND_HERE
    x, slope = splines.inverse_spline(y, parameters, BOUND_HERE)
    assert torch.isfinite(slope).all()
    assert (splines.spline(x, parameters, BOUND_HERE) - y).abs().max() < 1e-8


def test_log_derivative_against_autograd():
    y = whole_domain(300, 4, torch.float64).requires_grad_()
    x, log_slope = splines.inverse_spline(y, random_spline(300, 7, 4, torch.float64), BOUND_HERE)
    (slope,) = torch.autograd.grad(x.sum(), y)
    assert (slope.log() - log_slope).abs().max() < 1e-8


def test_monotone_and_identity():
    x = torch.linspace(-4, 4, 2001, dtype=torch.float64)[:, None]
    parameters = random_spline(1, 8, 1, torch.float64).expand(2001, -1, -1)
    assert (torch.diff(splines.spline(x, parameters, BOUND_HERE), dim=0) > 0).all()
    assert (splines.spline(x, torch.zeros_like(parameters), BOUND_HERE) - x).abs().max() < 1e-12


def test_extreme_parameters_stay_finite():
    parameters = random_spline(100, 8, 3, torch.float32, spread=100.0).requires_grad_()
    y = whole_domain(100, 3, torch.float32)
    x, log_slope = splines.inverse_spline(y, parameters, BOUND_HERE)
    (gradient,) = torch.autograd.grad((x + log_slope).sum(), parameters)
    assert torch.isfinite(x).all()
    assert torch.isfinite(log_slope).all()
    assert torch.isfinite(gradient).all()


def bent_flow(size, conditions=1, plain=0):
    torch.manual_seed(7)
    flow = CouplingFlow(size, conditions, blocks=4, hidden=16, depth=2, bins=5, plain=plain).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(3.0)
    return flow.requires_grad_(False)


def test_density_integrates_to_one():
    flow, edge = bent_flow(2), 8.0
    axis = torch.linspace(-edge, edge, 301, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    conditions = torch.full((len(x), 1), 0.3, dtype=torch.float64)
    with torch.no_grad():
        density = flow.log_density(x, conditions).exp()
    integral = float(density.sum()) * (2 * edge / 300) ** 2
    assert integral == pytest.approx(1.0, abs=2e-3)
    normal = torch.exp(-0.5 * x.square().sum(1)) / (2 * math.pi)
    assert (density - normal).abs().max() > 0.02


@pytest.mark.parametrize("plain", [0, 2])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_flow_round_trip_and_jacobian(size, plain):
    flow = bent_flow(size, plain=plain)
    generator = torch.Generator().manual_seed(2)
    x = 2 * torch.randn(6, size, generator=generator, dtype=torch.float64)
    conditions = torch.randn(6, 1, generator=generator, dtype=torch.float64)
    z, log_slope = flow(x, conditions)
    assert (flow.inverse(z, conditions) - x).abs().max() < 1e-8
    for row in range(6):
        here = conditions[row : row + 1]
        jacobian = torch.autograd.functional.jacobian(lambda v, c=here: flow(v[None], c)[0][0], x[row])
        assert (torch.linalg.slogdet(jacobian)[1] - log_slope[row]).abs() < 1e-8


def test_flow_is_the_identity_beyond_its_bound():
    flow = bent_flow(2)
    x = torch.tensor([[BOUND + 1.0, -BOUND - 2.0]], dtype=torch.float64)
    z, log_slope = flow(x, torch.zeros(1, 1, dtype=torch.float64))
    assert sorted(z[0].tolist()) == sorted(x[0].tolist())
    assert float(log_slope) == 0.0
