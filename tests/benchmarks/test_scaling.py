"""The programs that measure scaling and streaming, each in a small form."""

import os
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
RUN = """
name = "tiny"
detector = "%s/small.toml"
[incidents]
particle = "e-"
energy = "1 GeV:2 GeV"
[inside]
energy = "2 GeV"
[bench]
energies = ["2 GeV"]
[showers]
train = 100
select = 50
test = 400
[model]
kind = "coupling-flow"
layers = {blocks = 2, hidden = 8, bins = 4}
cells = {blocks = 2, hidden = 8, bins = 4}
[training]
batch = 32
"""


@pytest.fixture
def program(monkeypatch, capfd, small, tmp_path):
    """Runs a program of benchmarks/ on a tiny run; what it and its processes print."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "small.toml").write_text(small.toml)
    (tmp_path / "tiny.toml").write_text(RUN % tmp_path)

    def call(name, *words):
        monkeypatch.setattr(sys, "argv", [name, *words])
        import_module(name).main()
        return capfd.readouterr().out

    return call


def test_the_cost_of_streaming_is_a_ratio_of_times(program, tmp_path):
    said = program(
        "streaming", "cost", "--run", str(tmp_path / "tiny.toml"), "--rounds", "2", "-n", "1500", "--buffer", "500"
    )
    ratio = float(re.search(r"from a file (\S+) \+-", said)[1])
    assert ratio > 0


def test_a_training_on_many_files_tells_its_memory(program, tmp_path):
    words = ("--gigabytes", "0.0002", "--files", "2", "--steps", "5", "--folder", str(tmp_path))
    said = program("streaming", "memory", "--run", str(tmp_path / "tiny.toml"), *words)
    assert "5 steps on 1922 showers in files" in said
    assert 50 < float(re.search(r"peak resident memory (\d+) MiB", said)[1]) < 3000


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two processes need two cores")
@pytest.mark.skipif(torch.cuda.is_available(), reason="processes would need a GPU each")
def test_the_speed_up_of_a_training_is_told(program, tmp_path):
    said = program("scaling", "training", "--run", str(tmp_path / "tiny.toml"), "--steps", "1", "--rounds", "1")
    assert re.search(
        r"one process \d+ ms per step, with two threads \S+ times as fast; two apart \S+, two together", said
    )
