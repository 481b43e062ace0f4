import numpy as np
import pytest

from caloforge.validation import distances


def slow_separation(a, b):
    a, b = [x / sum(a) for x in a], [x / sum(b) for x in b]
    return 0.5 * sum((x - y) ** 2 / (x + y) for x, y in zip(a, b, strict=True) if x + y > 0)


def test_separation_power_equals_the_definition():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = (rng.poisson(rng.uniform(0.5, 20), 30).astype(float) for _ in range(2))
        assert distances.separation_power(a, b) == pytest.approx(slow_separation(a, b), abs=1e-6)
    assert distances.separation_power(np.array([1.0, 0.0]), np.array([0.0, 5.0])) == pytest.approx(1)


def test_histogram_drops_nothing_but_nan():
    counts = distances.histogram(np.array([-5.0, 0.1, 0.9, 7.0, np.nan]), np.array([0.0, 0.5, 1.0]))
    assert counts.tolist() == [2, 2]


def test_wasserstein_is_the_integral_between_the_distributions():
    """Slow twin: the difference of both empirical distributions on a fine grid; NaN is left out."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 300), rng.normal(0.3, 2, 500)
    grid = np.linspace(-12, 12, 200_001)
    gap = np.searchsorted(np.sort(a), grid) / len(a) - np.searchsorted(np.sort(b), grid) / len(b)
    assert distances.wasserstein(np.append(a, np.nan), b) == pytest.approx(np.abs(gap).sum() * 24 / 200_000, rel=1e-3)
    assert np.isnan(distances.wasserstein(a[:0], b))


def test_ratio_errors_are_those_of_repeated_samples():
    """Bootstrap errors within 25 % of the spread over 300 repetitions: over 5 sigma of their 5 % uncertainty."""
    rng = np.random.default_rng(2)
    mean, std, errors = [], [], []
    for repeat in range(300):
        a, b = rng.gamma(4, 1, (400, 1)), rng.gamma(4, 1, (400, 1))
        found = distances.ratio_errors(a, b, 60 if repeat % 10 == 0 else 2, rng)
        mean.append(found["mean_ratio"][0])
        std.append(found["std_ratio"][0])
        if repeat % 10 == 0:
            errors.append([found["mean_ratio_error"][0], found["std_ratio_error"][0]])
    assert np.mean(errors, axis=0) == pytest.approx([np.std(mean), np.std(std)], rel=0.25)


def test_constant_and_missing_columns_are_no_error():
    from caloforge.validation.table import Observable

    column = Observable(np.full(300, 2.0), "c", "", "cells")
    missing = Observable(np.full(300, np.nan), "m", "", "cells")
    found = distances.compare({"c": column, "m": missing}, {"c": column, "m": missing}, 10, 0)
    assert found["c"]["mean_ratio"] == 1
    assert found["c"]["separation_power"] == 0
    assert np.isnan(found["m"]["mean_ratio"])


def test_energy_bins_are_labels_or_quantiles():
    assert distances.energy_bins(np.repeat([10.0, 20.0], 50)) == [(10.0, 10.0), (20.0, 20.0)]
    bins = distances.energy_bins(np.linspace(0, 100, 1000))
    assert len(bins) == 5
    assert bins[0][0] == 0
    assert bins[-1][1] == 100
    energy = np.repeat(np.arange(90.0, 101.0), 50)
    shared = [(energy >= low) & (energy <= high) for low, high in distances.energy_bins(energy)]
    assert (np.sum(shared, axis=0) == 1).all()
