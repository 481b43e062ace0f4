import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from caloforge.models.parts.distance import distance_at_energies, physics_distance


@pytest.fixture(scope="module")
def samples(small, toy):
    """Two samples of equal incident energies, in MeV."""
    first, second = toy(small, 200, seed=1), toy(small, 200, seed=2)
    scales = [1e4 / torch.from_numpy(s.incidents.energy).float()[:, None] for s in (first, second)]
    return [scale * torch.from_numpy(s.energies) for s, scale in zip((first, second), scales, strict=True)]


ENERGY = torch.full((200, 1), 1e4)


def slow_distance(real, generated, detector):
    """The same from scipy, observable by observable, at an incident energy of 10 GeV."""
    columns = []
    for cells in (real, generated):
        layers = np.stack([cells[:, layer.slice].sum(1) for layer in detector.layers], 1)
        total = layers.sum(1)
        centre = (layers * [layer.z for layer in detector.layers]).sum(1) / total
        hits = np.array([sum(cell >= 0.01 for cell in row) / len(row) for row in cells])
        columns.append([total / 1e4, centre, hits, *(layers / total[:, None]).T])
    steps = [wasserstein_distance(a, b) / np.std(a) for a, b in zip(*columns, strict=True)]
    cells = sum(abs(real[:, i].mean() - generated[:, i].mean()) for i in range(real.shape[1])) / real.sum(1).mean()
    return sum(steps[:3]) + np.mean(steps[3:]) + cells


def test_distance_is_that_of_scipy(samples, small):
    real, generated = samples
    expected = slow_distance(real.double().numpy(), generated.double().numpy(), small)
    assert float(physics_distance(real.double(), generated.double(), ENERGY, small)) == pytest.approx(
        expected, rel=1e-9
    )


def test_equal_samples_are_at_zero_in_any_order(samples, small):
    real = samples[0]
    assert float(physics_distance(real, real.flip(0), ENERGY, small)) < 1e-5


def test_distance_grows_with_a_wrong_response_layer_width_or_number_of_hits(samples, small):
    real, generated = samples
    floor = physics_distance(real, generated, ENERGY, small)
    shallow = generated.clone()
    shallow[:, :8] *= 1.5
    spread = generated * torch.linspace(0.9, 1.1, len(generated))[:, None]
    emptied = torch.where(generated > 5.0, generated, 0.0)
    for wrong in (1.02 * generated, shallow, spread, emptied):
        assert physics_distance(real, wrong, ENERGY, small) > 2 * floor


def test_empty_showers_and_layers_have_a_distance(samples, small):
    real, generated = (sample.clone() for sample in samples)
    generated[:3], real[:, 17:] = 0.0, 0.0
    assert torch.isfinite(physics_distance(real, generated, ENERGY, small))


def test_energies_are_compared_apart(samples, small):
    """Showers with the right distribution overall, at the wrong energies."""
    real = samples[0][samples[0].sum(1).argsort()]
    energy = torch.linspace(1e3, 2e3, len(real))[:, None]
    real = real / 1e4 * energy
    flipped = real.flip(0) / energy.flip(0) * energy
    parts = [physics_distance(real[g], flipped[g], energy[g], small) for g in torch.arange(len(real)).split(50)]
    shuffled = torch.randperm(len(real), generator=torch.Generator().manual_seed(3))
    rows = [sample[shuffled] for sample in (real, flipped)]
    found = float(distance_at_energies(*rows, energy[shuffled], small))
    assert found == pytest.approx(float(sum(parts) / 4), rel=1e-3)
    assert found > 1
