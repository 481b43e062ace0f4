import numpy as np
import pytest

from caloforge.detector import Detector, symmetries
from caloforge.validation import manifold
from caloforge.validation.recipes import RECIPES


def slow_prdc(real, fake, k):
    distance = lambda a, b: np.array([[np.linalg.norm(p - q) for q in b] for p in a])  # noqa: E731
    real_radius, fake_radius = (np.sort(distance(s, s), axis=1)[:, k] for s in (real, fake))
    across = distance(real, fake)
    return {
        "precision": (across < real_radius[:, None]).any(axis=0).mean(),
        "recall": (across < fake_radius[None]).any(axis=1).mean(),
        "density": (across < real_radius[:, None]).sum(axis=0).mean() / k,
        "coverage": (across.min(axis=1) < real_radius).mean(),
    }


@pytest.mark.parametrize("recipe", ["default", "calochallenge"])
def test_precision_recall_density_coverage_equal_brute_force(samples, recipe):
    recipe = RECIPES[recipe]
    real, fake = samples[0][:60], samples[1][:60]
    expected = slow_prdc(*(manifold.log_cells(s, recipe).astype(float) for s in (real, fake)), 5)
    found = manifold.precision_recall(real, fake, recipe)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=0.02)


def test_blocks_change_nothing(samples, monkeypatch):
    """Beyond the rounding of squares, whose order of summation a matrix product chooses by its size."""
    points = manifold.shape(samples[0][:100])
    whole = manifold.neighbour_distances(points, points[:50], 3)
    monkeypatch.setattr(manifold, "BLOCK_BYTES", 4 * 50 * 7)
    np.testing.assert_allclose(whole, manifold.neighbour_distances(points, points[:50], 3), atol=1e-3)


def test_distances_are_the_least_over_symmetries(samples):
    a, b = (manifold.shape(s[:30]) for s in samples[:2])
    operations = symmetries(samples[0].detector)
    every = np.array([[min(np.linalg.norm(p[operation] - q) for operation in operations) for q in b] for p in a])
    found = manifold.symmetry_distances(a, b, operations, 2)
    np.testing.assert_allclose(found, np.sort(every, axis=1)[:, :2], atol=1e-3)


def test_permuted_copies_are_found_where_symmetries_are_many():
    """Rings with 32 symmetries, of which eight are tried; cells blurred by 1 %."""
    operations, rng = symmetries(Detector.load("par04-siw")), np.random.default_rng(2)
    assert len(operations) > manifold.MOST_OPERATIONS
    points = np.sqrt(rng.gamma(0.1, size=(20, operations.shape[1]))).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    permuted = np.take_along_axis(points, operations[rng.integers(0, len(operations), len(points))], axis=1)
    permuted *= rng.normal(1, 0.01, permuted.shape).astype(np.float32)
    found = manifold.symmetry_distances(permuted, points, operations, 2)
    assert (found[:, 0] < 0.03).all()
    assert (found[:, 1] > 0.3).all()


def test_copies_are_found_and_honest_showers_are_not(samples, with_energies):
    """Honest: within five errors of zero (1e-5 false alarms)."""
    reference, honest, _, training = samples
    recipe = RECIPES["default"]
    found = manifold.memorisation(training, reference, honest, recipe)
    assert abs(found["copied"]) < 5 * found["copied_error"]
    energies = training.energies * np.random.default_rng(0).uniform(0.5, 2, (len(training), 1))
    copies = manifold.memorisation(training, reference, with_energies(training, energies), recipe)
    assert copies["copied"] > 0.95
    operations = symmetries(training.detector)
    drawn = np.random.default_rng(1).integers(0, len(operations), len(training))
    permuted = np.take_along_axis(energies, operations[drawn], axis=1)
    assert manifold.memorisation(training, reference, with_energies(training, permuted), recipe)["copied"] > 0.95
    half = np.where(np.arange(len(honest))[:, None] % 2, training.energies, honest.energies)
    found = manifold.memorisation(training, reference, with_energies(honest, half), recipe)
    assert found["copied"] == pytest.approx(0.5, abs=0.06)
    assert found["to_training"]["generated"] < found["to_training"]["held_out"]


def test_showers_of_no_and_one_cell_are_neither_copies_nor_hide_them(samples, with_energies):
    """One in ten is empty or has one cell; their shapes repeat in any sample."""

    def punched(showers):
        energies = showers.energies.copy()
        energies[::10] = 0
        energies[::20, 3] = 1
        return with_energies(showers, energies)

    reference, honest, _, training = map(punched, samples)
    recipe = RECIPES["default"]
    found = manifold.memorisation(training, reference, honest, recipe)
    assert found["n"] == 720
    assert abs(found["copied"]) < 5 * found["copied_error"]
    assert manifold.memorisation(training, reference, training, recipe)["copied"] > 0.95
    assert manifold.memorisation(training, reference, with_energies(honest, 0 * honest.energies), recipe) is None
