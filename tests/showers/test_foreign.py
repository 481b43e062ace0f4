"""Files of others: what they hold comes back in MeV, in our order of cells."""

import h5py
import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers
from caloforge.showers.foreign import (
    binning_detector,
    read_calochallenge,
    read_calogan,
    read_clic,
    write_binning,
    write_calochallenge,
)
from caloforge.simulators import create

BINNING = """<Bins>
  <Bin pid="11" name="electron">
    <Layer id="0" r_edges="0,5,10" n_bin_alpha="4" />
    <Layer id="1" r_edges="0" n_bin_alpha="1" />
    <Layer id="2" r_edges="0,2.5,7.5,20" n_bin_alpha="1" />
  </Bin>
</Bins>"""
SETS = {"1_photons": 368, "1_pions": 533, "2": 6480, "3": 40500}


@pytest.fixture
def binning(tmp_path):
    (tmp_path / "binning.xml").write_text(BINNING)
    return binning_detector(tmp_path / "binning.xml")


def random_showers(detector, n=6):
    rng = np.random.default_rng(2)
    energies = (rng.exponential(2, (n, detector.n_cells)) * (rng.random((n, detector.n_cells)) < 0.4)).astype(
        np.float32
    )
    return Showers(detector, Incidents.make("e-", rng.uniform(1e3, 1e5, n)), energies)


def test_binning_becomes_cells(binning):
    assert binning.n_cells == 11
    assert [layer.cells.shape for layer in binning.layers] == [(4, 2), (1, 3)]
    assert binning.layers[1].cells.edges[1].tolist() == [0, 2.5, 7.5, 20]
    assert binning.readout.sampling_fraction == 0.033


@pytest.mark.parametrize(("name", "n_cells"), SETS.items())
def test_public_binnings(shared, name, n_cells):
    assert binning_detector(shared / "reference" / "calochallenge" / f"binning_dataset_{name}.xml").n_cells == n_cells


def test_binning_without_matter_is_refused_by_gflash(binning):
    with pytest.raises(InputError, match="material 'unknown'"):
        create("gflash", binning)


def test_binning_round_trip(binning, tmp_path):
    write_binning(tmp_path / "again.xml", binning, "e-")
    assert binning_detector(tmp_path / "again.xml") == binning


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no XML", "not a CaloChallenge binning"),
        ("<Bins></Bins>", "describes 0 particles"),
        (BINNING.replace("0,5,10", "0,x"), "not a CaloChallenge binning"),
        (BINNING.replace("0,5,10", "0,9,5"), "r_edges must grow"),
        (BINNING.replace("r_edges", "edges"), "not a CaloChallenge binning"),
        (BINNING.replace('n_bin_alpha="4"', 'n_bin_alpha="0"'), "greater than or equal to 1"),
    ],
)
def test_wrong_binnings_are_refused(tmp_path, text, message):
    (tmp_path / "wrong.xml").write_text(text)
    with pytest.raises(InputError, match=message):
        binning_detector(tmp_path / "wrong.xml")


def test_binning_of_rectangles_or_protons_is_refused(binning, small, tmp_path):
    with pytest.raises(InputError, match="cylindrical cells only; small has cartesian"):
        write_binning(tmp_path / "b.xml", small, "e-")
    with pytest.raises(InputError, match="none of proton"):
        write_binning(tmp_path / "b.xml", binning, "proton")


def test_calochallenge_round_trip(binning, tmp_path):
    showers = random_showers(binning)
    write_calochallenge(tmp_path / "cc.h5", showers)
    with h5py.File(tmp_path / "cc.h5") as file:
        assert file["incident_energies"].shape == (6, 1)
        np.testing.assert_allclose(file["showers"][:], showers.energies / 0.033, rtol=1e-6)
    again = read_calochallenge(tmp_path / "cc.h5", binning, "e-")
    np.testing.assert_array_equal(again.energies, showers.energies)
    np.testing.assert_array_equal(again.incidents.energy, showers.incidents.energy)
    assert again.incidents.particles == ["e-"]


def calogan_file(path, showers):
    with h5py.File(path, "w") as file:
        for i, layer in enumerate(showers.detector.layers):
            file[f"layer_{i}"] = showers.energies[:, layer.slice].reshape(-1, *layer.cells.shape)
        file["energy"] = showers.incidents.energy[:, None] / 1000


def test_calogan_layers_are_mev_and_energies_gev(tmp_path):
    showers = random_showers(Detector.load("calogan-ecal"))
    calogan_file(tmp_path / "g.h5", showers)
    again = read_calogan(tmp_path / "g.h5", showers.detector, "e+")
    np.testing.assert_array_equal(again.energies, showers.energies)
    np.testing.assert_allclose(again.incidents.energy, showers.incidents.energy)
    assert again.incidents.particles == ["e+"]


def test_clic_grid_runs_x_y_z_in_gev(tmp_path):
    detector = Detector.load("clic-ecal")
    showers = random_showers(detector, 3)
    grid = showers.energies.reshape(3, 25, 25, 25)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["ECAL"] = np.moveaxis(grid, 1, 3) / 1000
        target = np.zeros((3, 1, 5))
        target[:, 0, 0], target[:, 0, 1] = 11, showers.incidents.energy / 1000
        file["target"] = target
    again = read_clic(tmp_path / "c.h5", detector)
    np.testing.assert_allclose(again.energies, showers.energies, rtol=1e-6)
    np.testing.assert_allclose(again.incidents.energy, showers.incidents.energy)


def test_files_that_do_not_fit_are_refused(tmp_path, small):
    showers = random_showers(Detector.load("calogan-ecal"))
    calogan_file(tmp_path / "g.h5", showers)
    with pytest.raises(InputError, match=r"'layer_0' has shape \(6, 3, 96\)"):
        read_calogan(tmp_path / "g.h5", small, "e+")
    with pytest.raises(InputError, match="no numeric data set 'showers'"):
        read_calochallenge(tmp_path / "g.h5", small, "e+")
    with pytest.raises(InputError, match="one grid for all layers"):
        read_clic(tmp_path / "g.h5", small)
    with pytest.raises(InputError, match="no numeric data set 'ECAL'"):
        read_clic(tmp_path / "g.h5", Detector.load("clic-ecal"))
    with pytest.raises(InputError, match="no such file"):
        read_clic(tmp_path / "absent.h5", Detector.load("clic-ecal"))


def test_negative_energies_are_refused(tmp_path, binning):
    with h5py.File(tmp_path / "n.h5", "w") as file:
        file["showers"], file["incident_energies"] = np.full((2, 11), -1.0), np.ones((2, 1))
    with pytest.raises(InputError, match="negative energies"):
        read_calochallenge(tmp_path / "n.h5", binning, "e-")
