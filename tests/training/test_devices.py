"""Batches in parts: one after the other, and on two processes that talk by gloo."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.attack.kills import descendants

from caloforge.errors import InputError
from caloforge.showers import write
from caloforge.training.devices import SINGLE, Group, check_devices
from caloforge.training.parts import Parts
from caloforge.training.run import TrainingFolder, load_state

RUN = """
name = "tiny"
detector = "small.toml"
[showers]
train = "train.h5"
select = "select.h5"
test = "test.h5"
[model]
kind = "coupling-flow"
layers = {blocks = 2, hidden = 8, bins = 4}
cells = {blocks = 2, hidden = 8, bins = 4}
[training]
steps = 60
batch = 64
evaluate_every = 10
learning_rate = 0.003
"""
needs_two = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2 or torch.cuda.is_available(), reason="two processes need two cores, or a GPU each"
)


def curve(run):
    lines = [json.loads(line) for line in TrainingFolder(run).losses_file.read_text().splitlines()]
    return np.array([[line["loss"], line["held_out"]] for line in lines])


@needs_two
def test_two_processes_learn_as_one_whatever_the_model(tiny_configs, tiny_training, tmp_path):
    """Two processes with two parts each; the 3D GAN, which normalises batches, has one part in each.

    Its loss jumps where a cell crosses the threshold, so that rounding grows where steps are long.
    """
    schedule = {"steps": 50, "batch": 32, "evaluate_every": 10}
    rates = {kind: 1e-4 if kind == "gan-3d" else 1e-3 for kind in tiny_configs}
    alone = [tiny_training(kind, learning_rate=rate, **schedule) for kind, rate in rates.items()]
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(found.getsockname()[1]), "WORLD_SIZE": "2"}
    words = [sys.executable, "-m", "tests.training.train_together", str(tmp_path), *map(str, alone)]
    both = [subprocess.Popen(words, env=os.environ | place | {"RANK": rank, "OMP_NUM_THREADS": "1"}) for rank in "01"]
    assert [process.wait(300) for process in both] == [0, 0]
    for kind, run in zip(tiny_configs, alone, strict=True):
        np.testing.assert_allclose(curve(tmp_path / kind), curve(run), rtol=1e-5, atol=1e-5, err_msg=kind)


def test_a_training_in_parts_is_learned_from_the_same_random_numbers(small, toy):
    """Draws of a part are its rows of the batch's; those of other shapes stay as they are."""
    from caloforge.models import Batch

    seen = []

    def loss(batch):
        columns = torch.zeros(4, len(batch)).T  # random numbers follow the memory
        noise = torch.randn(len(batch), 3), torch.rand_like(batch.cells), torch.randn_like(columns), torch.rand(5)
        seen.append(noise)
        weights = torch.nn.functional.dropout(torch.ones(len(batch), 2), 0.5, True)
        return (weights.sum() / len(batch)) * parameter

    parameter = torch.nn.Parameter(torch.ones(()))
    batch = Batch.of(toy(small, 12, seed=1))
    gradients = []
    for accumulate in (1, 3):
        parameter.grad = None
        torch.manual_seed(1)
        Parts(SINGLE, accumulate, 12).backward(loss, batch, [parameter])
        gradients.append(float(parameter.grad))
    assert gradients[0] == pytest.approx(gradients[1], rel=1e-6)
    whole, *parts = seen
    for k in (0, 1, 2):
        assert torch.equal(whole[k], torch.cat([part[k] for part in parts]))
    assert all(torch.equal(part[3], whole[3]) for part in parts)


def test_impossible_parts_are_refused(monkeypatch):
    with pytest.raises(InputError, match="a batch of 250 showers cannot be divided into 4 equal parts"):
        Parts(Group(1, 2), 2, 250)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="--devices 3: this machine has 2 cores"):
            check_devices(3)


LEADER = """
import signal, sys
from caloforge.training.devices import process_group
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
print("begun", flush=True)
with process_group(2, [sys.executable, "-c", sys.argv[1]]):
    pass
"""


def test_the_end_of_a_process_that_never_connects_ends_the_training():
    words = [sys.executable, "-c", LEADER, "raise SystemExit(3)"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "RunError: a process of the training ended with code 3 before step 1" in done.stderr


def test_signals_end_a_training_that_waits_for_its_processes():
    words = [sys.executable, "-c", LEADER, "import time; time.sleep(120)"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as leader:
        assert leader.stdout.readline() == "begun\n"
        time.sleep(1)
        leader.send_signal(signal.SIGTERM)
        assert leader.wait(60) == 143


@needs_two
def test_a_batch_that_cannot_be_shared_is_refused_before_anything_is_written(workplace):
    (workplace / "run.toml").write_text(RUN.replace("batch = 64", "batch = 33"))
    said = command(workplace, "--out", "new", "--devices", "2", code=2)
    assert said.count("\n") == 1
    assert "a batch of 33 showers cannot be divided into 2 equal parts" in said
    (workplace / "run.toml").write_text(RUN.replace("batch = 64", "batch = 64\nbuffer = 50"))
    assert "buffer = 50 is smaller than a batch of 64" in command(workplace, "--out", "new", code=2)
    assert not (workplace / "new").exists()


def command(folder: Path, *words: str, code: int = 0) -> str:
    line = [sys.executable, "-m", "caloforge", "train", "run.toml", *words]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.fixture
def workplace(small, toy, tmp_path, monkeypatch):
    """A folder with a run on own showers; two cores, whatever the machine has."""
    (tmp_path / "small.toml").write_text(small.toml)
    (tmp_path / "run.toml").write_text(RUN)
    for k, (name, n) in enumerate({"train": 300, "select": 64, "test": 400}.items()):
        write(tmp_path / f"{name}.h5", toy(small, n, seed=k, first_id=1000 * k))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def begun(folder: Path) -> subprocess.Popen[str]:
    """A training on two processes that has written its first checkpoint."""
    line = [sys.executable, "-m", "caloforge", "train", "run.toml", "--out", "killed", "--devices", "2", "--resume"]
    process = subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    checkpoint, end = folder / "killed" / "training" / "checkpoint.pt", time.monotonic() + 200
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    while not (checkpoint.exists() and checkpoint.stat().st_mtime_ns > before):
        assert time.monotonic() < end
        time.sleep(0.01)
    return process


def follower_of(leader: int) -> int:
    """The other process of a training, whose command takes the run's own config."""
    (found,) = (pid for pid in descendants(leader) if b"config.toml" in Path(f"/proc/{pid}/cmdline").read_bytes())
    return found


@needs_two
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find the processes")
def test_two_processes_learn_as_one_and_survive_kills(workplace):
    command(workplace, "--out", "one", "--threads", "1")
    command(workplace, "--out", "two", "--devices", "2")
    one, two = (curve(workplace / name / "training") for name in ("one", "two"))
    np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-5)
    leader = begun(workplace)
    follower = follower_of(leader.pid)
    os.kill(follower, signal.SIGKILL)
    said, _ = leader.communicate(timeout=60)
    assert leader.returncode == 1
    assert "a process of the training has ended; the last checkpoint is kept" in said
    assert "Traceback" not in said
    leader = begun(workplace)
    follower = follower_of(leader.pid)
    leader.kill()
    leader.communicate(timeout=60)
    end = time.monotonic() + 20
    while Path(f"/proc/{follower}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{follower}").exists()
    command(workplace, "--out", "killed", "--devices", "2", "--resume")
    whole, killed = (load_state(TrainingFolder(workplace / name / "training").model_file) for name in ("two", "killed"))
    assert all(torch.equal(killed[name], value) for name, value in whole.items())
