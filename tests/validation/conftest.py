"""GFlash showers in the small detector, made once."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.showers import Incidents
from caloforge.simulators.gflash import GFlash
from caloforge.validation.recipes import Recipe


@pytest.fixture(scope="session")
def gflash(small):
    """Maker of n GFlash showers of e-, 1-10 GeV, by seed."""
    simulator = GFlash(small)

    def make(n, seed):
        energy = np.random.default_rng(seed).uniform(1e3, 1e4, n)
        return simulator.simulate(Incidents.make("e-", energy), seed)

    return make


@pytest.fixture(scope="session")
def samples(gflash):
    """Reference, floor, candidate and training set of 800 showers each."""
    return [gflash(800, seed) for seed in (11, 12, 13, 14)]


@pytest.fixture(scope="session")
def with_energies():
    """Showers with other cell energies."""
    return lambda showers, energies: replace(showers, energies=np.ascontiguousarray(energies, np.float32))


@pytest.fixture(scope="session")
def small_recipe():
    """Seconds instead of minutes."""
    return Recipe(name="test", hidden=(32,), epochs=10, patience=3, bootstraps=40, largest=600,
                  judges=("trees_features",), folds=3, curve=(1 / 2,))  # fmt: skip
