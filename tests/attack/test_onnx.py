"""ONNX files from strangers: rules before a runtime sees them, a trial in a child, calls that can be ended."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from tests.attack import graphs

from caloforge.errors import InputError, RunError
from caloforge.export.foreign_model import load
from caloforge.showers import Incidents
from caloforge.simulators import onnx_rules
from caloforge.simulators.learned import LearnedSimulator
from caloforge.simulators.onnx_file import Session


@pytest.fixture
def save(small, tmp_path):
    """Write a hostile model."""

    def write(parts):
        nodes, tensors = parts
        path = tmp_path / "hostile.onnx"
        path.write_bytes(graphs.model(small, nodes, tensors).SerializeToString())
        return path

    return write


def test_a_harmless_graph_runs(save):
    """The frame of all hostile ones."""
    showers = LearnedSimulator(save(graphs.good())).simulate(Incidents.make("e-", [2e3, 3e3]), 1)
    assert (showers.energies > 0).all()


def test_a_loop_of_fixed_length_runs(save):
    loop = graphs.loop(["trips"], graphs.ADD, [graphs.TRIPS])
    assert (LearnedSimulator(save(loop)).simulate(Incidents.make("e-", 2e3), 1).energies > 0).all()


@pytest.mark.parametrize("name", graphs.REFUSED)
def test_rules_hold_in_python_and_import(save, name):
    make, message = graphs.REFUSED[name]
    path = save(make())
    for opening in (LearnedSimulator, load):
        with pytest.raises(InputError, match=message) as told:
            opening(path)
        assert str(told.value).count("\n") == 0


@pytest.mark.parametrize("name", graphs.CAUGHT)
def test_memory_is_bounded_at_opening(save, name):
    make, message = graphs.CAUGHT[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=message):
        LearnedSimulator(save(make()))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_time_is_bounded_at_opening(save, monkeypatch):
    monkeypatch.setattr("caloforge.simulators.onnx_file.SECONDS", 1)
    with pytest.raises(InputError, match=r"opening it takes over \d+ s"):
        LearnedSimulator(save(graphs.slow()))


ENDLESS = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells take from jobs in the background
from pathlib import Path
import numpy as np
from caloforge.simulators.onnx_file import Session
session = Session(Path(sys.argv[1]).read_bytes(), 1)
print("calls", flush=True)
session.run("showers", {"energy": np.ones((1, 1), "f4"), "noise": np.ones((1, 4), "f4")})
"""


def test_one_ctrl_c_ends_a_call(save):
    child = subprocess.Popen([sys.executable, "-c", ENDLESS, str(save(graphs.slow()))], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert child.stdout.readline() == "calls\n"
    time.sleep(0.5)
    os.kill(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode in (1, -signal.SIGINT)
    assert "KeyboardInterrupt" in said


def test_closing_ends_the_call_of_another_thread(save):
    """As production does with its workers."""
    session = Session(save(graphs.slow()).read_bytes(), 1)
    ended = []

    def call():
        try:
            session.run("showers", {"energy": np.ones((1, 1), "f4"), "noise": np.ones((1, 4), "f4")})
        except Exception as error:
            ended.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.3)
    session.close()
    thread.join(30)
    assert not thread.is_alive()
    assert "terminate" in ended[0]


def test_closed_simulators_say_so(save):
    simulator = LearnedSimulator(save(graphs.good()))
    simulator.close()
    with pytest.raises(RunError, match="closed"):
        simulator.simulate(Incidents.make("e-", 2e3), 1)


def test_rules_take_no_time_for_wide_and_deep_files(small):
    """Names of outer graphs are looked up, not copied: 9000 branches below 9000 constants."""
    branch = graphs.helper.make_graph([], "b", [], [])
    nodes = [graphs.node("If", ["yes"], [f"r{k}"], then_branch=branch, else_branch=branch) for k in range(9000)]
    tensors = [graphs.constant(f"c{k}", k) for k in range(9000)] + [graphs.constant("yes", True, bool)]
    content = graphs.model(small, [*nodes, *graphs.good()[0]], [*tensors, *graphs.ONE]).SerializeToString()
    started = time.process_time()
    onnx_rules.check(content)
    assert time.process_time() - started < 3


def test_two_graphs_in_one_file_are_refused(save):
    """Parsers merge what occurs twice, so that each half would keep the rules."""
    content = save(graphs.good()).read_bytes()
    with pytest.raises(InputError, match="occurs twice"):
        onnx_rules.check(content + content)
