"""ROOT trees: written by us, read by uproot into the same numbers, and read back bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers
from caloforge.showers.foreign import LAYOUTS, opened, read

uproot = pytest.importorskip("uproot", reason="needs the extra files")
awkward = pytest.importorskip("awkward", reason="needs the extra files")


@pytest.fixture(scope="module")
def showers():
    detector = Detector.load("calogan-ecal")
    rng = np.random.default_rng(4)
    energies = rng.exponential(2, (9, 504)) * (rng.random((9, 504)) < 0.3)
    energies[5] = 0
    incidents = Incidents.make(rng.choice([11, -11, 22], 9), rng.uniform(1e3, 1e5, 9), theta=rng.uniform(0, 0.2, 9),
                               phi=rng.uniform(0, 6, 9), position=rng.normal(size=(9, 3)) * (1, 1, 0),
                               shower_id=2**50 + np.arange(9))  # fmt: skip
    return Showers(detector, incidents, energies.astype(np.float32), {"simulator": "test", "seed": 3}, rng.random(9))


@pytest.fixture(scope="module", params=["root", "edm4hep"])
def written(request, showers, tmp_path_factory):
    path = tmp_path_factory.mktemp("root") / "showers.root"
    with LAYOUTS[request.param].writer(path, showers.detector, len(showers)) as put:
        put(showers[:4])
        put(showers[4:])
    return request.param, path


def test_uproot_reads_the_same_numbers(showers, written):
    layout, path = written
    row, cell = np.nonzero(showers.energies)
    with uproot.open(path) as file:
        assert [name for name, kind in file.classnames().items() if kind == "TTree"] == [
            "showers;1" if layout == "root" else "events;1"
        ]
        tree = file["showers" if layout == "root" else "events"]
        names = ("cell", "energy", "x", "y", "z") if layout == "root" else (
            "CaloHits.cellID", "CaloHits.energy", *(f"CaloHits.position.{axis}" for axis in "xyz"))  # fmt: skip
        arrays = tree.arrays(names)
        number = awkward.num(arrays[names[0]]).tolist()
        flat = [awkward.to_numpy(awkward.flatten(arrays[name])) for name in names]
        incident = tree["incident_energy" if layout == "root" else "MCParticles.PDG"].array()
    assert number == np.bincount(row, minlength=9).tolist()
    np.testing.assert_array_equal(flat[0], cell)
    scale = np.float32(1 if layout == "root" else 1000)
    np.testing.assert_array_equal(flat[1], showers.energies[row, cell] / scale)
    np.testing.assert_allclose(np.column_stack(flat[2:]), showers.detector.cell_centres[cell], rtol=1e-6)
    if layout == "root":
        np.testing.assert_array_equal(incident, showers.incidents.energy)
    else:
        assert awkward.flatten(incident).tolist() == showers.incidents.pdg.tolist()


def test_reading_back(showers, written):
    layout, path = written
    if layout == "root":
        assert read(path) == showers
        assert read(path).provenance == showers.provenance
        assert read(path, rows=slice(3, 7)) == showers[3:7]
        return
    again = read(path, showers.detector)  # GeV in float32: not the same bits
    np.testing.assert_allclose(again.energies, showers.energies, rtol=3e-7)
    for name in ("energy", "theta", "position"):
        wanted = getattr(showers.incidents, name)
        np.testing.assert_allclose(getattr(again.incidents, name), wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(again.incidents.pdg, showers.incidents.pdg)


def test_a_tree_of_others(tmp_path, small):
    with uproot.recreate(tmp_path / "other.root") as file:
        file["t"] = {
            "cell": awkward.Array([[1, 1, 2], [], [25]]),
            "energy": awkward.Array([[1.0, 2.0, 4.0], [], [8.0]]),
            "incident_energy": np.array([100.0, 200.0, 300.0]),
        }
    with opened(tmp_path / "other.root", small, "gamma") as (layout, found):
        assert layout.name == "root"
        again = found.read()
    assert again.energies[0, 1:3].tolist() == [3, 4]
    assert again.energies[2, 25] == 8
    assert again.incidents.particles == ["gamma"]
    with pytest.raises(InputError, match="does not say its detector"):
        read(tmp_path / "other.root")
    first = small.spec.layer[0].model_copy(update={"copies": 2})
    with pytest.raises(InputError, match="cell 25 is none of the 16"):
        read(tmp_path / "other.root", Detector(small.spec.model_copy(update={"layer": (first,)})))


def test_damaged_and_foreign_files_are_refused(tmp_path, showers, written):
    layout, path = written
    content = bytearray(path.read_bytes())
    (tmp_path / "cut.root").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"cut.root"):
        read(tmp_path / "cut.root", showers.detector)
    with uproot.recreate(tmp_path / "none.root") as file:
        file["t"] = {"a": np.arange(3)}
    with pytest.raises(InputError, match="no known layout"):
        read(tmp_path / "none.root", showers.detector)
    other = Detector.from_toml(showers.detector.toml.replace("calogan-ecal", "other"))
    if layout == "root":
        with pytest.raises(InputError, match="holds showers of detector 'calogan-ecal', not of 'other'"):
            read(path, other)


def test_mutated_files_never_crash(tmp_path, showers, written):
    layout, path = written
    rng, content, refused = np.random.default_rng(1), path.read_bytes(), 0
    for _ in range(8 if layout == "root" else 0):
        changed = bytearray(content)
        for at in rng.integers(0, len(content), 20):
            changed[at] = rng.integers(256)
        (tmp_path / "m.root").write_bytes(changed)
        try:
            assert len(read(tmp_path / "m.root", showers.detector)) == 9
        except InputError:
            refused += 1
    assert refused or layout != "root"


def test_windows_are_written_without_world_places(tmp_path, showers):
    moving = Detector.load("atlas-barrel")
    with (
        pytest.raises(InputError, match="move with the particle"),
        LAYOUTS["edm4hep"].writer(tmp_path / "w.root", moving, 1),
    ):
        pass
    assert not (tmp_path / "w.root").exists()
    assert replace(showers) == showers
