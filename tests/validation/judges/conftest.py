"""Showers whose cells are drawn one by one."""

import numpy as np
import pytest

from caloforge.showers import Incidents, Showers


@pytest.fixture(scope="session")
def sparse():
    """Maker of n showers in which a share of the cells is hit; the first has one hit at most."""

    def make(detector, n, seed, share=0.2, **incidents):
        rng = np.random.default_rng(seed)
        cells = rng.lognormal(0, 2, (n, detector.n_cells)) * (rng.random((n, detector.n_cells)) < share)
        cells[0] = 0
        cells[1:, 0] += 1
        known = Incidents.make("e-", rng.uniform(1e3, 1e4, n), **incidents)
        return Showers(detector, known, cells.astype(np.float32))

    return make
