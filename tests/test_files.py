"""Files are whole or absent, links and devices stay what they are, and nothing is left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caloforge import files
from caloforge.config import Strict, read_file
from caloforge.errors import InputError
from caloforge.files import check_output, check_writable, read_bytes, read_text, remove_leftovers, replacing
from caloforge.processes import Process


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_write_leaves_nothing(tmp_path):
    target = tmp_path / "file.h5"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="interrupted"), replacing(target) as beside:  # noqa: PT012
        beside.write_text("new")
        raise RuntimeError("interrupted")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.h5"]


def test_content_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """Without the two syncs, a power cut after the renaming leaves an empty file."""
    done = []
    monkeypatch.setattr(os, "fsync", lambda number: done.append(str(Path(f"/proc/self/fd/{number}").readlink())))
    with replacing(tmp_path / "file.h5") as beside:
        beside.write_text("new")
    assert done == [str(beside), str(tmp_path)]


def test_a_link_laid_where_the_new_file_is_written_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda _: "00000000")
    with replacing(tmp_path / "file.h5") as beside:
        beside.write_text("first")
    (tmp_path / "precious").write_text("precious")
    beside.symlink_to(tmp_path / "precious")
    with pytest.raises(FileExistsError), replacing(tmp_path / "file.h5"):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("kind", ["fifo", "link", "device", "folder"])
def test_only_regular_files_are_replaced(tmp_path, kind):
    target = Path("/dev/null") if kind == "device" else tmp_path / "there"
    if kind == "fifo":
        os.mkfifo(target)
    elif kind == "link":
        (tmp_path / "precious").write_text("precious")
        target.symlink_to(tmp_path / "precious")
    elif kind == "folder":
        target.mkdir()
    before = target.lstat()
    said = {"fifo": "not a regular file", "device": "not a regular file", "link": "is a link", "folder": "is a folder"}
    with pytest.raises(InputError, match=said[kind]):
        check_output(target, force=True)
    with pytest.raises(InputError, match=said[kind]), replacing(target):
        pass
    assert (target.lstat().st_ino, target.lstat().st_mode) == (before.st_ino, before.st_mode)


WRITE = """
from pathlib import Path
from caloforge.files import replacing
with replacing(Path("file.h5")):
    print(1, flush=True)
    input()
"""


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_kept(tmp_path):
    words = [sys.executable, "-c", WRITE]
    dead, living = (
        subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    )
    assert dead.stdout.readline() == living.stdout.readline() == b"1\n"
    dead.kill()
    dead.communicate()
    assert len(names(tmp_path)) == 2
    check_output(tmp_path / "other.h5")
    assert len(names(tmp_path)) == 2
    check_output(tmp_path / "file.h5")
    assert len(names(tmp_path)) == 1
    living.communicate(b"\n")
    assert names(tmp_path) == ["file.h5"]


def test_leftovers_of_processes_elsewhere_are_removed_after_a_day(tmp_path):
    left = tmp_path / ".file.h5-00000000.there-01234567-1-1.89abcdef.part"
    for age, kept in ((0, True), (1.1 * files.DAY, False)):
        left.touch()
        os.utime(left, (time.time() - age, time.time() - age))
        remove_leftovers(tmp_path)
        assert left.exists() == kept


def test_a_process_is_told_from_a_later_one_of_the_same_number():
    here = Process.current()
    assert Process.from_mark(here.mark) == here
    assert not here.is_dead
    assert Process(here.host, here.machine, here.pid, here.start + 1).is_dead
    assert not Process("there", "01234567", here.pid, 1).is_dead
    assert Process.from_mark("something else") is None


def test_output_checks(tmp_path):
    (tmp_path / "there.h5").touch()
    with pytest.raises(InputError, match="exists; give another name, or --force"):
        check_output(tmp_path / "there.h5")
    check_output(tmp_path / "there.h5", force=True)
    with pytest.raises(InputError, match="does not exist"):
        check_writable(tmp_path / "absent")
    (tmp_path / "also-there.h5").hardlink_to(tmp_path / "there.h5")
    with pytest.raises(InputError, match="is an input of this command"):
        check_output(tmp_path / "there.h5", force=True, inputs=[None, Path("gflash"), tmp_path / "also-there.h5"])
    with pytest.raises(InputError, match=r"writes \.h5 files; name it x\.h5"):
        check_output(tmp_path / "x.root", suffixes=(".h5", ".hdf5"))
    assert names(tmp_path) == ["also-there.h5", "there.h5"]


def test_names_that_are_too_long_are_refused_before_any_work(tmp_path):
    check_output(tmp_path / ("x" * 246 + ".h5"))
    with pytest.raises(InputError, match="has 250 bytes; at most 249"):
        check_output(tmp_path / ("x" * 247 + ".h5"))
    with pytest.raises(InputError, match="at most 249"):
        check_output(tmp_path / ("\u00e9" * 125))
    deep = Path("/", *["d" * 200] * 20, "x.h5")
    with pytest.raises(InputError, match="4020 bytes; at most 3840"):
        check_output(deep)


def test_a_full_disk_is_told_before_any_work(tmp_path, monkeypatch):
    usage = files.shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(InputError, match="is full: 1000 bytes are free"):
        check_output(tmp_path / "x.h5")


class Anything(Strict):
    """No keys."""


def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path, said in (
        (tmp_path / "fifo", "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "absent", "No such file"),
    ):
        with pytest.raises(InputError, match=said):
            read_file(Anything, path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**22 + 1)
    with pytest.raises(InputError, match="4194305 bytes; such files may have 4 MiB"):
        read_text(tmp_path / "large")
    (tmp_path / "latin").write_bytes("\u00e9".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_text(tmp_path / "latin")
    assert read_bytes(tmp_path / "latin") == b"\xe9"
