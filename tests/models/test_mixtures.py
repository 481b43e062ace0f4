"""The mixture of a cell against scipy, term by term."""

import numpy as np
import onnxruntime
import pytest
import torch
from scipy import integrate, stats

from caloforge.models.fast_ar.mixtures import LogisticMixture, normal_tail

K = 3


def raw_parameters(*shape, seed=1):
    """Network outputs (*shape, 3 K + 1, cells) with overlapping components of different widths."""
    random = torch.Generator().manual_seed(seed)
    *layers, cells = shape
    weights = torch.randn(*layers, K + 1, cells, generator=random)
    centre = 2 * torch.randn(*layers, K, cells, generator=random)
    log_scale = 0.5 * torch.randn(*layers, K, cells, generator=random) - 0.7
    return torch.cat([weights, centre, log_scale], -2)


def slow(raw):
    """Weights (K + 1,), and scipy's components of one cell's network outputs (3 K + 1,)."""
    raw = raw.double().numpy()
    weights = np.exp(raw[: K + 1]) / np.exp(raw[: K + 1]).sum()
    centre = 20 * np.tanh(raw[K + 1 : 2 * K + 1] / 20)
    return weights, [stats.logistic(m, np.exp(s)) for m, s in zip(centre, raw[2 * K + 1 :], strict=True)]


def slow_cdf(raw, y):
    weights, components = slow(raw)
    return weights[0] + sum(w * c.cdf(y) for w, c in zip(weights[1:], components, strict=True))


def slow_density(raw, y):
    weights, components = slow(raw)
    return sum(w * c.pdf(y) for w, c in zip(weights[1:], components, strict=True))


def masks(cells, which=None):
    return [torch.full((1, 1, cells), name == which) for name in ("empty", "full")]


@pytest.mark.parametrize("value", [-9.0, -1.3, 0.0, 2.5, 12.0])
def test_each_term_is_scipys(value):
    raw = raw_parameters(1, 1, 20)
    y = torch.full((1, 1, 20), value)
    mixture = LogisticMixture(raw)
    empty, density, full = (
        mixture.log_likelihood(y, *masks(20, which))[0, 0].exp().numpy() for which in ("empty", None, "full")
    )
    for cell in range(20):
        own = raw[0, 0, :, cell]
        assert density[cell] == pytest.approx(slow_density(own, value), rel=1e-4)
        assert empty[cell] == pytest.approx(slow_cdf(own, value), rel=1e-4)
        assert full[cell] == pytest.approx(1 - slow_cdf(own, value), rel=1e-4, abs=1e-12)


def test_probabilities_sum_to_one():
    edge, ceiling = -1.0, 1.5
    raw = raw_parameters(1, 1, 5, seed=2)
    mixture = LogisticMixture(raw)

    def probability(value, which, cell):
        y = torch.full((1, 1, 5), float(value))
        return float(mixture.log_likelihood(y, *masks(5, which))[0, 0, cell].exp())

    for cell in range(5):
        between = integrate.quad(probability, edge, ceiling, args=(None, cell), limit=200)[0]
        total = probability(edge, "empty", cell) + between + probability(ceiling, "full", cell)
        assert total == pytest.approx(1.0, abs=1e-5)


def test_quantiles_invert_the_cdf_in_both_tails():
    noise = torch.tensor([-4.5, -3.0, -1.0, -0.2, 0.0, 0.5, 2.0, 3.5, 4.5]).repeat(12)[None, None]
    raw = raw_parameters(1, 1, noise.shape[2], seed=3)
    values, filled = (part[0, 0].numpy() for part in LogisticMixture(raw).quantile(noise))
    for cell, z in enumerate(noise[0, 0].tolist()):
        own, wanted = raw[0, 0, :, cell], stats.norm.cdf(z)
        weight = slow(own)[0][0]
        assert filled[cell] == (wanted > weight)
        if filled[cell]:
            found = slow_cdf(own, float(values[cell])) - weight
            odds = (found / (1 - weight - found)) / ((wanted - weight) / stats.norm.sf(z))
            assert odds == pytest.approx(1.0, abs=0.02)


def test_draws_follow_the_likelihood():
    """Kolmogorov-Smirnov and the share of empty cells; each false alarm below 1e-4."""
    n = 40_000
    raw = raw_parameters(1, 1, 1, seed=4)
    noise = torch.randn(1, 1, n, generator=torch.Generator().manual_seed(5))
    values, filled = (part[0, 0] for part in LogisticMixture(raw.expand(-1, -1, -1, n)).quantile(noise))
    own = raw[0, 0, :, 0]
    weight = slow(own)[0][0]
    assert stats.binomtest(int((~filled).sum()), n, weight).pvalue > 1e-4
    ranks = (slow_cdf(own, values[filled].double().numpy()) - weight) / (1 - weight)
    assert stats.kstest(ranks, "uniform").pvalue > 1e-4


def test_draws_are_continuous_in_noise():
    """No choice is drawn: a step of 1e-4 in noise never makes a leap, however far apart the components are."""
    noise = torch.arange(-3, 3, 1e-4)[None, None]
    raw = raw_parameters(1, 1, 1, seed=6).expand(-1, -1, -1, noise.shape[2])
    values, filled = (part[0, 0] for part in LogisticMixture(raw).quantile(noise))
    steps = torch.diff(values[filled & (values > -5)])
    assert (steps >= -1e-5).all()
    assert steps.max() < 0.01


def test_extreme_parameters_and_noise():
    random = torch.Generator().manual_seed(7)
    raw = 200 * torch.randn(1, 1, 3 * K + 1, 500, generator=random)
    mixture = LogisticMixture(raw)
    for sign in (-8.0, 8.0):
        values, _ = mixture.quantile(torch.full((1, 1, 500), sign))
        assert torch.isfinite(values).all()
    for which in ("empty", None, "full"):
        assert not mixture.log_likelihood(torch.zeros(1, 1, 500), *masks(500, which)).isnan().any()


def test_normal_tail():
    x = torch.linspace(0, 8, 1000)
    np.testing.assert_allclose(normal_tail(x), stats.norm.sf(x.double().numpy()), rtol=1e-5)


class Quantile(torch.nn.Module):
    """The quantiles of one component, between whose ends nothing is left to search."""

    def forward(self, raw, noise):
        return LogisticMixture(raw).quantile(noise)[0]


@pytest.mark.filterwarnings("ignore")
def test_quantiles_are_numbers_in_the_exported_graph():
    """The exporter leaves out additions of small numbers, so that no sum can keep a denominator from zero."""
    random = torch.Generator().manual_seed(4)
    raw, noise = torch.randn(1, 1, 4, 5000, generator=random), torch.randn(1, 1, 5000, generator=random)
    graph = torch.onnx.export(Quantile(), (raw, noise), dynamo=True, optimize=True, verbose=False).model_proto
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    (found,) = session.run(None, dict(zip(names, (raw.numpy(), noise.numpy()), strict=True)))
    np.testing.assert_allclose(found, Quantile()(raw, noise).numpy(), rtol=1e-4, atol=1e-5)
