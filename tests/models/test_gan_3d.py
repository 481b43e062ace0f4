"""The 3D GAN: collapsed kernels, folded statistics, losses and measures against slow references, any uniform grid."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.export.onnx import check_parity, to_onnx
from caloforge.models import Batch, build
from caloforge.models.gan_3d.blocks import SLOPE, Generator, UpBlock, UpConvolution
from caloforge.models.gan_3d.config import (
    DiscriminatorConfig,
    DownBlockConfig,
    Gan3DConfig,
    GeneratorConfig,
    LastConfig,
    LossWeights,
    UpBlockConfig,
)
from caloforge.models.gan_3d.images import Profiles, RectifiedCells, image_cost
from caloforge.models.gan_3d.model import FLIPS, Gan3DModel
from caloforge.showers import Incidents, Showers
from caloforge.showers.domain import Domain
from caloforge.training import TrainingConfig, train
from caloforge.training.run import load_model

CUBE = (3, 3, 3)
TINY = Gan3DConfig(
    noise=6,
    generator=GeneratorConfig(
        start=4,
        blocks=(
            UpBlockConfig(channels=6, kernel=CUBE),
            UpBlockConfig(channels=4, kernel=(4, 3, 2), up=(2, 2, 2)),
            UpBlockConfig(channels=3, kernel=CUBE, up=(3, 2, 2)),
        ),
        last=LastConfig(kernel=(2, 3, 4), up=(1, 1, 2)),
    ),
    discriminator=DiscriminatorConfig(
        blocks=(DownBlockConfig(channels=4, kernel=CUBE, join=(2, 2, 2)), DownBlockConfig(channels=4, kernel=CUBE)),
        dropout=0.0,
    ),
)


def grid_detector(layers, cells):
    return Detector.from_toml(f"""
    name = "grid"
    [readout]
    threshold = "0.01 MeV"
    [[layer]]
    copies = {layers}
    plates = [{{material = "G4_PbWO4", thickness = "10 mm"}}]
    counts = ["G4_PbWO4"]
    cells = {cells}
    """)


@pytest.fixture(scope="module")
def fitted(uniform, toy):
    showers = toy(uniform, 300, seed=3)
    torch.manual_seed(4)
    model = Gan3DModel(TINY, uniform, Domain.of(showers.incidents))
    model.fit(showers)
    return model, showers


GRAINED = TINY.model_copy(update={"grain": True})


@pytest.mark.parametrize("kernel", [(3, 3, 3), (8, 6, 5), (1, 2, 4)])
@pytest.mark.parametrize("up", [(1, 1, 1), (2, 2, 2), (3, 1, 2)])
def test_collapsed_kernel_equals_up_sampling_and_convolution(kernel, up):
    torch.manual_seed(1)
    layer = UpConvolution(3, 4, kernel, up, bias=True).double()
    torch.nn.init.normal_(layer.bias)
    coarse = torch.randn(2, 3, 4, 5, 6, dtype=torch.float64)
    fine = functional.interpolate(coarse, scale_factor=up, mode="nearest")
    before = [(k - 1) // 2 // s * s for k, s in zip(kernel, up, strict=True)]
    padding = [side for k, b in zip(kernel[::-1], before[::-1], strict=True) for side in (b, k - 1 - b)]
    slow = functional.conv3d(functional.pad(fine, padding), layer.weight, layer.bias)
    assert slow.shape == (2, 4, 4 * up[0], 5 * up[1], 6 * up[2])
    torch.testing.assert_close(layer(coarse), slow)


def test_folded_normalisation_equals_normalisation():
    torch.manual_seed(2)
    block = UpBlock(3, UpBlockConfig(channels=5, kernel=CUBE, up=(2, 2, 1)), norm=True).double().eval()
    for values in (block.norm.weight, block.norm.bias, block.norm.running_mean):
        torch.nn.init.normal_(values)
    block.norm.running_var.uniform_(0.2, 3.0)
    x = torch.randn(4, 3, 3, 4, 5, dtype=torch.float64)
    slow = functional.leaky_relu(block.norm(block.convolution(x)), SLOPE)
    torch.testing.assert_close(block.finalised(x), slow)


def test_settled_statistics_are_those_of_the_batch():
    torch.manual_seed(3)
    generator = Generator(5, 2, TINY.generator.blocks, TINY.generator.last, (4, 4, 4), 1).double()
    inputs = torch.randn(40, 5, dtype=torch.float64)
    for _ in range(3):
        generator(torch.randn(40, 5, dtype=torch.float64), finalised=False)
    generator.eval().finalise(inputs)
    coarse = generator.dense(inputs).reshape(-1, *generator.coarse).permute(0, 4, 1, 2, 3)
    values = generator.blocks[0].convolution(coarse).transpose(0, 1).flatten(1)
    torch.testing.assert_close(generator.blocks[0].norm.running_mean, values.mean(1))
    torch.testing.assert_close(generator.blocks[0].norm.running_var, values.var(1))
    assert not generator.training


@pytest.mark.parametrize(
    ("layers", "cells"),
    [
        (25, '{kind = "cartesian", n = [25, 25], size = ["5 mm", "5 mm"]}'),
        (24, '{kind = "cylindrical", n = [24, 24], r_max = "120 mm"}'),
        (4, '{kind = "cartesian", n = [4, 4], size = ["20 mm", "20 mm"]}'),
        (5, '{kind = "cartesian", n = [7, 3], size = ["20 mm", "20 mm"]}'),
        (1, '{kind = "cylindrical", n = [1, 9], r_max = "120 mm"}'),
    ],
)
def test_any_shared_grid(layers, cells, toy):
    detector = grid_detector(layers, cells)
    showers = toy(detector, 40, seed=5)
    model = Gan3DModel(TINY, detector, Domain.of(showers.incidents))
    model.fit(showers)
    batch = Batch.of(showers[:8])
    assert model.sample(torch.randn(8, 6), energy=batch.incidents["energy"]).shape == (8, detector.n_cells)
    assert all(torch.isfinite(step.loss(batch)) for step in model.optimiser_steps())


def test_layers_of_different_cells_are_refused(small):
    domain = Domain.of(Incidents.make("e-", [1000.0, 2000.0]))
    with pytest.raises(InputError, match=r"'gan-3d' needs layers that share one grid.*layer 1 differs"):
        build(TINY, small, domain)


def test_normal_fields_give_every_cell_its_mean_and_variance(uniform, toy):
    """Each cell's mean and mean square of the heights within five standard errors: a false alarm below 1e-3 in all."""
    showers = toy(uniform, 2000, seed=6)
    batch = Batch.of(showers)
    cells = RectifiedCells(uniform.n_cells, 0.85, uniform.readout.threshold, Domain.of(showers.incidents))
    cells.fit(batch, torch.arange(uniform.n_cells))
    wanted = cells.heights(batch).double()
    draws = 20000
    field = torch.randn(draws, uniform.n_cells, generator=torch.Generator().manual_seed(7))
    drawn = (cells.offset + field).clamp(min=0).double()
    for power in (1, 2):
        error = (drawn**power).std(0) / math.sqrt(draws)
        assert (((drawn**power).mean(0) - (wanted**power).mean(0)).abs() < 5 * error).all()


def test_slopes_follow_the_mean_of_a_cell(uniform):
    """Cells that grow as powers of the energy are flat in their heights."""
    energy = np.geomspace(1000.0, 16000.0, 400)
    powers = np.linspace(-0.8, 0.8, uniform.n_cells)
    cells = (energy[:, None] * 0.01 * (energy[:, None] / 4000) ** powers).astype(np.float32)
    showers = Showers(uniform, Incidents.make("e-", energy), cells)
    transform = RectifiedCells(uniform.n_cells, 0.85, uniform.readout.threshold, Domain.of(showers.incidents))
    transform.fit(Batch.of(showers), torch.arange(uniform.n_cells))
    np.testing.assert_allclose(transform.slope, 0.85 * powers, atol=0.08)
    heights = transform.heights(Batch.of(showers))
    assert (heights.std(0) / heights.mean(0)).max() < 0.06


def test_symmetric_cells_share_offset_and_scale(fitted):
    model, _ = fitted
    grid = model.cells.offset.unflatten(0, model.grid)
    for moved in (grid.flip(1), grid.flip(2), grid.transpose(1, 2)):
        assert torch.equal(grid, moved)


def test_cells_come_back_from_their_heights(fitted):
    model, showers = fitted
    batch = Batch.of(showers[:50])
    cells = model.cells.energies(model.cells.heights(batch), batch.incidents["energy"])
    torch.testing.assert_close(cells, torch.from_numpy(showers[:50].thresholded()), rtol=1e-5, atol=1e-5)


def test_cells_below_the_threshold_are_empty(fitted):
    model, showers = fitted
    energy = Batch.of(showers[:200]).incidents["energy"]
    field = torch.randn(200, model.detector.n_cells)
    cells = model.cells.energies(model.cells(field, energy), energy)
    assert ((cells == 0) | (cells >= 0.01)).all()
    assert (cells == 0).any()


def test_profiles_are_standardised_sums(fitted):
    model, showers = fitted
    batch = Batch.of(showers)
    response = showers.thresholded().astype(np.float64) / showers.incidents.energy[:, None]
    image = response.reshape(len(showers), *model.grid)
    slow = []
    for axis in range(3):
        for number in range(model.grid[axis]):
            slow.append(image.take(number, axis + 1).sum((1, 2)))
    slow = np.stack([*slow, response.sum(1)], 1)
    slow = (slow - slow.mean(0)) / slow.std(0)
    profiles = model.profiles(batch.cells, batch.incidents["energy"])
    np.testing.assert_allclose(profiles, slow, rtol=1e-3, atol=1e-3)


def slow_entropy(logits, label):
    return float(np.mean([-math.log(1 / (1 + math.exp(-s if label else s))) for s in logits]))


def slow_error(values, targets):
    return float(np.mean([100 * abs(v - t) / t for v, t in zip(values, targets, strict=True)]))


def test_generator_loss_is_the_weighted_sum(fitted):
    model, showers = fitted
    batch = Batch.of(showers[:16])
    torch.manual_seed(8)
    loss = float(model.loss(batch).detach())
    torch.manual_seed(8)
    noise = torch.randn(16, 6)
    images = model.generator(torch.cat([noise, model.conditions(energy=batch.incidents["energy"])], 1), finalised=False)
    field = images[:, 0]
    heights = model.cells((field - model.start[0]) / model.start[1], batch.incidents["energy"])
    with torch.no_grad():
        verdict = model.verdict(heights, batch.incidents)
        cells = model.cells.energies(heights, batch.incidents["energy"]).numpy()
    energy = showers.incidents.energy[:16]
    slow = (
        3.0 * slow_entropy(verdict.genuine.flatten().tolist(), 1)
        + 0.1 * slow_error(verdict.energy.flatten().tolist(), energy)
        + 0.1 * slow_error(cells.sum(1).tolist(), showers.thresholded()[:16].sum(1).tolist())
    )
    assert loss == pytest.approx(slow, rel=1e-4)


def test_discriminator_loss_is_the_weighted_sum(fitted, monkeypatch):
    model, showers = fitted
    monkeypatch.setattr("caloforge.models.gan_3d.model.FLIPS", 0.0)
    batch = Batch.of(showers[:16])
    torch.manual_seed(9)
    loss = float(model.discriminator_loss(batch).detach())
    torch.manual_seed(9)
    slow = 0.0
    with torch.no_grad():
        for label, heights in ((0, model._draw(batch)), (1, model.cells.heights(batch))):
            verdict = model.verdict(heights, batch.incidents)
            slow += 3.0 * slow_entropy(verdict.genuine.flatten().tolist(), label)
            slow += 0.1 * slow_error(verdict.energy.flatten().tolist(), showers.incidents.energy[:16])
    assert loss == pytest.approx(slow, rel=1e-4)


def test_a_twentieth_of_the_labels_is_flipped(fitted, monkeypatch):
    """Among 12800 labels, within five standard errors."""
    model, showers = fitted
    shown = []
    monkeypatch.setattr(
        "caloforge.models.gan_3d.model.cross_entropy", lambda logits, labels: shown.append(labels) or logits.mean()
    )
    torch.manual_seed(10)
    for _ in range(40):
        model.discriminator_loss(Batch.of(showers[:160]))
    wrong = [float((labels != label).float().mean()) for labels, label in zip(shown, [1.0, 0.0] * 40, strict=True)]
    assert np.mean(wrong) == pytest.approx(FLIPS, abs=5 * math.sqrt(FLIPS * (1 - FLIPS) / 12800))


def test_image_cost_against_loops(fitted):
    model, showers = fitted
    energy = np.array([1000.0, 4000.0, 2000.0])
    real, drawn = showers.energies[:3], showers.energies[3:6]
    shape = (3, *model.grid)
    slow = 0.0
    for axis in range(3):
        others = tuple(a for a in (1, 2, 3) if a != axis + 1)
        along = [(s.reshape(shape) / energy[:, None, None, None]).sum(others) for s in (real, drawn)]
        slow += np.abs(along[0].mean(0) - along[1].mean(0)).sum() / along[0].mean(0).sum()
        highest = [[max(range(len(row)), key=row.__getitem__) for row in rows] for rows in along]
        slow += abs(np.mean(highest[0]) - np.mean(highest[1])) / model.grid[axis]
    tensors = (torch.from_numpy(values) for values in (real, drawn, energy[:, None].astype(np.float32)))
    assert float(image_cost(*tensors, model.grid)) == pytest.approx(slow, rel=1e-4)


def test_moving_a_shower_costs(fitted):
    model, showers = fitted
    batch = Batch.of(showers)
    energy = batch.incidents["energy"]
    moved = batch.cells.unflatten(1, model.grid).roll(1, 1).flatten(1)
    assert float(image_cost(batch.cells, batch.cells, energy, model.grid)) == 0
    assert float(image_cost(batch.cells, moved, energy, model.grid)) > 0.1


@pytest.mark.parametrize("tiny", [TINY, GRAINED], ids=["smooth", "grained"])
def test_trained_weights_keep_their_own_statistics_and_export(uniform, toy, tmp_path, tiny):
    config = TrainingConfig(
        model=tiny, training={"steps": 12, "batch": 16, "learning_rate": 1e-3, "evaluate_every": 4, "average": 0.9}
    )
    train(config, toy(uniform, 200, seed=11), toy(uniform, 100, seed=12), tmp_path / "run", quiet=True)
    model = load_model(tmp_path / "run")
    kept = [norm.clone() for name, norm in model.named_buffers() if "running" in name]
    model.finalise()
    again = [norm for name, norm in model.named_buffers() if "running" in name]
    assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(kept, again, strict=True))
    parity, _ = check_parity(to_onnx(model.requires_grad_(False)).SerializeToString(), model)
    assert parity < 1e-1


def test_angles_and_entry_points_leave_cells_unpooled(uniform, toy):
    showers = toy(uniform, 100, seed=13)
    old = showers.incidents
    tilted = Incidents.make("e-", old.energy, theta=np.full(100, 0.3), shower_id=old.shower_id)
    model = Gan3DModel(TINY, uniform, Domain.of(tilted))
    model.fit(Showers(uniform, tilted, showers.energies))
    grid = model.cells.offset.unflatten(0, model.grid)
    assert not torch.equal(grid, grid.flip(1))


def test_optimiser_steps_and_networks_are_the_published_ones(fitted):
    """RMSprop with rho 0.9, two steps of the generator, and no normalisation in the last step."""
    model, _ = fitted
    discriminator, generator = model.optimiser_steps()
    assert (discriminator.name, discriminator.repeat, generator.repeat) == ("discriminator", 1, 2)
    for step in (discriminator, generator):
        optimiser = step.optimiser(step.parameters, lr=1e-3)
        assert isinstance(optimiser, torch.optim.RMSprop)
        assert optimiser.defaults["alpha"] == 0.9
    norms = [isinstance(block.norm, torch.nn.BatchNorm3d) for block in model.generator.blocks]
    assert norms == [True, True, False]
    assert model.generator.last.bias is None
    assert [isinstance(block.norm, torch.nn.BatchNorm3d) for block in model.discriminator.blocks] == [False, True]


def test_weights_of_the_loss_are_the_published_ones():
    assert LossWeights() == LossWeights(adversarial=3.0, energy=0.1, total=0.1)
    assert Gan3DConfig().power == 0.85


def test_mismatch_of_moments_against_loops():
    """Two halves of the batch, every moment and cell by itself."""
    random = np.random.default_rng(14)
    profiles = Profiles((2, 1, 3)).double()
    real, drawn = random.normal(size=(8, 7)), random.normal(0.5, 2.0, size=(8, 7))
    conditions = random.normal(size=(8, 2))
    slow = 0.0
    squashed, squashed_drawn = np.arcsinh(real), np.arcsinh(drawn)
    for cells in (range(2), range(2, 3), range(3, 6), range(6, 7)):
        for c in cells:
            a, b = squashed[:, c], squashed_drawn[:, c]
            for off in (b - a, (b - a) * conditions[:, 0], (b - a) * conditions[:, 1], b**2 - a**2):
                slow += off[0::2].mean() * off[1::2].mean() / (4 * len(cells))
    tensors = (torch.from_numpy(values) for values in (real, drawn, conditions))
    assert float(profiles.mismatch(*tensors)) == pytest.approx(slow)


def test_mismatch_of_equal_distributions_is_zero_in_the_mean():
    """Within five standard errors of 2000 batches."""
    profiles = Profiles((3, 2, 2))
    random = torch.Generator().manual_seed(15)
    batches = torch.randn(2, 2000, 16, profiles.size, generator=random)
    values = [profiles.mismatch(r, d, torch.ones(16, 1)) for r, d in zip(*batches, strict=True)]
    assert abs(np.mean(values)) < 5 * np.std(values) / math.sqrt(2000)


def test_untrained_grained_fields_have_unit_width(uniform, toy):
    """Over cells within 3 %: 4000 draws each, some 10 standard errors of the mean width."""
    showers = toy(uniform, 200, seed=16)
    torch.manual_seed(17)
    model = Gan3DModel(GRAINED, uniform, Domain.of(showers.incidents))
    model.fit(showers)
    assert model.noise_size == 6 + uniform.n_cells
    energy = torch.full((4000, 1), 5000.0)
    noise = torch.randn(4000, model.noise_size)
    with torch.no_grad():
        images = model.generator(torch.cat([noise[:, :6], model.conditions(energy=energy)], 1), finalised=True)
        field = model._field(images, noise[:, 6:])
    assert float(field.std(0).mean()) == pytest.approx(1.0, abs=0.03)


def test_grains_move_their_own_cells_alone(uniform, toy):
    showers = toy(uniform, 200, seed=18)
    model = Gan3DModel(GRAINED, uniform, Domain.of(showers.incidents))
    model.fit(showers)
    noise, energy = torch.randn(1, model.noise_size), torch.tensor([[20000.0]])
    hottest = int(model.cells.offset.argmax())
    moved = noise.clone()
    moved[0, 6 + hottest] += 1.0
    with torch.no_grad():
        change = model.sample(moved, energy=energy) - model.sample(noise, energy=energy)
    assert float(change[0, hottest]) > 0
    assert int((change != 0).sum()) == 1
