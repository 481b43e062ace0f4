"""A training in MLflow, with a store in a folder."""

import json
import sys

import pytest

from caloforge import runs
from caloforge.errors import InputError
from caloforge.showers import write
from caloforge.training import TrainingConfig, train
from caloforge.training.run import TrainingFolder
from caloforge.training.tracking import Tracker, _public

MODEL = """
[model]
kind = "coupling-flow"
layers = {blocks = 2, hidden = 8, bins = 4}
cells = {blocks = 2, hidden = 8, bins = 4}
"""
RUN = """
name = "tiny"
detector = "%s/small.toml"
[showers]
train = "%s/mine.h5"
shares = [0.5, 0.1, 0.4]
[training]
steps = 20
evaluate_every = 10
mlflow = "%s/store"
[validation]
recipe = "quick"
seeds = 1
"""


def config(store, steps=20):
    table = f'[training]\nsteps = {steps}\nbatch = 64\nevaluate_every = 10\nmlflow = "{store}"\n'
    return TrainingConfig.read(MODEL + table, "tiny")


def client_of(store):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{store}/mlflow.db")


def test_a_missing_mlflow_is_told_before_the_training(small, toy, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    showers = toy(small, 200, seed=1)
    with pytest.raises(InputError, match=r"mlflow is not installed; install caloforge\[mlflow\]"):
        train(config(tmp_path / "store"), showers[:150], showers[150:], tmp_path / "run", quiet=True)
    (tmp_path / "small.toml").write_text(small.toml)
    write(tmp_path / "mine.h5", toy(small, 1300, seed=1))
    (tmp_path / "run.toml").write_text(RUN % ((tmp_path,) * 3) + MODEL)
    with pytest.raises(InputError, match="mlflow is not installed"):
        runs.load(tmp_path / "run.toml", tmp_path / "whole")


def test_no_password_is_told():
    assert _public("http://me:secret@host:5000") == "http://...@host:5000"
    assert _public("http://host:5000") == "http://host:5000"


def test_mlflow_gets_config_and_losses_of_a_killed_and_resumed_training(
    small, toy, tmp_path, train_with_a_break, recwarn
):
    pytest.importorskip("mlflow")
    showers = toy(small, 200, seed=1)
    samples = showers[:150], showers[150:]
    train_with_a_break(config(tmp_path / "store", 40), samples, tmp_path / "run", 27)
    folder, client = TrainingFolder(tmp_path / "run"), client_of(tmp_path / "store")
    (experiment,) = client.search_experiments(filter_string="name = 'caloforge'")
    (found,) = client.search_runs([experiment.experiment_id])
    assert json.loads(folder.mlflow_file.read_text())["run_id"] == found.info.run_id
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert {
        "model.kind": "coupling-flow",
        "training.steps": "40",
        "detector": "small",
    }.items() <= found.data.params.items()
    lines = [json.loads(line) for line in folder.losses_file.read_text().splitlines()]
    for key, name in {"loss": "loss/training", "held_out": "selection/held_out"}.items():
        points = client.get_metric_history(found.info.run_id, name)
        assert [point.step for point in points] == [10, 20, 30, 40]
        assert [point.value for point in points] == pytest.approx([line[key] for line in lines])
    assert found.data.metrics["rate/showers_per_second"] > 0
    assert not recwarn.list


def test_a_lost_store_ends_no_training(small, toy, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    showers = toy(small, 200, seed=1)

    def fails(*_, **__):
        raise OSError("the server is gone")

    from mlflow import MlflowClient

    tell = Tracker.tell

    def lose(tracker, step, numbers):
        if step == 10:
            monkeypatch.setattr(MlflowClient, "log_batch", fails)
        tell(tracker, step, numbers)

    monkeypatch.setattr(Tracker, "tell", lose)
    with pytest.warns(UserWarning, match="gets no more figures: the server is gone"):
        done = train(config(tmp_path / "store"), showers[:150], showers[150:], tmp_path / "run", quiet=True)
    assert done.steps == 20


def test_an_impossible_store_is_refused(small, toy, tmp_path):
    pytest.importorskip("mlflow")
    (tmp_path / "file").touch()
    showers = toy(small, 200, seed=1)
    with pytest.raises(InputError, match="MLflow cannot use"):
        train(config(tmp_path / "file"), showers[:150], showers[150:], tmp_path / "run", quiet=True)


def test_a_run_gives_mlflow_its_headline_and_its_report(small, toy, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setattr("caloforge.bench.SECONDS_PER_BATCH", 0.01)
    (tmp_path / "small.toml").write_text(small.toml)
    write(tmp_path / "mine.h5", toy(small, 1300, seed=1))
    (tmp_path / "run.toml").write_text(RUN % ((tmp_path,) * 3) + MODEL)
    run = runs.load(tmp_path / "run.toml", tmp_path / "whole")
    run.open(resume=False, force=False)
    run.execute()
    client = client_of(tmp_path / "store")
    identity = json.loads(run.training.mlflow_file.read_text())["run_id"]
    found = client.get_run(identity)
    metrics = json.loads(run.paths.metrics.read_text())
    assert found.data.metrics["headline/auc"] == pytest.approx(metrics["candidates"]["tiny"]["auc"]["mean"])
    assert found.data.metrics["headline/ms"] > 0
    assert "report/report.html" in {item.path for item in client.list_artifacts(identity, "report")}
    assert run.manifest.foreign() == []
