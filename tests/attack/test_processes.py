"""Children end with their parent, whatever they are doing; a stopped one is told and given up."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from caloforge import trial
from caloforge.errors import InputError, RunError
from caloforge.processes import is_stopped
from caloforge.showers import Incidents

GEANT4 = pytest.mark.skipif(not find_spec("geant4_pybind"), reason="needs the extra geant4")

BUSY = """
import os, subprocess, sys, time
code = "import sys, hashlib\\nfrom caloforge.processes import end_with_writer\\nend_with_writer(int(sys.argv[1]))\\n"
code += "print(1, flush=True)\\nhashlib.pbkdf2_hmac('sha1', b'', b'', 2**31 - 1)"
read, write = os.pipe()
child = subprocess.Popen([sys.executable, "-c", code, str(read)], pass_fds=[read], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


def gone(pid, seconds=10.0):
    """Whether a process ends in time; one that nobody has waited for is a zombie."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_child_in_foreign_code_ends_with_its_parent(number):
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        os.kill(parent.pid, number)
    assert gone(child)


PARENT = """
import sys
from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators.geant4 import Geant4Simulator
detector = Detector.from_toml(sys.argv[1])
simulator = Geant4Simulator(detector)
simulator.simulate(Incidents.make("e-", 100.0), 1)
print(*(p.pid for p in simulator._processes.values()), flush=True)
simulator.simulate(Incidents.make("e-", [3e6] * 50), 1)
"""


@GEANT4
def test_geant4_at_work_ends_with_its_parent(small):
    with subprocess.Popen([sys.executable, "-c", PARENT, small.toml], stdout=subprocess.PIPE, text=True) as parent:
        children = [int(word) for word in parent.stdout.readline().split()]
        assert children
        time.sleep(0.5)
        os.kill(parent.pid, signal.SIGTERM)
    assert all(gone(child) for child in children)


@GEANT4
def test_a_stopped_geant4_is_told_and_given_up(small, monkeypatch, caplog):
    from caloforge.simulators.geant4 import Geant4Simulator
    from caloforge.simulators.geant4.process import parent

    monkeypatch.setattr(parent, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(parent, "STOPPED", 0.5)
    simulator = Geant4Simulator(small)
    try:
        simulator.simulate(Incidents.make("e-", 100.0), 1)
        (child,) = (each.pid for each in simulator._processes.values())
        os.kill(child, signal.SIGSTOP)
        while not is_stopped(child):
            time.sleep(0.01)
        with pytest.raises(RunError, match=r"was stopped \(SIGSTOP\) for 0 s and was ended"):
            simulator.simulate(Incidents.make("e-", 100.0), 1)
        assert f"kill -CONT {child}" in caplog.text
        assert np.isfinite(simulator.simulate(Incidents.make("e-", 100.0), 1).energies).all()
    finally:
        simulator.close()


def test_a_trial_whose_child_is_killed_by_others_is_made_again(tmp_path, monkeypatch):
    """That says nothing about the file."""
    path = tmp_path / "file"
    path.touch()
    codes = iter([-signal.SIGTERM, -signal.SIGTERM, -signal.SIGTERM])
    outcomes = iter([None, {"result": 3}, None, None])
    monkeypatch.setattr(trial, "_once", lambda _: (next(outcomes), next(codes, None)))
    assert trial.attempt("a:b", path, seconds=1, memory=1) == 3
    with pytest.raises(InputError, match=r"crashes on it \(SIGTERM\)|takes over"):
        trial.attempt("a:b", path, seconds=1, memory=1)
