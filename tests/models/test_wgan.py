import numpy as np
import pytest
import torch

from caloforge.models import Batch, build
from caloforge.models.parts.distance import distance_at_energies
from caloforge.models.wgan.config import WGANConfig
from caloforge.models.wgan.model import gradient_penalty
from caloforge.showers.domain import Domain


@pytest.fixture(scope="module")
def case(small, toy):
    showers = toy(small, 300, seed=31)
    torch.manual_seed(32)
    model = build(WGANConfig(latent=8, hidden=(16, 16)), small, Domain.of(showers.incidents))
    model.fit(showers)
    return model, Batch.of(showers)


def test_penalty_of_finite_differences(case):
    """The gradient of the critic by central differences in plain numpy, number by number."""
    model, batch = case
    critic = [(layer.weight.detach().double().numpy(), None if layer.bias is None else layer.bias.detach().numpy())
              for layer in model.critic if isinstance(layer, torch.nn.Linear)]  # fmt: skip

    def verdict(x):
        for weight, bias in critic:
            x = weight @ x + (0 if bias is None else bias)
            x = np.where(x > 0, x, 0.2 * x) if len(x) > 1 else x
        return x[0]

    generator = torch.Generator().manual_seed(33)
    size = 3 + 2 * model.detector.n_cells
    real, generated = (torch.randn(10, size, generator=generator) for _ in range(2))
    uniform = torch.rand(10, 1, generator=generator)
    conditions = model.conditions(**batch[:10].incidents)
    terms = []
    for row in range(10):
        u = float(uniform[row])
        x = np.concatenate([u * generated[row].double().numpy() + (1 - u) * real[row].double().numpy(),
                            conditions[row].double().numpy()])  # fmt: skip
        steps = 1e-6 * np.eye(len(x))[:size]
        gradient = [(verdict(x + step) - verdict(x - step)) / 2e-6 for step in steps]
        terms.append((np.sqrt(np.sum(np.square(gradient))) - 1) ** 2)
    found = gradient_penalty(lambda x: model.criticise(x, conditions), real, generated, uniform)
    assert float(found.detach()) == pytest.approx(np.mean(terms), rel=1e-4)


def test_penalty_is_two_sided():
    real, generated, uniform = torch.zeros(4, 3), torch.ones(4, 3), torch.rand(4, 1)
    for slope in (0.5, 1.0, 3.0):
        found = gradient_penalty(lambda x, s=slope: s * x[:, 0], real, generated, uniform)
        assert float(found.detach()) == pytest.approx((slope - 1) ** 2, abs=1e-6)


def test_penalty_teaches_the_critic(case, monkeypatch):
    """The critic's gradients are those of the verdicts and ten times those of the penalty."""
    model, batch = case
    turn, parameters = model.optimiser_steps()[0], list(model.critic.parameters())

    def gradients():
        torch.manual_seed(34)
        return torch.autograd.grad(turn.loss(batch[:64]), parameters, allow_unused=True)

    whole, penalties = gradients(), []

    def kept(*arguments):
        penalties.append(gradient_penalty(*arguments))
        return penalties[-1].detach()

    monkeypatch.setattr("caloforge.models.wgan.model.gradient_penalty", kept)
    without = gradients()
    alone = torch.autograd.grad(penalties[0], parameters, allow_unused=True)
    taught = 0
    for all_, verdicts, penalty in zip(whole, without, alone, strict=True):
        expected = verdicts + (0 if penalty is None else 10 * penalty)
        torch.testing.assert_close(all_, expected, rtol=1e-3, atol=1e-6)
        taught += penalty is not None and bool(penalty.abs().max() > 1e-3)
    assert taught > 1


def test_critic_loss_is_that_of_the_definition(case):
    model, batch = case
    part = batch[:50]
    torch.manual_seed(35)
    found = float(model.critic_loss(part).detach())
    torch.manual_seed(35)
    conditions, energy = model.conditions(**part.incidents), part.incidents["energy"]
    scores, weights = model.generate(torch.randn(50, 8), conditions)
    generated = model.critic_features(scores, weights, energy).detach()
    shares = part.cells / part.cells.sum(1, keepdim=True)
    views = (shares.sqrt() - model.mean_view[0], torch.log(1 + part.cells / 0.01) - model.mean_view[1])
    real = torch.cat(
        [model.layers(part.cells, energy), *(v / w for v, w in zip(views, model.view_width, strict=True))], 1
    )
    penalty = gradient_penalty(lambda x: model.criticise(x, conditions), real, generated, torch.rand(50, 1))
    verdicts = [model.critic(torch.cat([x, conditions], 1)).mean() for x in (generated, real)]
    assert found == pytest.approx(float((verdicts[0] - verdicts[1] + 10 * penalty).detach()), rel=1e-4)


def test_generator_loss_is_verdict_and_activity(case):
    model, batch = case
    part = batch[:50]
    torch.manual_seed(36)
    found = float(model.loss(part).detach())
    torch.manual_seed(36)
    with torch.no_grad():
        conditions = model.conditions(**part.incidents)
        scores, weights = model.generate(torch.randn(50, 8), conditions)
        verdict = model.criticise(model.critic_features(scores, weights, part.incidents["energy"]), conditions).mean()
    activity = 1e-5 * sum(abs(w) for row in weights.tolist() for w in row) / 50
    assert found == pytest.approx(float(activity - verdict), rel=1e-4)


def test_the_critic_sees_generated_as_real_showers(case, small):
    """The cells that are sampled, put back in, look to the critic as the generator's outputs did."""
    model, batch = case
    energy = batch.incidents["energy"]
    noise = torch.randn(300, 8, generator=torch.Generator().manual_seed(37))
    with torch.no_grad():
        scores, weights = model.generate(noise, model.conditions(energy=energy))
        cells = model.sample(noise, energy=energy)
        features = model.critic_features(scores, weights, energy)
        again = model._features(model.layers(cells, energy), cells)
    assert (features - again).abs().max() < 0.05
    roots = features[:, 3 : 3 + small.n_cells] * model.view_width[0] + model.mean_view[0]
    assert (roots.square().sum(1) - 1).abs().max() < 1e-4


def test_slopes_do_not_depend_on_the_level_of_the_weights(case):
    """Only ratios of weights count, so nothing keeps their level from drifting to where its square is no number."""
    model, batch = case
    energy = batch.incidents["energy"][:50]
    with torch.no_grad():
        scores, weights = model.generate(torch.randn(50, 8), model.conditions(energy=energy))
    slopes = []
    for level in (1.0, 1e-24):
        logarithm = torch.zeros_like(weights, requires_grad=True)
        features = model.critic_features(scores, level * weights * logarithm.exp(), energy)
        slopes += torch.autograd.grad((features * torch.linspace(-1, 1, features.shape[1])).sum(), logarithm)
    assert slopes[0].abs().max() > 0
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-3, atol=1e-5)


def test_scores_and_both_views_count_alike(case, small):
    model, batch = case
    features = model._features(model.layers(batch.cells, batch.incidents["energy"]), batch.cells)
    for part in features.split([3, small.n_cells, small.n_cells], 1):
        assert float(part.var(0).sum()) == pytest.approx(3, rel=0.15)
        assert part.mean(0).abs().max() < 0.15


def test_optimiser_steps_are_the_published_ones(case):
    model, _ = case
    critic, generator = model.optimiser_steps()
    assert (critic.name, critic.repeat, generator.name, generator.repeat) == ("critic", 5, "generator", 1)
    for turn in (critic, generator):
        optimiser = turn.optimiser(turn.parameters, lr=5e-5)
        assert isinstance(optimiser, torch.optim.Adam)
        assert optimiser.defaults["betas"] == (0.0, 0.9)
    config = WGANConfig()
    assert (config.hidden, config.gradient_penalty, config.activity) == ((128, 128, 128), 10.0, 1e-5)


def test_distance_picks_the_weights(case):
    model, batch = case
    torch.manual_seed(38)
    with torch.no_grad():
        found = float(model.selection_loss(batch))
        torch.manual_seed(38)
        cells = model.sample(torch.randn(300, 8), **batch.incidents)
    expected = float(distance_at_energies(batch.cells, cells, batch.incidents["energy"], model.detector))
    assert found == pytest.approx(expected, rel=1e-6)
    assert model.selection_batch >= 1000


def test_training_approaches_the_showers(toy, small):
    showers = toy(small, 1000, seed=39)
    torch.manual_seed(40)
    model = build(WGANConfig(latent=16, hidden=(32, 32)), small, Domain.of(showers.incidents))
    model.fit(showers)
    batch = Batch.of(showers)
    with torch.no_grad():
        before = model.selection_loss(batch)
    players = [(turn, turn.optimiser(turn.parameters, lr=2e-3)) for turn in model.optimiser_steps()]
    for _ in range(60):
        for turn, optimiser in players:
            for _ in range(turn.repeat):
                optimiser.zero_grad()
                turn.loss(batch[torch.randint(1000, (64,))]).backward()
                optimiser.step()
    with torch.no_grad():
        assert model.selection_loss(batch) < 0.9 * before
