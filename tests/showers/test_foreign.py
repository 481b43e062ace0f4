"""Files of other groups are read in MeV and in our order of cells; each layout has a file that is made here."""

import tracemalloc

import h5py
import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.detector.binning import read_binning
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, table, write
from caloforge.showers import read as read_own
from caloforge.showers.foreign import LAYOUTS, opened, read, written_layout
from caloforge.showers.values import notes

BINNING = """<Bins>
  <Bin pid="11" name="electron">
    <Layer id="0" r_edges="0,5,10" n_bin_alpha="4" />
    <Layer id="1" r_edges="0" n_bin_alpha="1" />
    <Layer id="2" r_edges="0,2.5,7.5,20" n_bin_alpha="1" />
  </Bin>
</Bins>"""
RINGS = """
name = "rings"
[readout]
threshold = "0.5 keV"
sampling_fraction = 0.033
[[layer]]
copies = 3
plates = [{material = "G4_W", thickness = "3 mm"}]
counts = ["G4_W"]
cells = {kind = "cylindrical", n = [4, 2], r_max = "20 mm"}
"""


@pytest.fixture
def binning(tmp_path):
    (tmp_path / "binning.xml").write_text(BINNING)
    return read_binning(tmp_path / "binning.xml")


@pytest.fixture(scope="module")
def rings():
    return Detector.from_toml(RINGS)


def random_showers(detector, n=6, particle="e-"):
    rng = np.random.default_rng(2)
    energies = rng.exponential(2, (n, detector.n_cells)) * (rng.random((n, detector.n_cells)) < 0.4)
    incidents = Incidents.make(particle, rng.uniform(1e3, 1e5, n))
    return Showers(detector, incidents, energies.astype(np.float32), {"simulator": "test"})


def convert(path, showers, layout):
    """Write showers in two blocks."""
    with LAYOUTS[layout].writer(path, showers.detector, len(showers)) as put:
        put(showers[:4])
        put(showers[4:])


def layout_of(path, detector=None):
    with opened(path, detector) as (layout, _):
        return layout.name


def test_calochallenge_round_trip(binning, tmp_path):
    showers = random_showers(binning)
    convert(tmp_path / "cc.hdf5", showers, "calochallenge")
    with h5py.File(tmp_path / "cc.hdf5") as file:
        assert file["incident_energies"].shape == (6, 1)
        assert file["showers"].dtype == np.float64
        np.testing.assert_allclose(file["showers"][:], showers.energies / 0.033, rtol=1e-6)
    assert layout_of(tmp_path / "cc.hdf5", binning) == "calochallenge"
    again = read(tmp_path / "cc.hdf5", binning)
    np.testing.assert_array_equal(again.energies, showers.energies)
    np.testing.assert_array_equal(again.incidents.energy, showers.incidents.energy)
    assert again.incidents.particles == ["e-"]  # as the binning says


def test_calochallenge_files_are_not_taken_for_raw_energies(tmp_path):
    """Response 0.77 E_inc of a sampling fraction of 0.033: 23 times what came in."""
    detector = Detector.load("par04-siw")
    energies = np.zeros((3, detector.n_cells))
    energies[:, :766] = 1.0
    with h5py.File(tmp_path / "cc.h5", "w") as file:
        file["showers"], file["incident_energies"] = 100 * energies, np.full((3, 1), 1e5)
    for reader in (read, read_own):
        with pytest.raises(InputError, match=r"23\.2 times the energy that came in .* --format calochallenge"):
            reader(tmp_path / "cc.h5", detector)
    again = read(tmp_path / "cc.h5", detector, layout="calochallenge")
    assert again.energies.sum(1) / (0.033 * again.incidents.energy) == pytest.approx(0.766)


def calogan_file(path, showers, overflow=None):
    with h5py.File(path, "w") as file:
        for i, layer in enumerate(showers.detector.layers):
            file[f"layer_{i}"] = showers.energies[:, layer.slice].reshape(-1, *layer.cells.shape)
        file["energy"] = showers.incidents.energy[:, None] / 1000
        if overflow is not None:
            file["overflow"] = overflow


def test_calogan_layers_are_mev_and_energies_gev(tmp_path):
    showers = random_showers(Detector.load("calogan-ecal"))
    calogan_file(tmp_path / "g.h5", showers, np.full((6, 3), 2.5))
    assert layout_of(tmp_path / "g.h5", showers.detector) == "calogan"
    again = read(tmp_path / "g.h5", showers.detector, particle="e+")
    np.testing.assert_array_equal(again.energies, showers.energies)
    np.testing.assert_allclose(again.incidents.energy, showers.incidents.energy)
    assert again.incidents.particles == ["e+"]
    assert "'overflow', 7.5 MeV per shower outside the cells" in notes(again.provenance)[0]
    convert(tmp_path / "w.h5", showers, "calogan")
    assert read(tmp_path / "w.h5", showers.detector, particle="e-") == showers


def test_clic_grid_runs_x_y_z_in_gev(tmp_path):
    detector = Detector.load("clic-ecal")
    showers = random_showers(detector, 3)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["ECAL"] = np.moveaxis(showers.energies.reshape(3, 25, 25, 25), 1, 3) / 1000
        target = np.zeros((3, 1, 5))
        target[:, 0, 0], target[:, 0, 1] = 11, showers.incidents.energy / 1000
        file["target"] = target
    again = read(tmp_path / "c.h5", detector)
    np.testing.assert_allclose(again.energies, showers.energies, rtol=1e-6)
    np.testing.assert_allclose(again.incidents.energy, showers.incidents.energy)
    assert again.incidents.particles == ["e-"]
    with pytest.raises(InputError, match="showers of e-, not of gamma alone"):
        read(tmp_path / "c.h5", detector, particle="gamma")


@pytest.mark.parametrize(("told", "particle", "found"), [(True, None, "gamma"), (False, "e-", "e-")])
def test_clic_with_angles(tmp_path, told, particle, found):
    detector = Detector.from_toml(Detector.load("clic-ecal").toml.replace("    25,\n    25,\n", "    51,\n    51,\n"))
    assert detector.layers[0].cells.shape == (51, 51)
    theta = np.array([np.pi / 2, np.pi / 2 - 0.3, np.pi / 2 + 0.2])
    cells = np.zeros((3, 51, 51, 25))
    cells[:, 25, 30, 4] = 0.05
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["ECAL"], file["energy"], file["theta"] = cells, np.array([100.0, 200.0, 300.0]), theta
        if told:
            file["pdgID"] = np.full(3, 22)
    again = read(tmp_path / "c.h5", detector, particle=particle)
    np.testing.assert_allclose(again.incidents.energy, [1e5, 2e5, 3e5])
    np.testing.assert_allclose(again.incidents.theta, [0, 0.3, 0.2], atol=1e-12)
    np.testing.assert_allclose(again.incidents.phi, [0, np.pi / 2, -np.pi / 2])
    assert again.incidents.particles == [found]
    layer = detector.layers[4]
    assert again.energies[:, layer.slice].reshape(3, 51, 51)[:, 25, 30] == pytest.approx(50)


def test_par04_has_a_data_set_per_energy(rings, tmp_path):
    showers = random_showers(rings, 5)
    grid = showers.energies.reshape(5, 3, 4, 2).transpose(0, 3, 2, 1)
    with h5py.File(tmp_path / "SiW_angle_60.h5", "w") as file:
        file["64"], file["8"] = grid[3:], grid[:3]
    assert layout_of(tmp_path / "SiW_angle_60.h5", rings) == "par04"
    again = read(tmp_path / "SiW_angle_60.h5", rings, particle="e-")
    np.testing.assert_array_equal(again.energies, showers.energies)
    np.testing.assert_array_equal(again.incidents.energy, [8000, 8000, 8000, 64000, 64000])
    np.testing.assert_allclose(again.incidents.theta, np.pi / 6)
    part = read(tmp_path / "SiW_angle_60.h5", rings, particle="e-", rows=slice(2, 4))
    np.testing.assert_array_equal(part.energies, showers.energies[2:4])
    assert part.incidents.energy.tolist() == [8000, 64000]
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file["high"] = grid
    with pytest.raises(InputError, match="'high' is not named by an energy"):
        read(tmp_path / "bad.h5", rings, layout="par04")


def test_lemurs(rings, tmp_path):
    showers = random_showers(rings, 5)
    with h5py.File(tmp_path / "l.h5", "w") as file:
        file["showers"] = showers.energies.reshape(5, 3, 4, 2).transpose(0, 3, 2, 1)
        file["incident_energy"], file["incident_theta"] = showers.incidents.energy, np.full(5, 0.25)
        file["incident_phi"] = np.full(5, 1.5)
    assert layout_of(tmp_path / "l.h5", rings) == "lemurs"
    again = read(tmp_path / "l.h5", rings, particle="e-")
    np.testing.assert_array_equal(again.energies, showers.energies)
    assert again.incidents.theta.tolist() == [0.25] * 5
    assert again.incidents.phi.tolist() == [1.5] * 5


@pytest.mark.parametrize("turned", [False, True])
def test_point_clouds_in_millimetres(small, tmp_path, turned):
    """Two hits in one cell, one outside, and an empty place."""
    x, y, depth = -75.0, 50.0, 17.0
    hits = np.zeros((2, 7, 5))
    hits[0, 0], hits[0, 1], hits[0, 2] = (x, y, depth, 3, 9), (x, y + 1, depth, 4, 9), (500, 0, depth, 0.1, 9)
    hits[1, 5] = (10, -10, 31.0, 2, 9)
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["events"] = hits[..., :4].transpose(0, 2, 1) if turned else hits
        file["energy"] = np.array([[1.0], [2.0]])
    assert layout_of(tmp_path / "p.h5", small) == "points"
    again = read(tmp_path / "p.h5", small, particle="gamma")
    expected = np.zeros((2, small.n_cells))
    expected[0, 3] = 7  # first of two columns in x, last of four in y
    expected[1, 8 + 4] = 2  # second layer, from 30 mm on: middle of 3 x 3
    np.testing.assert_allclose(again.energies, expected)
    assert again.incidents.energy.tolist() == [1000, 2000]
    assert notes(again.provenance) == ["z is the depth in mm", "0.1 MeV lay outside all cells"]


def test_point_clouds_by_layers_and_of_varying_length(small, tmp_path):
    rows = [[0, 0, 1, 5.0, 0], [1, 1, 2, 6.0, 0, 0, 0, 0, 0.0, 0], []]
    with h5py.File(tmp_path / "p.h5", "w") as file:
        cloud = file.create_dataset("showers", (3,), h5py.vlen_dtype(np.float32))
        for i, row in enumerate(rows):
            cloud[i] = np.array(row, np.float32)
        file["shape"], file["energies"] = np.array([3, 2, 5], np.int32), np.array([[1], [2], [3]], np.float32)
        file["pdg"], file["directions"] = np.full(3, 211, np.int32), np.tile([0.0, 0.6, 0.8], (3, 1))
    again = read(tmp_path / "p.h5", small)
    assert again.incidents.particles == ["pi+"]
    assert again.incidents.theta == pytest.approx(np.arctan2(0.6, 0.8))
    np.testing.assert_allclose(small.sum_layers(again.energies), [[0, 5, 0], [0, 0, 6], [0, 0, 0]])


@pytest.mark.parametrize("preset", ["calogan-ecal", "pbwo4-cylinder"])
def test_point_clouds_round_trip(preset, tmp_path):
    showers = random_showers(Detector.load(preset))
    convert(tmp_path / "p.h5", showers, "points")
    again = read(tmp_path / "p.h5", showers.detector)
    np.testing.assert_array_equal(again.energies, showers.energies)
    np.testing.assert_allclose(again.incidents.energy, showers.incidents.energy)


def test_points_of_another_detector_are_refused(small, tmp_path):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["events"], file["energy"] = np.full((2, 3, 4), 500.0), np.full((2, 1), 1000.0)
    with pytest.raises(InputError, match="100% of the energy lies outside the cells of small"):
        read(tmp_path / "p.h5", small)


def test_files_that_do_not_fit_are_refused(tmp_path, small):
    showers = random_showers(Detector.load("calogan-ecal"))
    calogan_file(tmp_path / "g.h5", showers)
    for layout, detector, message in (
        ("calogan", small, r"'layer_0' has shape \(6, 3, 96\)"),
        ("calochallenge", small, "no numeric data set 'showers'"),
        ("clic", small, "no numeric data set 'ECAL'|one grid for all layers"),
        ("par04", small, "not named by an energy"),
        ("root", small, "is an HDF5 file, not one of the format 'root'"),
        ("calogan", None, "does not say its detector; name it with --detector"),
        ("colagan", small, "unknown format 'colagan'; did you mean 'calogan'"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path / "g.h5", detector, layout=layout)
    with h5py.File(tmp_path / "unknown.h5", "w") as file:
        file["something"] = np.ones(3)
    with pytest.raises(InputError, match="holds something: no known layout"):
        read(tmp_path / "unknown.h5", small)
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "absent.h5", small)


def test_small_negative_energies_read_as_zero(tmp_path, binning):
    cells = np.ones((2, 11))
    cells[1, 3] = -1e-9
    with h5py.File(tmp_path / "n.h5", "w") as file:
        file["showers"], file["incident_energies"] = cells, np.full((2, 1), 1e5)
    again = read(tmp_path / "n.h5", binning)
    assert again.energies[1, 3] == 0
    assert notes(again.provenance) == ["1 negative cell energies read as zero, the lowest is -3.3e-11 MeV"]
    with h5py.File(tmp_path / "n.h5", "r+") as file:
        file["showers"][0, 0] = -1.0
    with pytest.raises(InputError, match="negative energies"):
        read(tmp_path / "n.h5", binning)


@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "chunks": (7, 150)}])
def test_memory_is_the_result_and_a_block(tmp_path, monkeypatch, options):
    """float64 on disk, 12 MB as float32; a range of rows is what the whole file holds there."""
    monkeypatch.setattr(table, "BLOCK", 2**16)
    detector = Detector.load("calogan-ecal")
    cells = np.random.default_rng(1).random((6_000, detector.n_cells)) * (np.arange(6_000)[:, None] % 7 == 0)
    with h5py.File(tmp_path / "big.h5", "w") as file:
        file.create_dataset("showers", data=cells, **options)
        file["incident_energies"] = np.full((6_000, 1), 1e5)
    for layout in ("caloforge", "calochallenge"):
        tracemalloc.start()
        showers = read(tmp_path / "big.h5", detector, layout=layout)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1.2 * showers.energies.nbytes
        np.testing.assert_array_equal(showers.energies, cells.astype(np.float32))
    part = read(tmp_path / "big.h5", detector, rows=slice(700, 711))
    np.testing.assert_array_equal(part.energies, showers.energies[700:711])
    assert part.incidents.shower_id.tolist() == list(range(700, 711))


def test_blocks_join_to_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "BLOCK", 1100)  # two rows
    showers = random_showers(Detector.load("calogan-ecal"), 9)
    write(tmp_path / "own.h5", showers, compression=None)
    with opened(tmp_path / "own.h5") as (layout, found):
        assert layout.name == "caloforge"
        assert np.concatenate([part.energies for part in found.chunks()]).tolist() == showers.energies.tolist()
        parts = list(found.chunks(slice(3, 6)))
        assert [len(part) for part in parts] == [1, 2]
        np.testing.assert_array_equal(parts[1].incidents.energy, showers.incidents.energy[4:6])


@pytest.mark.parametrize(
    ("name", "layout", "said"),
    [
        ("a.h5", None, "caloforge"),
        ("a.hdf5", None, "calochallenge"),
        ("a.root", None, "root"),
        ("a.root", "edm4hep", "edm4hep"),
        ("a.hdf5", "points", "points"),
    ],
)
def test_the_suffix_says_what_is_written(tmp_path, name, layout, said):
    assert written_layout(tmp_path / name, layout).name == said


@pytest.mark.parametrize(
    ("name", "layout", "said"),
    [("a.txt", None, "files of showers end in .h5"), ("a.root", "points", "end in .h5"),
     ("a.h5", "clic", "'clic' is only read"), ("a.h5", "root", "end in .root")],
)  # fmt: skip
def test_outputs_that_cannot_be(tmp_path, name, layout, said):
    with pytest.raises(InputError, match=said):
        written_layout(tmp_path / name, layout)
