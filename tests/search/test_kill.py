"""A whole search, and searches whose processes are killed and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

from caloforge import runs
from caloforge.search.search import Search
from caloforge.validation.recipes import RECIPES

SHORT = Path(__file__).with_name("short_trials.py")
PATIENCE = 300.0  # [s]


def start(config, folder, *words):
    return subprocess.Popen([sys.executable, str(SHORT), "search", str(config), "--out", str(folder), *words],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip


def wait_for(path, process):
    """Wait until a file is there."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def slow(config, tmp_path):
    """The search with trainings that a kill can fall into."""
    path = tmp_path / "search.toml"
    path.write_text(config.read_text().replace("steps = 20", "steps = 100"))
    return path


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to know dead processes")
def test_killed_processes_cost_no_trial(slow, tmp_path):
    """The command is killed in trial 0, then one of two workers of the resumed command in trial 1."""
    folder = tmp_path / "out"
    trainings = [folder / "trials" / name / "training" for name in ("0000", "0001")]
    first = start(slow, folder, "--trials", "3")
    wait_for(trainings[0] / "checkpoint.pt", first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    begun = (trainings[0] / "losses.jsonl").read_text().splitlines()[0]
    second = start(slow, folder, "--trials", "3", "--resume", "--workers", "2")
    wait_for(trainings[1] / "checkpoint.pt", second)
    (lock,) = (folder / "trials").glob(".0001.claim*.lock")
    killed = json.loads(lock.read_text())["pid"]
    assert killed != second.pid
    os.kill(killed, signal.SIGKILL)
    said, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, said
    assert f"worker {killed} was killed; another takes its place" in said
    found = json.loads((folder / "search.json").read_text())
    assert [trial["state"] for trial in found["trials"]] == ["complete"] * 3
    assert [trial["lost"] for trial in found["trials"]] == [1, 1, 0]
    assert (found["ended"], found["lost"], found["retried"]) == (3, 2, 2)
    assert (trainings[0] / "losses.jsonl").read_text().splitlines()[0] == begun  # it went on from its checkpoint
    assert not list((folder / "trials").glob(".*.lock"))


def test_workers_end_with_their_parent(slow, tmp_path):
    folder = tmp_path / "out"
    parent = start(slow, folder, "--trials", "2", "--workers", "2")
    wait_for(folder / "trials" / "0000" / "training" / "losses.jsonl", parent)
    (lock,) = (folder / "trials").glob(".0000.claim*.lock")
    child = json.loads(lock.read_text())["pid"]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    end = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and Path(f"/proc/{child}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < end
        time.sleep(0.05)
    parent.stdout.close()


def test_a_whole_search(config, tmp_path, monkeypatch):
    """One trial is trained, exported, judged on selection showers and timed; the test showers judge it at the end."""
    monkeypatch.setattr("caloforge.bench.SECONDS_PER_BATCH", 0.01)
    monkeypatch.setitem(RECIPES, "default", RECIPES["quick"])
    read = []
    showers = runs.Run.showers
    monkeypatch.setattr(runs.Run, "showers", lambda run, name: read.append(name) or showers(run, name))
    said = []

    def say(text):
        said.append(text)
        assert ("test" in read) == ("validated" in text) or "best" in text

    search = Search.load(config, tmp_path / "out")
    search.open(resume=False)
    found = search.run(1, say)
    assert said[-1] == "trial 0 is the best: it is validated on the test showers"
    assert read.index("test") > max(place for place, name in enumerate(read) if name == "select")
    (trial,) = found.trials
    assert 0.4 < trial.auc <= 1
    assert trial.ms > 0
    assert found.validated.trial == 0
    assert (tmp_path / "out" / found.validated.report).is_file()
    folder = tmp_path / "out" / "trials" / "0000"
    metrics = json.loads((folder / "report" / "metrics.json").read_text())
    assert metrics["candidates"]["tiny"]["auc"]["mean"] == found.validated.auc
    again = runs.load(folder / "config.toml", folder)
    again.open(resume=True, force=False)
    assert all(again.manifest.has(step.results) for step in again.steps[1:])
    assert again.manifest.foreign() == []
