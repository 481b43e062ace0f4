"""Showers on disk: whole or not at all, and never believed unchecked."""

import errno
import fcntl
import os
import subprocess
import sys
from fcntl import flock

import h5py
import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, read, write


@pytest.fixture
def showers(small):
    rng = np.random.default_rng(1)
    energies = rng.exponential(3, (7, small.n_cells)).astype(np.float32)
    incidents = Incidents.make("e+", rng.uniform(1e3, 1e4, 7), theta=0.1, phi=2.0, position=(0.5, -0.5, 0.0),
                               shower_id=np.arange(7) * 3)  # fmt: skip
    return Showers(small, incidents, energies, {"simulator": "test", "seed": 5})


@pytest.fixture
def path(showers, tmp_path):
    write(tmp_path / "showers.h5", showers)
    return tmp_path / "showers.h5"


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def replace(name, values):
    def change(file):
        del file[name]
        file[name] = values

    return change


def test_round_trip(path, showers):
    again = read(path)
    np.testing.assert_array_equal(again.energies, showers.energies)
    for name in ("pdg", "energy", "theta", "phi", "position", "shower_id"):
        np.testing.assert_array_equal(getattr(again.incidents, name), getattr(showers.incidents, name))
    assert again.detector == showers.detector
    assert again.provenance == showers.provenance


def test_rows(path, showers):
    part = read(path, rows=slice(2, 5))
    np.testing.assert_array_equal(part.energies, showers.energies[2:5])
    np.testing.assert_array_equal(part.incidents.shower_id, showers.incidents.shower_id[2:5])


def test_layout_is_the_documented_one(path, small):
    with h5py.File(path) as file:
        shapes = {name: (file[name].shape, file[name].dtype) for name in file}
        assert shapes["showers"] == ((7, small.n_cells), np.float32)
        assert shapes["incident_energies"] == ((7, 1), np.float64)
        assert shapes["incident_position"] == ((7, 3), np.float64)
        assert shapes["incident_pdg"] == ((7,), np.int32)
        assert shapes["shower_id"] == ((7,), np.int64)
        assert Detector.from_toml(file.attrs["detector"]) == small
        assert file.attrs["schema"] == "caloforge-showers-1"
        assert file.attrs["quantity"] == "deposit"


def test_no_showers(tmp_path, small):
    write(tmp_path / "none.h5", Showers(small, Incidents.make("e-", []), np.zeros((0, small.n_cells), np.float32)))
    assert len(read(tmp_path / "none.h5")) == 0


def test_plain_file_needs_its_detector_named(tmp_path, small):
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["showers"], file["incident_energies"] = np.ones((3, small.n_cells)), np.full((3, 1), 10.0)
    with pytest.raises(InputError, match="name it with --detector"):
        read(tmp_path / "plain.h5")
    showers = read(tmp_path / "plain.h5", small)
    assert showers.incidents.pdg.tolist() == [0, 0, 0]
    assert showers.incidents.theta.tolist() == [0, 0, 0]


def test_another_detector_is_refused(path):
    with pytest.raises(InputError, match="differs from 'calogan-ecal' \\(504 cells\\)"):
        read(path, Detector.load("calogan-ecal"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace("showers", np.zeros((7, 25), np.float32)), r"shape \(7, 25\), small needs \(N, 26\)"),
        (replace("showers", np.full((7, 26), np.nan)), "not finite"),
        (replace("showers", np.full((7, 26), -1.0)), "negative energies, the lowest is -1 MeV"),
        (replace("showers", np.array([b"x"])), "no numeric data set 'showers'"),
        (replace("incident_energies", np.ones((6, 1))), "'incident_energies' does not fit 7 showers"),
        (replace("incident_energies", np.zeros((7, 1))), "energy must be positive"),
        (replace("incident_theta", np.full(7, 3.0)), "theta must be below pi/2"),
        (replace("incident_position", np.zeros((7, 2))), "'incident_position' does not fit"),
        (replace("shower_id", np.dtype("f8")), "'shower_id' does not fit"),
        (lambda file: file.__delitem__("showers"), "no numeric data set 'showers'"),
        (lambda file: file.attrs.__setitem__("detector", "name = 3"), "detector of .*showers.h5"),
        (lambda file: file.attrs.__setitem__("provenance", "{"), "'provenance' is not JSON"),
        (lambda file: file.attrs.__setitem__("detector", 3), "'detector' is not one text"),
    ],
)
def test_refuses_content_that_does_not_fit(path, change, message):
    edit(path, change)
    with pytest.raises(InputError, match=message):
        read(path)


def test_refuses_what_is_not_hdf5(tmp_path):
    (tmp_path / "text.h5").write_text("not HDF5")
    other = "not a readable HDF5 file of showers: it is of another kind; caloforge.write stores arrays in one"
    for name, message in [("text.h5", other), ("absent.h5", "no such file")]:
        with pytest.raises(InputError, match=message):
            read(tmp_path / name)


def test_files_changed_by_others_are_read(path, showers):
    edit(path, lambda file: file["showers"].__setitem__(0, 1.0))
    assert (read(path).energies[0] == 1).all()
    np.testing.assert_array_equal(read(path).energies[1:], showers.energies[1:])


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9, 1.0])
def test_a_changed_byte_is_noticed(path, at):
    content = bytearray(path.read_bytes())
    content[int(at * (len(content) - 26))] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"does not match its checksum|not a readable HDF5"):
        read(path)


MUTATE = """
import random, sys
from pathlib import Path
from caloforge.errors import InputError
from caloforge.showers import read
good, rng = Path(sys.argv[1]).read_bytes(), random.Random(11)
path, refused = Path(sys.argv[1]), 0
for _ in range(400):
    content = bytearray(good)
    for _ in range(rng.randint(1, 8)):
        at, kind = rng.randrange(len(content)), rng.randrange(5)
        if kind < 2:
            content[at] = rng.randrange(256)
        elif kind == 2:
            content[at : at + 8] = rng.randbytes(8)
        elif kind == 3:
            content[at : at + 4] = b"\\xff" * 4
        elif rng.random() < 0.3:
            del content[max(at, 1) :]
    path.write_bytes(content)
    try:
        assert len(read(path)) == 7
    except InputError:
        refused += 1
print(refused)
"""


def test_mutated_files_never_crash_python(path):
    out = subprocess.run([sys.executable, "-W", "error", "-c", MUTATE, str(path)], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr[-2000:]
    assert int(out.stdout) > 300


LIMITED = """
import resource, signal, sys
from pathlib import Path
from caloforge.showers import read, write
showers, folder = read(Path(sys.argv[1])), Path(sys.argv[2])
whole = Path(sys.argv[1]).stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
said = []
for limit in range(0, whole + 512, 512):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write(folder / "limited.h5", showers)
        said.append("written")
    except OSError as error:
        said.append(error.strerror)
    assert not list(folder.glob(".*"))
print(" ".join(sorted(set(said[:-2]))), said[-1], sep=", ")
"""


def test_a_disk_that_fails_anywhere_is_one_error_and_never_a_crash(path, tmp_path):
    """A limit on the size of files makes every write beyond it fail, as quotas and broken disks do."""
    (tmp_path / "out").mkdir()
    words = [sys.executable, "-W", "error", "-c", LIMITED, str(path), str(tmp_path / "out")]
    out = subprocess.run(words, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr[-2000:]
    assert out.stdout == "File too large, written\n"


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EAGAIN])
def test_files_are_read_and_written_where_the_file_system_has_no_locks(showers, path, monkeypatch, error):
    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("fcntl.flock", refuse)
    holder = os.open(path, os.O_RDONLY)
    flock(holder, fcntl.LOCK_EX)  # HDF5 itself would not open the file
    assert len(read(path)) == 7
    write(path, showers)
    assert len(read(path)) == 7
    os.close(holder)
    edit(path, lambda file: file["showers"].__setitem__(0, 1.0))  # a file of another program, without our checksum
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    assert len(read(path)) == 7


def test_a_file_that_another_program_writes_is_told_from_a_damaged_one(path):
    with h5py.File(path, "r+", locking=True) as file:
        for _ in range(2):
            with pytest.raises(InputError, match="another program has it open for writing"):
                read(path)
            file["showers"][0, 0] = 5.0
            file.flush()
    assert read(path).energies[0, 0] == 5.0
