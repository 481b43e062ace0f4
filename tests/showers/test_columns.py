"""Showers as awkward arrays and pandas tables, joined and sliced."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import concatenate


@pytest.fixture
def showers(toy, small):
    made = toy(small, 6, seed=1, first_id=40)
    made.energies[made.energies < 1] = 0
    made.energies[2] = 0
    return replace(made, fast_energy=np.arange(6.0))


def test_hits_as_an_awkward_array(showers):
    ak = pytest.importorskip("awkward", reason="needs the extra files")
    array = showers.to_awkward()
    assert len(array) == 6
    assert ak.num(array.cell).tolist() == np.count_nonzero(showers.energies, axis=1).tolist()
    np.testing.assert_allclose(ak.sum(array.energy, axis=1), showers.energies.sum(1), rtol=1e-5)
    filled = np.zeros_like(showers.energies[1])
    filled[ak.to_numpy(array.cell[1])] = array.energy[1]
    np.testing.assert_array_equal(filled, showers.energies[1])
    assert array.shower_id.tolist() == list(range(40, 46))
    assert array.fast_energy.tolist() == [0, 1, 2, 3, 4, 5]
    assert ak.max(array.layer) == 2


def test_incidents_as_a_pandas_table(showers):
    pytest.importorskip("pandas", reason="needs the extra files")
    table = showers.to_pandas()
    assert table.index.tolist() == list(range(40, 46))
    assert set(table["particle"]) == {"e+"}
    np.testing.assert_array_equal(table["incident_energy"], showers.incidents.energy)
    np.testing.assert_allclose(table["visible"], showers.energies.sum(1), rtol=1e-6)
    assert table["hits"].tolist() == np.count_nonzero(showers.thresholded(), axis=1).tolist()
    assert table.loc[43, "fast_energy"] == 3


def test_samples_are_joined_and_sliced(showers):
    assert showers[:2] + showers[2:] == showers
    assert concatenate([showers[:2], showers[2:3], showers[3:]]).fast_energy.tolist() == [0, 1, 2, 3, 4, 5]
    other = Detector.from_toml(showers.detector.toml.replace('"small"', '"other"'))
    with pytest.raises(InputError, match="showers of 'small' and of 'other' cannot be joined"):
        showers + replace(showers, detector=other)
