import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as divergence_of

from caloforge.models import Batch, build
from caloforge.models.vae.config import VAEConfig, VAEWeights
from caloforge.models.vae.model import kl_divergence
from caloforge.showers.domain import Domain

WEIGHTS = VAEWeights(reconstruction=0.7, kl=1e-3, total=0.2, fractions=(0.05, 0.4))


@pytest.fixture(scope="module")
def case(small, toy):
    showers = toy(small, 200, seed=21)
    torch.manual_seed(22)
    model = build(VAEConfig(latent=3, hidden=(16, 8), weights=WEIGHTS), small, Domain.of(showers.incidents))
    model.fit(showers)
    return model, Batch.of(showers)


def latents():
    generator = torch.Generator().manual_seed(23)
    return 2 * torch.randn(50, 4, generator=generator), torch.randn(50, 4, generator=generator)


def test_divergence_is_that_of_torch():
    mean, log_width = latents()
    expected = divergence_of(Normal(mean, log_width.exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_divergence(mean, log_width), expected)


def test_divergence_is_the_integral():
    """The integral of q log(q / p), one latent number, by the trapezoidal rule."""
    z = np.linspace(-30, 30, 200_001)
    for mean, log_width in ((0.0, 0.0), (1.5, -1.0), (-0.4, 0.7)):
        width = math.exp(log_width)
        log_q = -0.5 * ((z - mean) / width) ** 2 - math.log(width)
        integral = np.trapezoid(np.exp(log_q) / math.sqrt(2 * math.pi) * (log_q + 0.5 * z**2), z)
        found = kl_divergence(torch.tensor([[mean]]), torch.tensor([[log_width]]))
        assert float(found) == pytest.approx(integral, abs=1e-5)


def slow_layers(model, decoded, energy):
    """Energies [MeV] of decoded layer scores, layer by layer."""
    layers = model.layers
    t = (math.log(energy) - layers.centre) / layers.half_range
    basis = [1.0, t, t * t]
    left, found = None, []
    for i, score in enumerate(decoded):
        scores = torch.zeros(1, len(decoded))
        scores[0, i] = score
        scaled = float(layers.shares.quantiles.inverse(scores)[0, i])
        mean, log_width = (sum(b * float(c) for b, c in zip(basis, w[:, i], strict=True))
                           for w in (layers.mean, layers.log_width))  # fmt: skip
        ratio = mean + scaled * math.exp(log_width)
        if left is None:
            left = math.exp(ratio) * energy
        else:
            found.append(left / (1 + math.exp(-ratio)))
            left -= found[-1]
    return [*found, left]


def slow_loss(model, batch, uniform, noise, floor_noise):
    """The four terms from the definitions, shower by shower and number by number."""
    terms = []
    conditions = model.conditions(**batch.incidents)
    for row in range(len(batch)):
        energy, cells = float(batch.incidents["energy"][row]), batch.cells[row : row + 1]
        x = torch.cat([floor_noise[row : row + 1], model.hits(cells, uniform[row : row + 1])], 1)
        code = model.encoder(torch.cat([x, conditions[row : row + 1]], 1))[0].tolist()
        code = code[:3] + [min(max(s, -5.0), 2.0) for s in code[3:]]
        kl = sum(0.5 * (m * m + math.exp(2 * s) - 1 - 2 * s) for m, s in zip(code[:3], code[3:], strict=True))
        z = [m + math.exp(s) * e for m, s, e in zip(code[:3], code[3:], noise[row].tolist(), strict=True)]
        out = model.decoder(torch.cat([torch.tensor([z]), conditions[row : row + 1]], 1))[0].tolist()
        n = len(out) // 2
        out = out[:n] + [min(max(s, -5.0), 2.0) for s in out[n:]]
        density = [-float(Normal(m, math.exp(s)).log_prob(torch.tensor(v))) - 0.5 * math.log(2 * math.pi)
                   for v, m, s in zip(x[0].tolist(), out[:n], out[n:], strict=True)]  # fmt: skip
        ours = slow_layers(model, out[:3], energy)
        true = [float(cells[0, layer.slice].sum()) for layer in model.detector.layers]
        total = math.log(sum(ours) / sum(true)) ** 2
        off = [(a / sum(ours) - b / sum(true)) ** 2 for a, b in zip(ours, true, strict=True)]
        terms.append(0.7e-4 * sum(density) + 1e-3 * kl + 0.2 * total + 0.05 * off[1] + 0.4 * off[2])
    return sum(terms) / len(terms)


def test_four_terms_are_those_of_the_definitions(case):
    model, batch = case
    part = batch[:20]
    torch.manual_seed(24)
    with torch.no_grad():
        found = float(model.loss(part))
        torch.manual_seed(24)
        uniform = torch.rand_like(part.cells)
        scores = model.layers(part.cells, part.incidents["energy"])
        noise = torch.randn(20, 3)
        assert found == pytest.approx(slow_loss(model, part, uniform, noise, scores), rel=1e-4)


def test_each_term_has_its_weight(case):
    """Without weights of energies the loss is that of a plain autoencoder; each term adds its own."""
    model, batch = case
    found = {}
    for name in ("reconstruction", "kl", "total", "fractions"):
        off = {"reconstruction": 0.0, "kl": 0.0, "total": 0.0, "fractions": (0.0,)}
        model.weights = VAEWeights(**(off | {name: getattr(WEIGHTS, name)}))
        torch.manual_seed(25)
        with torch.no_grad():
            found[name] = float(model.loss(batch))
    model.weights = WEIGHTS
    torch.manual_seed(25)
    with torch.no_grad():
        assert sum(found.values()) == pytest.approx(float(model.loss(batch)), rel=1e-5)
    assert all(abs(value) > 1e-6 for value in found.values())


def test_published_weights_and_sizes_are_the_defaults():
    config = VAEConfig()
    assert (config.latent, config.hidden) == (10, (200, 150, 100, 50))
    assert config.weights == VAEWeights(reconstruction=1.0, kl=1e-4, total=1e-2, fractions=(8e-2, 6e-1, 2e-1))


def test_networks_and_optimiser_are_the_published_ones(case):
    model, _ = case
    (step,) = model.optimiser_steps()
    assert step.optimiser is torch.optim.RMSprop
    for network in (model.encoder, model.decoder):
        linear, between = network[::2], network[1::2]
        assert all(isinstance(activation, torch.nn.ELU) for activation in between)
        assert all((layer.bias == 1).all() for layer in linear[:-1])
        assert (linear[-1].bias == 0).all()


def test_training_brings_the_showers_back(toy, small):
    """Three hundred steps: new showers have about the layers of the toy, and about as wide."""
    showers = toy(small, 1000, seed=26)
    torch.manual_seed(27)
    model = build(VAEConfig(hidden=(64, 32)), small, Domain.of(showers.incidents))
    model.fit(showers)
    batch = Batch.of(showers)
    optimiser = model.optimiser_steps()[0].optimiser(model.parameters(), lr=2e-3)
    for _ in range(300):
        optimiser.zero_grad()
        model.loss(batch[torch.randint(1000, (64,))]).backward()
        optimiser.step()
    energy = batch.incidents["energy"]
    with torch.no_grad():
        cells = model.sample(torch.randn(1000, model.noise_size), energy=energy)
    ours, true = model.layers.sums(cells) / energy, model.layers.sums(batch.cells) / energy
    assert ((ours.mean(0) - true.mean(0)) / true.std(0)).abs().max() < 0.5
    assert (ours.std(0) / true.std(0) - 1).abs().max() < 0.5
