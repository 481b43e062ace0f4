"""Files of showers from strangers: their structure is looked at in a child process before anything is read."""

import gzip
import os
import time
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from caloforge import trial
from caloforge.errors import InputError
from caloforge.showers import Showers, read, write
from caloforge.showers.foreign import read as read_foreign
from caloforge.showers.structure import check

FILES = Path(__file__).parent / "files"


@pytest.fixture(scope="module")
def plain(small, toy, tmp_path_factory):
    """A file of 50 toy showers, as written by others: nothing trusts it."""
    path = tmp_path_factory.mktemp("plain") / "plain.h5"
    write(path, toy(small, 50, seed=1))
    return path


@pytest.fixture
def edited(plain, tmp_path):
    """The file after a change."""

    def make(change):
        path = tmp_path / "edited.h5"
        path.write_bytes(plain.read_bytes())
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return make


def put(name, values, **settings):
    def change(file):
        if name in file:
            del file[name]
        file.create_dataset(name, data=values, **settings)

    return change


def swap(name, make):
    """A change that replaces a data set by what `make(file)` puts in its place."""

    def change(file):
        del file[name]
        make(file)

    return change


def external_data(file):
    file.create_dataset("showers", (50, 26), "f4", external=[("/etc/passwd", 0, 5200)])


def virtual_data(file):
    layout = h5py.VirtualLayout((50, 26), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "showers", (50, 26))
    file.create_virtual_dataset("showers", layout)


def never_written(file):
    file.create_dataset("showers", (2**40, 26), "f4")


def few_chunks(file):
    file.create_dataset("showers", (2**30, 26), "f4", chunks=(50, 26))[:50] = 1


def huge_chunk(file):
    file.create_dataset("showers", (2**25, 26), "f4", chunks=(2**25, 26), compression="gzip")


STRUCTURES = {
    "external link": (swap("showers", lambda f: f.__setitem__("showers", h5py.ExternalLink("o.h5", "x"))), "is a link"),
    "soft link": (swap("showers", lambda f: f.__setitem__("showers", h5py.SoftLink("/showers"))), "is a link"),
    "external data": (swap("showers", external_data), "keeps its data in other files"),
    "virtual data": (swap("showers", virtual_data), "keeps its data in other files"),
    "72 TiB": (swap("showers", never_written), "claims 114349209288704 bytes and stores 0"),
    "few chunks": (swap("showers", few_chunks), r"claims \d+ chunks in a file of \d+ bytes"),
    "huge chunk": (swap("showers", huge_chunk), "has 0 of 1 chunks"),
    "long text": (lambda f: f.attrs.__setitem__("provenance", "x" * (17 * 2**20)), "longer than 16 MiB"),
    "no text": (lambda f: f.attrs.__setitem__("detector", np.zeros(1000)), "'detector' is not one text"),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_are_refused_before_memory_is_taken(edited, name):
    change, message = STRUCTURES[name]
    path = edited(change)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=message):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20  # two blocks of the checksum
    finally:
        tracemalloc.stop()


VALUES = {
    "negative fast energy": (put("fast_energy", np.full(50, -1.0)), "fast_energy is negative or not finite"),
    "NaN fast energy": (put("fast_energy", np.full(50, np.nan)), "fast_energy is negative or not finite"),
    "NaN pdg": (put("incident_pdg", np.full(50, np.nan)), "incident_pdg is not finite or leaves the range of int32"),
    "broken pdg": (put("incident_pdg", np.full(50, 11.5)), "incident_pdg holds numbers that are not whole"),
    "large pdg": (put("incident_pdg", np.full(50, 2**40)), "incident_pdg is not finite or leaves the range of int32"),
    "large id": (put("shower_id", np.full(50, 2**63, np.uint64)), "shower_id is not finite or leaves the range"),
    "schema": (lambda f: f.attrs.__setitem__("schema", "caloforge-showers-9"), "schema 'caloforge-showers-9', not"),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_refused(edited, name):
    change, message = VALUES[name]
    with pytest.raises(InputError, match=message):
        read(edited(change))


@pytest.mark.parametrize(
    ("name", "message"), [("hangs", r"opening it takes over \d+ s"), ("crashes", r"SIGSEGV|not one text")]
)
def test_the_hdf5_library_may_hang_or_crash(tmp_path, name, message):
    """Found among 3000 mutations whose checksum was made good; HDF5 2.0 never returns from the first."""
    path = tmp_path / f"{name}.h5"
    path.write_bytes(gzip.decompress((FILES / f"{name}.h5.gz").read_bytes()))
    with pytest.raises(InputError, match=message):
        read(path)


def test_packed_files_are_read(small, toy, tmp_path):
    """Nothing but zeros packs 1000 times; contiguous, chunked and packed files of others are read."""
    showers = toy(small, 50, seed=2)
    empty = Showers(small, showers.incidents, np.zeros_like(showers.energies))
    for settings in ({}, {"chunks": (7, 26)}, {"compression": "gzip", "compression_opts": 9, "shuffle": True}):
        path = tmp_path / "others.h5"
        with h5py.File(path, "w", libver="latest") as file:
            file.create_dataset("showers", data=np.zeros((200_000, 26), "f4"), **settings)
            file["incident_energies"] = np.full((200_000, 1), 1e3)
        assert len(read(path, small)) == 200_000
    write(path, empty, compression="gzip")
    os.utime(path)
    assert not read(path).energies.any()


def test_small_negative_energies_read_as_zero_with_a_note(small, toy, tmp_path):
    """Rounding of generators; more than the threshold is no rounding."""
    showers = toy(small, 50, seed=3)
    showers.energies[3, 4], showers.energies[5, 6] = -1e-9, -9e-3
    write(tmp_path / "generated.h5", showers)
    found = read(tmp_path / "generated.h5")
    assert (found.energies >= 0).all()
    assert found.energies[3, 4] == found.energies[5, 6] == 0
    assert found.provenance["notes"] == ["2 negative cell energies read as zero, the lowest is -0.009 MeV"]
    showers.energies[5, 6] = -0.011
    write(tmp_path / "wrong.h5", showers)
    with pytest.raises(InputError, match=r"negative energies, the lowest is -0.011 MeV"):
        read(tmp_path / "wrong.h5")


def test_notes_of_negative_energies_reach_the_report(small, toy):
    from caloforge.validation.samples import prepare

    reference, floor, other = (toy(small, 300, seed=seed) for seed in (1, 2, 3))
    other.provenance["notes"] = ["2 negative cell energies read as zero, the lowest is -1e-09 MeV"]
    notes = prepare(reference, {"wgan": other}, floor, reweight=False, seed=0).notes
    assert "'wgan': 2 negative cell energies read as zero, the lowest is -1e-09 MeV." in notes


def test_layouts_of_others_are_checked_alike(tmp_path, small):
    with h5py.File(tmp_path / "calogan.h5", "w") as file:
        file.create_dataset("layer_0", (50, 2, 4), "f4", external=[("/etc/passwd", 0, 1600)])
    with pytest.raises(InputError, match="keeps its data in other files"):
        read_foreign(tmp_path / "calogan.h5", small, particle="e+", layout="calogan")


def test_one_child_serves_many_files_and_is_replaced(edited):
    path = edited(len)
    read(path)
    child = next(iter(trial._children.values()))
    for _ in range(3):
        os.utime(path)
        read(path)
    assert next(iter(trial._children.values())) is child
    child.process.kill()
    child.process.wait()
    os.utime(path)
    assert len(read(path)) == 50


def test_looking_first_costs_little(edited):
    """A few milliseconds of a file once the child is there."""
    path = edited(len)
    read(path)
    started = time.process_time()
    for _ in range(20):
        os.utime(path)
        read(path)
    assert time.process_time() - started < 20 * 0.02


def test_own_files_need_no_child(small, toy, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError

    monkeypatch.setattr("caloforge.showers.structure.attempt", refuse)
    write(tmp_path / "own.h5", toy(small, 5, seed=1))
    assert len(read(tmp_path / "own.h5")) == 5
    os.utime(tmp_path / "own.h5")
    with pytest.raises(AssertionError):
        read(tmp_path / "own.h5")
    check(tmp_path / "own.h5")
