"""Real Geant4 productions that are killed on the way."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not find_spec("geant4_pybind"), reason="needs the extra geant4")

WORDS = [
    "--detector",
    "calogan-ecal",
    "--particle",
    "e-",
    "--energy",
    "100 MeV:300 MeV",
    "-n",
    "1200",
    "--seed",
    "9",
    "--quiet",
]


def start(output: Path, *more: str) -> subprocess.Popen[str]:
    code = "from caloforge.cli import main; main()"
    words = [sys.executable, "-c", code, "produce", *WORDS, "-o", str(output), *more]
    with output.with_suffix(".log").open("w") as log:
        return subprocess.Popen(words, stderr=log, text=True, start_new_session=True)


def said(output: Path) -> str:
    return output.with_suffix(".log").read_text()


def children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(entry.name))
    return found


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def datasets(path):
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "whole.h5"
    process = start(output, "--workers", "2")
    assert process.wait() == 0, said(output)
    return datasets(output)


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find child processes")
def test_killed_parent_resumes_to_the_same_file(whole, tmp_path):
    output = tmp_path / "run.h5"
    process = start(output, "--workers", "2")
    parts = tmp_path / "run.h5.parts"
    wait_for(lambda: len(list(parts.glob("shard-*"))) >= 2)
    offspring = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not any(alive(pid) for pid in offspring), 20)
    finished = {path: path.stat().st_mtime_ns for path in parts.glob("shard-*")}
    assert finished
    assert not output.exists()
    again = start(output, "--workers", "1", "--resume")
    assert again.wait() == 0, said(output)
    assert_equal(datasets(output), whole)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find child processes")
def test_killed_worker_is_replaced(whole, tmp_path):
    output = tmp_path / "run.h5"
    process = start(output, "--workers", "2")
    wait_for(lambda: len(list((tmp_path / "run.h5.parts").glob("shard-*"))) >= 2)
    os.kill(max(children(process.pid)), signal.SIGKILL)
    assert process.wait() == 0, said(output)
    assert_equal(datasets(output), whole)
