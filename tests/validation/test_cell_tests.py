import numpy as np

from caloforge.validation.cell_tests import cell_means, layer_correlations, spread_layers


def test_equal_samples_pass(samples):
    """Probability above 1e-3: false alarms 1e-3 per test."""
    assert cell_means(samples[0], samples[1])["probability"] > 1e-3
    assert layer_correlations(samples[0], samples[1])["probability"] > 1e-3


def test_a_scaled_cell_is_named(samples, with_energies):
    cell = int(np.argmax(samples[0].energies.mean(axis=0)))
    energies = samples[2].energies.copy()
    energies[:, cell] *= 1.3
    found = cell_means(samples[0], with_energies(samples[2], energies))
    assert found["cell"] == cell
    assert found["probability"] < 1e-6


def test_shuffled_layers_lose_their_correlation(samples, with_energies):
    energies, layer = samples[2].energies.copy(), samples[2].detector.layers[1]
    order = np.argsort(samples[2].incidents.energy)
    energies[order, layer.slice] = energies[np.roll(order, 1), layer.slice]
    found = layer_correlations(samples[0], with_energies(samples[2], energies))
    assert found["probability"] < 1e-6


def test_few_layers_are_all_shown(small):
    assert spread_layers(small, 12) == [0, 1, 2]
    assert spread_layers(small, 2) == [0, 2]
