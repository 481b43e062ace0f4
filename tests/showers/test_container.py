"""Showers in memory."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, concatenate


@pytest.fixture
def showers(small):
    energies = np.random.default_rng(1).exponential(0.02, (4, small.n_cells)).astype(np.float32)
    return Showers(small, Incidents.make("e-", [1.0, 2.0, 3.0, 4.0]), energies, {"simulator": "test"})


def test_shape_must_fit_incidents_and_cells(small):
    with pytest.raises(InputError, match=r"shape \(2, 26\), but 3 incidents in small need \(3, 26\)"):
        Showers(small, Incidents.make("e-", [1.0, 2.0, 3.0]), np.zeros((2, 26), np.float32))


def test_threshold_zeroes_cells_below_it(showers):
    kept = showers.thresholded()
    assert kept.dtype == np.float32
    assert ((kept == 0) | (kept >= np.float32(0.01))).all()
    np.testing.assert_array_equal(kept[kept > 0], showers.energies[showers.energies >= np.float32(0.01)])


def test_rows_and_concatenation(showers):
    joined = concatenate([showers[2:], showers[:2]])
    np.testing.assert_array_equal(joined.energies, showers.energies[[2, 3, 0, 1]])
    assert joined.incidents.shower_id.tolist() == [2, 3, 0, 1]
    assert joined.provenance == {"simulator": "test"}
    assert len(joined) == 4


def test_one_shower_by_index_and_one_after_the_other(showers):
    np.testing.assert_array_equal(showers[-1].energies, showers.energies[3:])
    assert [one.incidents.energy.tolist() for one in showers] == [[1.0], [2.0], [3.0], [4.0]]
    with pytest.raises(IndexError):
        showers[4]


def test_showers_are_equal_by_detector_incidents_and_energies(showers):
    assert showers == concatenate([showers[:2], showers[2:]])
    assert showers == replace(showers, provenance={"simulator": "another"})
    assert showers != replace(showers, energies=showers.energies + np.float32(1))
    assert showers != replace(showers, fast_energy=np.zeros(4))
    assert showers != replace(showers, incidents=Incidents.make("e+", showers.incidents.energy))
    assert showers != "showers"
    assert replace(showers, fast_energy=np.ones(4)) == replace(showers, fast_energy=np.ones(4))


def test_nothing_cannot_be_joined():
    with pytest.raises(InputError, match="no showers to concatenate"):
        concatenate([])
