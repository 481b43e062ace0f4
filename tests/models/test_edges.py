"""Moving an edge: what lies below stays below, probabilities change as told, and the slope is that of the map."""

import pytest
import torch

from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.flows.edges import KAPPA, move_edge, moved_edge


def logistic(x):
    return torch.sigmoid(KAPPA * x)


@pytest.mark.parametrize(("old", "new"), [(0.3, 1.2), (-0.5, -2.0), (3.0, 1.0), (1.0, 1.0), (-4.0, 4.0)])
def test_shares_below_and_above_change_and_the_distributions_within_stay(old, new):
    x = torch.linspace(-4.5, 4.5, 1001, dtype=torch.float64)[None]
    old, new = (torch.tensor(v, dtype=torch.float64) for v in (old, new))
    z, _ = move_edge(x, old, new)
    assert ((z < new) == (x < old)).all()
    assert (torch.diff(z) > 0).all()
    below = x < old
    torch.testing.assert_close((logistic(z) / logistic(new))[below], (logistic(x) / logistic(old))[below])
    torch.testing.assert_close((logistic(-z) / logistic(-new))[~below], (logistic(-x) / logistic(-old))[~below])


def test_the_inverse_and_the_slope():
    x = torch.linspace(-5.0, 5.0, 400, dtype=torch.float64, requires_grad=True)
    old, new = torch.tensor(0.7, dtype=torch.float64), torch.tensor(-0.4, dtype=torch.float64)
    z, log_slope = move_edge(x, old, new)
    torch.testing.assert_close(move_edge(z, new, old)[0], x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    torch.testing.assert_close(log_slope.exp(), slope)


def test_single_precision_suffices():
    x = torch.linspace(-5.2, 5.2, 2001)
    for old, new in ((-5.0, 5.0), (5.0, -5.0), (2.0, 5.0)):
        z, log_slope = move_edge(x, torch.tensor(old), torch.tensor(new))
        assert z.isfinite().all()
        assert log_slope.isfinite().all()
        torch.testing.assert_close(move_edge(z, torch.tensor(new), torch.tensor(old))[0], x, rtol=0, atol=0.03)


def test_edges_stay_near():
    assert moved_edge(torch.tensor(0.0), torch.tensor([-100.0, 100.0])).tolist() == [-5.0, 5.0]


def test_a_flow_learns_a_hit_probability_without_a_leak():
    """A cell is hit by every second shower of one kind and every fiftieth of the other: so are the showers drawn."""
    torch.manual_seed(1)
    n = 4000
    kind = torch.arange(n)[:, None] % 2.0
    edge = torch.special.ndtri(torch.tensor(1 - 0.26))
    hit = torch.rand(n, 2) < torch.where(kind > 0, 0.5, 0.02)
    empty = torch.special.ndtri(torch.rand(n, 2) * 0.74)
    full = torch.special.ndtri(0.74 + torch.rand(n, 2) * 0.26)
    x = torch.where(hit, full, empty).clamp(-5.2, 5.2)
    flow = CouplingFlow(2, 1, blocks=2, hidden=8, depth=1, bins=4, edges=True)
    flow.set_edges(edge.expand(2))
    optimiser = torch.optim.Adam(flow.parameters(), 0.02)
    for _ in range(150):
        optimiser.zero_grad()
        (-flow.log_density(x, kind).mean()).backward()
        optimiser.step()
    with torch.no_grad():
        drawn = flow.inverse(torch.randn(n, 2), kind) >= edge
    assert float(drawn[kind[:, 0] == 0].float().mean()) == pytest.approx(0.02, abs=0.012)  # 4 sigma: 0.011
    assert float(drawn[kind[:, 0] == 1].float().mean()) == pytest.approx(0.5, abs=0.04)
