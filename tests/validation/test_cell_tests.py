from dataclasses import replace

import numpy as np

from caloforge.detector import Detector
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


def test_rare_showers_raise_no_alarm(small, with_energies, toy):
    """Layers that share one energy but for one shower in a hundred; ten pairs at 1e-4: 1e-3 false alarms."""
    rng = np.random.default_rng(3)

    def shared_energy(seed):
        showers = toy(small, 800, seed=seed)
        energies = np.zeros_like(showers.energies)
        share = rng.uniform(0.1, 0.9, 800)
        for layer, part in zip(small.layers[:2], (share, 1 - share), strict=True):
            kept = np.where(rng.random(800) < 0.01, rng.random(800), 1)
            energies[:, layer.start] = part * kept * showers.incidents.energy
        return with_energies(showers, energies)

    found = [layer_correlations(shared_energy(2 * k), shared_energy(2 * k + 1)) for k in range(10)]
    assert min(one["probability"] for one in found) > 1e-4


def test_one_cell_has_no_correlations(toy):
    one = Detector.from_toml("""
name = "one"
[[layer]]
plates = [{material = "G4_PbWO4", thickness = "200 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [1, 1], size = ["100 mm", "100 mm"]}
""")
    first, second = toy(one, 300, seed=1), toy(one, 300, seed=2)
    assert layer_correlations(first, second)["probability"] == 1
    assert cell_means(first, replace(second, energies=0 * second.energies))["n_cells"] in (0, 1)
