import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.showers import Incidents, Showers
from caloforge.validation import observables as obs
from caloforge.validation.photon_id import middle_layer, photon_shapes, strip_layer
from caloforge.validation.table import bin_edges, defined, observable_table


def one_hot(detector, *cells):
    energies = np.zeros((len(cells), detector.n_cells), np.float32)
    energies[np.arange(len(cells)), list(cells)] = 100.0
    return energies


def test_a_single_cell_is_its_own_centre(small):
    cell = small.layers[1].start + 5
    table = observable_table(Showers(small, Incidents.make("e-", [200.0]), one_hot(small, cell)))
    x, y, z = small.cell_centres[cell]
    found = {name: float(column.values[0]) for name, column in table.items()}
    assert found["energy"] == pytest.approx(100)
    assert found["response"] == pytest.approx(0.5)
    assert found["depth_centre"] == pytest.approx(z)
    assert found["depth_width"] == pytest.approx(0, abs=1e-4)
    assert found["shower_maximum"] == pytest.approx(z)
    assert found["start_layer"] == 1
    assert (found["centre_x_layer_1"], found["centre_y_layer_1"]) == pytest.approx((x, y))
    assert found["width_r_layer_1"] == pytest.approx(0, abs=1e-4)
    assert "centre_x_layer_0" not in defined(table)  # undefined for every shower
    assert found["rear_leakage"] == 0
    assert found["sparsity"] == pytest.approx(25 / 26)
    assert found["hottest_cell"] == pytest.approx(0.5)
    assert found["hottest_ratio"] == 0


def test_empty_shower_is_undefined_not_an_error(small):
    table = observable_table(Showers(small, Incidents.make("e-", [200.0, 200.0]), np.zeros((2, 26), np.float32)))
    assert np.isnan(table["depth_centre"].values).all()
    assert (table["energy"].values == 0).all()


def test_two_layers_have_mean_depth_and_spread(small):
    layers = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
    z = [layer.z for layer in small.layers]
    np.testing.assert_allclose(obs.depth_centre(small, layers), [(z[0] + z[2]) / 2, z[1]])
    np.testing.assert_allclose(obs.depth_width(small, layers), [(z[2] - z[0]) / 2, 0], atol=1e-6)


@pytest.mark.parametrize("name", ["calogan-ecal", "par04-siw", "atlas-barrel"])
@pytest.mark.parametrize("axis", ["x", "y", "r", "phi"])
def test_lateral_profiles_keep_all_energy(name, axis):
    detector = Detector.load(name)
    energies = np.random.default_rng(1).exponential(1.0, (5, detector.n_cells)).astype(np.float32)
    layer = detector.layers[1]
    profile = obs.lateral_profile(detector, energies, 1, axis)
    assert profile.shape[1] == len(obs.lateral_edges(layer, axis)) - 1
    np.testing.assert_allclose(profile.sum(1), energies[:, layer.slice].sum(1), rtol=1e-5)


def test_lateral_profile_of_a_cell_is_in_its_bin(small):
    layer = small.layers[0]
    profile = obs.lateral_profile(small, one_hot(small, 5), 0, "y")
    edges = obs.lateral_edges(layer, "y")
    bin_ = int(np.argmax(profile[0]))
    assert edges[bin_] < small.cell_centres[5, 1] < edges[bin_ + 1]


def test_leakage_counts_last_layer_and_rim(small):
    energies = one_hot(small, small.layers[2].start + 4, 0)
    assert obs.rear_leakage(obs.layer_energies(small, energies)).tolist() == [1, 0]
    assert obs.side_leakage(small, energies).tolist() == [0, 1]  # the centre of 3 x 3, and a corner


def test_correlations_equal_numpy():
    values = np.random.default_rng(0).normal(size=(500, 4)) @ np.random.default_rng(1).normal(size=(4, 4))
    np.testing.assert_allclose(obs.correlations(values), np.corrcoef(values, rowvar=False), atol=1e-12)


def test_cell_spectrum_counts_cells():
    energies = np.random.default_rng(0).exponential(1.0, (50, 26)).astype(np.float32)
    edges = np.linspace(0, 20, 30)
    np.testing.assert_array_equal(obs.cell_spectrum(energies, edges), np.histogram(energies, edges)[0])


def test_photon_shapes_of_a_known_window():
    detector = Detector.load("calogan-ecal")
    strips, middle = strip_layer(detector), middle_layer(detector)
    assert (strips, middle) == (detector.layers[0], detector.layers[1])
    energies = np.zeros((1, detector.n_cells), np.float32)
    pads = energies[0, middle.slice].reshape(12, 12)
    pads[6, 6], pads[6, 7], pads[5, 6], pads[6, 9] = 8, 2, 4, 1  # y is the axis the strips divide: eta
    energies[0, middle.slice] = pads.ravel()
    row = energies[0, strips.slice].reshape(3, 96)
    row[1, 40:43] = [2, 6, 2]
    row[1, 60] = 3
    energies[0, strips.slice] = row.ravel()
    found = {name: float(values[0]) for name, values in photon_shapes(detector, energies).items()}
    assert found["r_eta"] == pytest.approx(14 / 15)
    assert found["r_phi"] == pytest.approx(1.0)
    assert found["w_eta2"] == pytest.approx(np.sqrt(2 / 14 - (2 / 14) ** 2))
    assert found["w_s3"] == pytest.approx(np.sqrt(4 / 10))
    assert found["e_ratio"] == pytest.approx((6 - 3) / (6 + 3))


def test_no_photon_shapes_for_rings():
    detector = Detector.load("par04-siw")
    assert photon_shapes(detector, np.zeros((2, detector.n_cells), np.float32)) == {}


def test_bins_hold_the_reference(samples):
    for column in observable_table(samples[0]).values():
        edges, values = bin_edges(column), column.values[np.isfinite(column.values)]
        assert (np.diff(edges) > 0).all()
        positive = values[values > 0] if column.log else values
        assert ((positive >= edges[0]) & (positive <= edges[-1])).mean() > 0.99
