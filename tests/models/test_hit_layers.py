"""Layer energies of showers that end in different layers, with gaps, as normal scores and back."""

import pytest
import scipy.stats
import torch

from caloforge.models.parts.hit_layers import HitLayers

FALSE_ALARM = 1e-5
ENERGY = 50.0


@pytest.fixture(scope="module")
def layers():
    """Layer energies (n, 4) [MeV]: the first layer is always hit, and the shower ends behind layer 0, 1, 2 or 3."""
    generator = torch.Generator().manual_seed(7)
    energies = torch.rand(20_000, 4, generator=generator).add(0.1) * torch.tensor([5.0, 20.0, 10.0, 3.0])
    ends = torch.randint(1, 5, (20_000, 1), generator=generator)
    gaps = torch.rand(20_000, 4, generator=generator) < torch.tensor([0.0, 0.2, 0.05, 0.0])
    return torch.where((torch.arange(4) < ends) & ~gaps, energies, 0.0)


def fitted(layers):
    transform = HitLayers(layers.shape[1], 1.0, 0.01)
    transform.fit(layers, torch.full((len(layers), 1), ENERGY))
    return transform


def back(transform, scores):
    found = transform.inverse(scores, torch.full((len(scores), 1), ENERGY))
    return torch.where(found < 0.01, 0.0, found)


@pytest.mark.parametrize("folded", [False, True])
def test_layers_round_trip(layers, folded):
    transform = fitted(layers)
    scores = transform(layers, torch.full((len(layers), 1), ENERGY))
    found = back(transform.folded() if folded else transform, scores)
    torch.testing.assert_close(found, layers, rtol=2e-3 if folded else 1e-4, atol=2e-3 if folded else 1e-4)


def test_scores_are_standard_normal(layers):
    """Unseen showers, number by number, by Kolmogorov and Smirnov at the fitted sample's size; false alarms: 1e-5."""
    transform = fitted(layers[:10_000])
    torch.manual_seed(8)
    scores = transform(layers[10_000:], torch.full((10_000, 1), ENERGY)).double()
    known = torch.randn(10_000, dtype=torch.float64).numpy()
    found = [scipy.stats.ks_2samp(column.numpy(), known).pvalue for column in scores.T]
    assert min(found) > FALSE_ALARM / len(found)


def test_normal_numbers_leave_layers_empty_as_often(layers):
    """A layer is empty by its own number alone, whatever the others are; false alarms: 1e-5."""
    torch.manual_seed(9)
    drawn = back(fitted(layers), torch.randn(20_000, 5))
    share, expected = ((sample == 0).double().mean(0) for sample in (drawn, layers))
    error = (expected * (1 - expected) / 10_000).sqrt()
    assert ((share - expected).abs() <= scipy.stats.norm.isf(FALSE_ALARM / 8) * error + 1e-3).all()
    torch.testing.assert_close(drawn.sum(1).mean(), layers.sum(1).mean(), rtol=0.05, atol=0.0)


def test_the_last_layer_holds_the_energy_of_showers_without_hits(layers):
    some = torch.arange(len(layers))[:, None] % 10 > 0
    transform = fitted(torch.where(some, layers, 0.0))
    scores = torch.full((3, 5), -5.0)
    scores[:, 0] = 0.0
    found = back(transform, scores)
    assert (found[:, :3] == 0).all()
    assert (found[:, 3] > 0).all()


def test_layers_that_are_never_empty_have_no_edge(layers):
    transform = fitted(layers.clamp(min=0.02))
    assert transform.edge.isinf().all()
    assert not transform.folded().empties
