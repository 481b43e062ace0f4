"""The resolution and its three terms."""

import numpy as np
import pytest

from caloforge.validation.resolution import Resolution, binned, fit_resolution, mean_of, width_over_mean


def test_the_terms_of_a_resolution_are_found():
    energy = np.array([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0])
    true = Resolution(0.10, 0.05, 0.007, 0, 0, 0)
    value = true(energy)
    assert value[0] == pytest.approx((0.10**2 + 0.05**2 + 0.007**2) ** 0.5)
    fit = fit_resolution(energy, value, 0.01 * value)
    assert (fit.a, fit.b, fit.c) == pytest.approx((0.10, 0.05, 0.007), rel=1e-6)
    assert 0 < fit.a_error < 0.01


def test_errors_of_the_terms_cover_them():
    energy, true = np.geomspace(1, 100, 8), Resolution(0.10, 0.0, 0.01, 0, 0, 0)
    random, pulls = np.random.default_rng(1), []
    for _ in range(40):
        error = 0.02 * true(energy)
        fit = fit_resolution(energy, true(energy) + error * random.standard_normal(8), error)
        pulls.append((fit.c - 0.01) / fit.c_error)
    assert abs(np.mean(pulls)) < 0.8
    assert 0.5 < np.std(pulls) < 2


def test_too_few_points_are_not_fitted():
    three = np.array([1.0, 2.0, 3.0])
    assert fit_resolution(three, 0.1 / three, 0.01 / three) is None
    four = np.array([1.0, 2.0, 3.0, 4.0])
    assert fit_resolution(four, np.array([0.1, np.nan, 0.1, 0.1]), 0.01 * four) is None


def test_a_width_over_mean_has_its_error():
    random = np.random.default_rng(2)
    found = [width_over_mean(random.normal(2.0, 0.1, 400)) for _ in range(200)]
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(0.05, rel=0.02)
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)
    value, error = binned(np.array([1.0, 3.0, 5.0]), np.array([1.0, 1.0, 9.0]), [(0.0, 2.0), (8.0, 10.0)], mean_of)
    assert value[0] == 2.0
    assert np.isnan(value[1])
    assert error[0] == pytest.approx(1 / 2**0.5)
