"""FAST.AR: layers before cells, and no cell that sees its own layer or a later one."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.models import Batch, build
from caloforge.models.config_types import FlowConfig
from caloforge.models.fast_ar.config import FastArConfig
from caloforge.models.fast_ar.mixtures import LogisticMixture
from caloforge.models.fast_ar.model import LayerNumbers
from caloforge.showers import Incidents, Showers
from caloforge.showers.domain import Domain

TINY = FastArConfig(
    layers=FlowConfig(blocks=2, hidden=8, bins=4), widths=(6, 8), blocks=(1, 1), embedding=8, mixtures=2
)


@pytest.fixture(scope="module")
def fitted(uniform, toy):
    showers = toy(uniform, 400, seed=21)
    torch.manual_seed(22)
    model = build(TINY, uniform, Domain.of(showers.incidents))
    model.fit(showers)
    return model, showers


def given(model, showers):
    """Cells (N, Z, cells) [MeV] and the numbers of their layers."""
    batch = Batch.of(showers)
    cells = model._hits(batch)
    return cells, model._numbers(*model._drawn(batch, cells), **batch.incidents)


def mixture_of(model, before, numbers):
    return model.mixture(before, numbers, model.network.start(len(before), *model.shape[1:]))


def noise_for(model, n):
    return torch.randn(n, model.noise_size, generator=torch.Generator().manual_seed(23))


def test_cells_see_earlier_layers_only(fitted):
    model, showers = fitted
    cells, numbers = given(model, showers[:1])
    cells = (cells + 1.0).detach().requires_grad_()
    before = torch.cat([torch.zeros_like(cells[:, :1]), cells[:, :-1]], 1)
    mixture, _ = mixture_of(model, before, numbers)
    outputs = torch.cat([mixture.log_weights, mixture.centre, mixture.log_scale], 2)
    for z in range(4):
        weights = torch.randn(outputs[0, z].shape, generator=torch.Generator().manual_seed(z))
        seen = torch.autograd.grad((outputs[0, z] * weights).sum(), cells, retain_graph=True)[0][0].abs().sum(1) > 0
        assert seen.tolist() == [earlier < z for earlier in range(4)]


def test_cached_sampling_equals_the_training_pass(fitted):
    """The mixtures met while sampling are those that the sampled shower has in one pass over all layers."""
    model, showers = fitted
    incidents = {"energy": Batch.of(showers[:20]).incidents["energy"]}
    noise = noise_for(model, 20)
    with torch.no_grad():
        cells = model.sample(noise, **incidents).reshape(20, 4, 16)
        drawn = model.layer_flow.inverse(noise[:, :28], model.conditions(**incidents))
        layers = model.shares.inverse(drawn[:, :4], incidents["energy"])
        numbers = model._numbers(drawn, layers, **incidents)
        before = torch.cat([torch.zeros_like(cells[:, :1]), cells[:, :-1]], 1)
        mixture, _ = mixture_of(model, before, numbers)
        again = model._draw(mixture, noise[:, 28:].reshape(20, 4, 16), numbers)
    torch.testing.assert_close(again, cells, rtol=1e-4, atol=1e-3)


def test_layers_hold_what_flow_one_draws(fitted, uniform):
    model, showers = fitted
    energy = Batch.of(showers).incidents["energy"]
    noise = noise_for(model, 400)
    with torch.no_grad():
        cells = model.sample(noise, energy=energy)
        drawn = model.layer_flow.inverse(noise[:, :28], model.conditions(energy=energy))
        layers = model.shares.inverse(drawn[:, :4], energy)
    sums = uniform.sum_layers(cells.numpy())
    lost = layers.numpy() - sums
    assert (np.abs(lost) <= 1e-4 * layers.numpy() + 16 * 0.01).all()
    assert sums.sum() == pytest.approx(float(layers.sum()), rel=1e-4)


def test_layers_have_about_the_shapes_given(fitted, uniform):
    """Centre, width and mean radius [mm] of layers drawn with the numbers of Geant4's, in widths over the showers."""
    model, showers = fitted
    with torch.no_grad():
        true, numbers = given(model, showers)
        mixture, _ = mixture_of(model, torch.zeros_like(true), numbers)
        drawn = model._draw(mixture, torch.randn(true.shape, generator=torch.Generator().manual_seed(29)), numbers)
    places = torch.from_numpy(uniform.cell_centres[:16, :2])

    def shapes(cells):
        shares = cells.double() / cells.sum(2, keepdim=True)
        centre = shares @ places
        width = (shares @ places.square() - centre.square()).clamp(min=0).sqrt()
        return torch.cat([centre, width, shares @ places.norm(dim=1, keepdim=True)], 2)

    bright = ((true > 0).sum(2) > 8) & ((drawn > 0).sum(2) > 8)
    want, got = shapes(true)[bright], shapes(drawn)[bright]
    assert bright.sum() > 200
    assert ((got - want) / want.std(0)).abs().median(0).values.max() < 0.2


def test_a_layer_without_hits_gives_its_energy_to_one_cell(fitted):
    model, _ = fitted
    raw = torch.zeros(1, 4, 7, 16)
    raw[:, :, 0] = 60.0
    layers = torch.tensor([[5.0, 0.005, 2.0, 0.0101]])
    numbers = model._numbers(torch.zeros(1, 28), layers, energy=torch.full((1, 1), 5e3))
    cells = model._draw(LogisticMixture(raw), torch.randn(1, 4, 16), numbers)
    assert torch.isfinite(cells).all()
    assert cells[0].sum(1)[[0, 2]].tolist() == pytest.approx([5.0, 2.0], rel=0.1)
    assert cells[0, 1].sum() == 0


def test_a_cell_fades_at_the_threshold(fitted):
    """One cell swept over the threshold, a twentieth of its layer, never moves the others by as much at once."""
    model, showers = fitted
    cells, numbers = given(model, showers[:1])
    n, floor = 4001, model.detector.readout.threshold
    many = LayerNumbers(*(part.expand(n, *part.shape[1:]) for part in numbers[:5]), numbers.scale)
    many = many._replace(energy=torch.full_like(many.energy, 20 * floor))
    noise = torch.ones(n, *cells.shape[1:])
    noise[:, 1, 5] = torch.linspace(-8, 3, n)
    with torch.no_grad():
        mixture, _ = mixture_of(model, torch.zeros_like(noise), many)
        drawn = model._draw(mixture, noise, many)[:, 1]
    swept, other = drawn[:, 5], drawn[:, drawn[0].argmax()]
    assert swept[0] == 0
    assert swept[-1] > 2 * floor
    steps = (other.diff() / other[:-1]).abs()[swept[1:] < 2 * floor]
    assert float(steps.max()) < 0.01


def test_the_next_layer_sees_no_step_at_the_threshold(fitted):
    model, showers = fitted
    cells, numbers = given(model, showers[:1])
    floor = model.detector.readout.threshold
    empty, hit = (model._inputs(torch.full_like(cells, value), numbers) for value in (0.0, 1.0001 * floor))
    torch.testing.assert_close(empty, hit, atol=1e-4, rtol=0)


def test_likelihood_of_cells_is_a_density_of_their_shares(fitted):
    """Empty, in between and full: the probabilities of a cell sum to one on the scale of its log share."""
    model, showers = fitted
    cells, numbers = given(model, showers[:1])
    before = torch.cat([torch.zeros_like(cells[:, :1]), cells[:, :-1]], 1)
    with torch.no_grad():
        mixture, _ = mixture_of(model, before, numbers)
        layer = numbers.energy
        low, high = (model._floor / layer).log(), torch.full_like(layer, -0.01)
        total = model.log_likelihood(mixture, 0 * cells, numbers).exp()
        total = total + model.log_likelihood(mixture, layer[:, :, None].expand_as(cells), numbers).exp()
        steps = 1000
        for i in range(steps):
            share = low + (high - low) * (i + 0.5) / steps
            value = (share.exp() * layer)[:, :, None].expand_as(cells)
            total = total + model.log_likelihood(mixture, value, numbers).exp() * ((high - low) / steps)[:, :, None]
    torch.testing.assert_close(total, torch.ones_like(total), rtol=2e-3, atol=0)


def test_training_with_empty_layers_and_showers(uniform, toy):
    showers = toy(uniform, 200, seed=24)
    energies = showers.energies.copy()
    energies[::2, 48:] = 0.0
    energies[1::4, :15] = 0.0
    energies[0] = 0.0
    showers = Showers(uniform, showers.incidents, energies)
    torch.manual_seed(25)
    model = build(TINY, uniform, Domain.of(showers.incidents))
    model.fit(showers)
    loss = model.loss(Batch.of(showers))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_layers_look_alike_at_other_energies(fitted):
    """Energies are relative to the incident's: a shower ten times as large has the same scores, thresholds apart."""
    model, showers = fitted
    ten = replace(showers.incidents, energy=10 * showers.incidents.energy)
    large = Showers(showers.detector, ten, 10 * showers.energies)
    (cells, numbers), (_, scaled) = (given(model, s) for s in (showers, large))
    shares = [model.shares(n.energy, n.incident[:, :1]) for n in (numbers, scaled)]
    torch.testing.assert_close(*shares, rtol=1e-3, atol=0.03)
    bright = (cells > 0).all(2) & (numbers.energy > 100)
    assert bright.sum() > 100
    torch.testing.assert_close(numbers.shapes[bright][:, 1:], scaled.shapes[bright][:, 1:], rtol=0, atol=0.05)
    root, scaled_root = (
        model._inputs(n.energy[:, :, None].expand_as(cells) / 16, n)[..., 1] for n in (numbers, scaled)
    )
    torch.testing.assert_close(root, scaled_root, rtol=1e-3, atol=1e-3)


def test_rotations_of_the_shower_rotate_the_mixtures():
    """In a cylinder the network itself respects rotations by its stride, as circular padding has no seam."""
    cylinder = Detector.load("pbwo4-cylinder")
    random = np.random.default_rng(26)
    energies = random.gamma(0.2, 5.0, (3, cylinder.n_cells)).astype(np.float32)
    showers = Showers(cylinder, Incidents.make("e-", random.uniform(1e3, 2e3, 3)), energies)
    model = build(TINY, cylinder, Domain.of(showers.incidents))
    model.fit(showers)
    x = torch.randn(1, 2, 24, 24, 4)
    conditions = torch.randn(1, 2, 8)
    with torch.no_grad():
        turned, plain = (
            model.network(y, model.places, conditions, model.network.start(1, 24, 24))[0] for y in (x.roll(2, 2), x)
        )
    torch.testing.assert_close(turned, plain.roll(2, 2), rtol=1e-4, atol=1e-5)


def test_widths_and_blocks_belong_together():
    with pytest.raises(InputError, match="2 widths and 1 numbers of blocks"):
        FastArConfig.build({"widths": [6, 8], "blocks": [1]}, "test")


def test_layers_of_different_grids_are_refused(small, toy):
    domain = Domain.of(toy(small, 10, seed=27).incidents)
    with pytest.raises(InputError, match=r"'fast-ar' needs layers that share one grid"):
        build(TINY, small, domain)


def test_transforms_are_fitted_to_labels_that_come_in_turn(uniform, toy, monkeypatch):
    """Half of the showers, taken so that none of two alternating energies is left out."""
    showers = toy(uniform, 200, seed=28)
    energy = np.where(np.arange(200) % 2, 1e3, 1e4)
    cells = showers.energies * (energy / showers.incidents.energy)[:, None].astype(np.float32)
    cells[::2] *= 0.5
    showers = Showers(uniform, Incidents.make("e+", energy, shower_id=range(200)), cells)
    monkeypatch.setattr("caloforge.models.fast_ar.model.FITTED", 150)
    model = build(TINY, uniform, Domain.of(showers.incidents))
    model.fit(showers)
    share = np.log(uniform.sum_layers(cells) / energy[:, None])
    assert np.abs(model.layer_scale[0].numpy().ravel() - share.mean(0)).max() < 0.1


def test_the_layers_are_one_loop_of_the_exported_graph(tiny_onnx):
    graph = onnx.load(tiny_onnx("fast-ar")).graph
    assert [node.op_type for node in graph.node].count("Scan") == 1
