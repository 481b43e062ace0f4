from dataclasses import replace

import numpy as np
import pytest

from caloforge.errors import InputError
from caloforge.validation.analysis import EnergyRegression, Identification
from caloforge.validation.classifier_threads import single_threaded
from caloforge.validation.recipes import RECIPES


@pytest.fixture(scope="module")
def regression(samples):
    with single_threaded():
        return EnergyRegression(samples[0], RECIPES["quick"], 0)


def test_regression_is_unbiased_on_its_own_simulator(samples, regression):
    """Bias over all bins within five errors of what the training sample allows."""
    with single_threaded():
        found = regression(samples[1])
    bias = np.array([row["bias"] for row in found])
    resolution = np.array([row["resolution"] for row in found])
    assert np.abs(bias).max() < 0.5 * resolution.max() + 0.01
    assert sum(row["n"] for row in found) == pytest.approx(len(samples[1]), abs=6)


def test_regression_sees_a_wrong_scale(samples, with_energies, regression):
    with single_threaded():
        plain, scaled = (regression(with_energies(samples[1], samples[1].energies * f)) for f in (1, 1.05))
    shift = [b["bias"] - a["bias"] for a, b in zip(plain, scaled, strict=True)]
    assert np.mean(shift) == pytest.approx(0.05, abs=0.02)


def narrowed(showers, with_energies):
    """Another particle: nothing behind the first layer."""
    energies = showers.energies.copy()
    energies[:, showers.detector.layers[1].start :] *= 0.2
    found = with_energies(showers, energies)
    return replace(found, incidents=replace(found.incidents, pdg=np.full(len(found), 211, np.int32)))


def test_identification_compares_efficiencies(samples, with_energies):
    background = narrowed(samples[3], with_energies)
    with single_threaded():
        found = Identification(samples[0], background, RECIPES["quick"], 0)
        own, like_signal, like_background = found.own, found(samples[1]), found(narrowed(samples[2], with_energies))
    assert found.auc > 0.9
    assert [point["rejection"] for point in own] == [0.9, 0.99]
    for a, b in zip(own, like_signal, strict=True):
        assert abs(a["efficiency"] - b["efficiency"]) < 5 * np.hypot(a["error"], b["error"]) + 0.02
    assert like_background[0]["efficiency"] < own[0]["efficiency"] / 2


def test_background_must_fit(samples, toy, small):
    with pytest.raises(InputError, match="'background' has 100 showers"):
        Identification(samples[0], samples[1][:100], RECIPES["quick"], 0)
    with pytest.raises(InputError, match="'background' has another distribution of incident energy"):
        Identification(samples[0], toy(small, 500, seed=1), RECIPES["quick"], 0)
    with pytest.raises(InputError, match=r"'background' holds e-, as the reference does"):
        Identification(samples[0], samples[1], RECIPES["quick"], 0)
