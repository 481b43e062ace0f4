"""Ranges between edges: masses change as told, probabilities within a range keep their ratios, slopes are the map's."""

import pytest
import torch

from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.flows.edges import KAPPA, LEAST_MASS, masses_between, weighted, with_masses

EDGES = torch.tensor([[-3.0, 0.5, 2.2, -4.0], [-2.5, 0.6, 2.4, 0.0], [0.5, 2.0, 3.1, 4.0]], dtype=torch.float64)


def logistic(x):
    return torch.sigmoid(KAPPA * x)


def weights(n, seed=1, size=1.5):
    generator = torch.Generator().manual_seed(seed)
    return size * torch.randn(1, len(EDGES) + 1, EDGES.shape[1], dtype=torch.float64, generator=generator).expand(
        n, -1, -1
    )


def test_masses_are_those_between_the_edges():
    masses = masses_between(EDGES)
    torch.testing.assert_close(masses.cumsum(0)[:-1], logistic(EDGES))
    twice = masses_between(EDGES[[0, 0]])
    assert (twice[1] > 0.9 * LEAST_MASS).all()
    torch.testing.assert_close(twice.sum(0), torch.ones(4, dtype=torch.float64))


def test_ranges_get_their_masses_and_scores_within_them_keep_their_places():
    masses, logs = masses_between(EDGES), weights(3)
    after = masses * logs[0].exp()
    after = after / after.sum(0)
    edges, _ = weighted(EDGES, masses, logs)
    torch.testing.assert_close(logistic(edges), after.cumsum(0)[:-1])
    low, high = EDGES[0], EDGES[1]
    middle, _ = weighted((torch.logit((logistic(low) + logistic(high)) / 2) / KAPPA).expand(3, -1), masses, logs)
    torch.testing.assert_close(logistic(middle[0]), (logistic(edges[0]) + logistic(edges[1])) / 2)


def test_the_inverse_and_the_slope():
    x = (torch.linspace(-5.0, 5.0, 400, dtype=torch.float64) + 1e-3)[:, None].expand(-1, 4).clone().requires_grad_(True)
    masses, logs = masses_between(EDGES), weights(400)
    z, log_slope = weighted(x, masses, logs)
    assert (torch.diff(z, dim=0) > 0).all()
    torch.testing.assert_close(with_masses(z, masses * logs.exp(), masses), x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    torch.testing.assert_close(log_slope.exp(), slope)


@pytest.mark.parametrize("size", [1.5, 6.0])
def test_single_precision_suffices(size):
    x = torch.linspace(-5.2, 5.2, 2001)[:, None].expand(-1, 4)
    masses, logs = masses_between(EDGES).float(), weights(2001, size=size).float()
    z, log_slope = weighted(x, masses, logs)
    assert z.isfinite().all()
    assert log_slope.isfinite().all()
    torch.testing.assert_close(with_masses(z, masses * logs.exp(), masses), x, rtol=0, atol=0.03)


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
    flow = CouplingFlow(2, 1, blocks=2, hidden=8, depth=1, bins=4, edges=1)
    flow.set_edges(edge.expand(1, 2))
    optimiser = torch.optim.Adam(flow.parameters(), 0.02)
    for _ in range(150):
        optimiser.zero_grad()
        (-flow.log_density(x, kind).mean()).backward()
        optimiser.step()
    with torch.no_grad():
        drawn = flow.inverse(torch.randn(n, 2), kind) >= edge
    assert float(drawn[kind[:, 0] == 0].float().mean()) == pytest.approx(0.02, abs=0.012)  # 4 sigma: 0.011
    assert float(drawn[kind[:, 0] == 1].float().mean()) == pytest.approx(0.5, abs=0.04)
