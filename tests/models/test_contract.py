"""What every model promises, on toy showers in a small detector."""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from caloforge.models import CONFIGS, MODELS, Batch, build
from caloforge.showers import Incidents, Showers, concatenate
from caloforge.showers.domain import Domain


def test_every_model_has_a_tiny_config(tiny_configs):
    assert tiny_configs.keys() == MODELS.keys() == CONFIGS.keys()
    assert all(config == CONFIGS[kind].model_validate(config.model_dump()) for kind, config in tiny_configs.items())


@pytest.fixture(scope="module", params=list(MODELS))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def detector(kind, detector_for):
    return detector_for(kind)


@pytest.fixture(scope="module")
def case(kind, detector, toy, tiny_configs):
    showers = toy(detector, 300, seed=5)
    torch.manual_seed(6)
    model = build(tiny_configs[kind], detector, Domain.of(showers.incidents))
    model.fit(showers)
    model.finalise()
    return model, showers


def noise_for(model, n):
    return torch.randn(n, model.noise_size, generator=torch.Generator().manual_seed(7))


def named(model, batch):
    return {name: batch.incidents[name] for name in model.inputs}


def test_losses_are_finite_with_a_gradient_for_every_parameter(case):
    model, showers = case
    parameters = set()
    for step in model.optimiser_steps():
        loss = step.loss(Batch.of(showers[:64]))
        assert loss.ndim == 0
        assert torch.isfinite(loss)
        gradients = torch.autograd.grad(loss, list(step.parameters))
        assert all(torch.isfinite(g).all() and g.abs().max() > 0 for g in gradients)
        parameters |= {id(parameter) for parameter in step.parameters}
    assert parameters == {id(parameter) for parameter in model.parameters()}


def test_samples_are_thresholded_energies(case, detector):
    model, showers = case
    with torch.no_grad():
        cells = model.sample(noise_for(model, 300), **named(model, Batch.of(showers)))
    assert cells.shape == (300, detector.n_cells)
    assert cells.dtype == torch.float32
    assert torch.isfinite(cells).all()
    assert ((cells == 0) | (cells >= detector.readout.threshold)).all()
    response = cells.sum(1) / torch.from_numpy(showers.incidents.energy)
    assert 0.5 < response.mean() < 1.5


def test_noise_is_the_only_randomness(case):
    model, showers = case
    incidents = named(model, Batch.of(showers[:20]))
    noise = noise_for(model, 20)
    with torch.no_grad():
        first, again, other = (model.sample(z, **incidents) for z in (noise, noise, noise.flip(0)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


class Defined(TorchFunctionMode):
    """Every result inside is a number: what one runtime selects away, another lets through."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.is_floating_point():
            assert not result.isnan().any(), function
        return result


@pytest.mark.parametrize("size", [6, 10])
def test_extreme_noise_gives_energies(case, size):
    model, showers = case
    noise = size * noise_for(model, 200).sign()
    with torch.no_grad(), Defined():
        cells = model.sample(noise, **named(model, Batch.of(showers[:200])))
    assert torch.isfinite(cells).all()
    assert (cells >= 0).all()


def test_state_restores_the_model(case, kind, detector, tiny_configs, tmp_path):
    model, showers = case
    torch.save(model.state_dict(), tmp_path / "model.pt")
    other = build(tiny_configs[kind], detector, model.domain)
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    noise, incidents = noise_for(model, 10), named(model, Batch.of(showers[:10]))
    with torch.no_grad():
        assert torch.equal(model.sample(noise, **incidents), other.sample(noise, **incidents))


def test_all_inputs_condition(kind, detector, toy, tiny_configs):
    """Particle, angle and entry point reach the model where they vary."""
    showers = concatenate([toy(detector, 100, seed=8), toy(detector, 100, seed=9)])
    old = showers.incidents
    tilted = Incidents.make(
        torch.tensor([11, 22]).repeat_interleave(100).numpy(),
        old.energy,
        theta=torch.linspace(0.1, 0.4, 200).numpy(),
        phi=torch.linspace(-1.0, 1.0, 200).numpy(),
        position=torch.linspace(-5, 5, 600).reshape(200, 3).numpy(),
        shower_id=range(200),
    )
    showers = Showers(detector, tilted, showers.energies)
    torch.manual_seed(10)
    model = build(tiny_configs[kind], detector, Domain.of(tilted))
    model.fit(showers)
    assert model.inputs == ("energy", "theta", "phi", "position", "pdg")
    incidents = named(model, Batch.of(showers[:1]))
    noise = noise_for(model, 1)
    with torch.no_grad():
        before = model.sample(noise, **incidents)
        for name, values in incidents.items():
            moved = torch.full_like(values, 22) if name == "pdg" else values + 0.2
            assert not torch.equal(model.sample(noise, **(incidents | {name: moved})), before), name
