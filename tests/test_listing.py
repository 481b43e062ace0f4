"""Runs side by side."""

import json

import pytest
from typer.testing import CliRunner

from caloforge.cli import app
from caloforge.cli.options import console
from caloforge.errors import InputError
from caloforge.runs.listing import differing, find_runs
from caloforge.runs.manifest import Manifest


def run(folder, name, hidden, *, losses=(), auc=None, ms=None):
    """A run directory that tells some of its figures."""
    (folder / "training").mkdir(parents=True)
    Manifest(folder).begin([])
    (folder / "config.toml").write_text(f'name = "{name}"\n[model]\nkind = "vae"\nhidden = [{hidden}]\n')
    rows = [{"step": step, "seconds": 60.0 * step, "loss": 1.0, "held_out": loss} for step, loss in losses]
    (folder / "training" / "losses.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if ms is not None:
        times = {"simulators": {name: {"1": {"ms": ms}}}, "geant4_ms": {"10 GeV": 100.0}}
        (folder / "bench.json").write_text(json.dumps(times))
    if auc is not None:
        (folder / "report").mkdir()
        verdict = {"candidates": {name: {"auc": {"mean": auc, "error": 0.01}}}}
        (folder / "report" / "metrics.json").write_text(json.dumps(verdict))


@pytest.fixture
def folder(tmp_path):
    run(tmp_path / "runs" / "a", "a", 8, losses=[(1, 3.0), (2, 2.5), (3, 2.75)], auc=0.75, ms=0.5)
    run(tmp_path / "runs" / "deep" / "b", "b", 16, losses=[(1, 4.0)])
    run(tmp_path / "runs" / "c", "c", 8)
    (tmp_path / "runs" / "c" / "config.toml").write_text("no TOML")
    (tmp_path / "runs" / "c" / "bench.json").write_text("no JSON")
    (tmp_path / "runs" / "a" / "training" / "model.pt").touch()
    return tmp_path / "runs"


def test_runs_tell_what_they_have(folder):
    first, second = find_runs(folder)
    assert (first.name, first.steps, first.held_out, first.minutes, first.trained) == ("a", 3, 2.5, 3.0, True)
    assert (first.auc, first.auc_error, first.ms, first.geant4_ms) == (0.75, 0.01, 0.5, 100.0)
    assert (second.name, second.steps, second.trained, second.auc, second.ms) == ("b", 1, False, None, None)
    assert differing([first, second]) == ["model.hidden"]
    assert differing([first]) == []


def test_the_table_and_json(folder, monkeypatch):
    monkeypatch.setattr(console, "_width", 200)  # it took the width of the environment when it was made
    table = CliRunner().invoke(app, ["runs", str(folder)]).stdout
    assert "model.hidden" in table
    assert "0.750" in table
    result = CliRunner().invoke(app, ["runs", str(folder), "--json"])
    rows = json.loads(result.stdout)
    assert [row["config"] for row in rows] == [{"model.hidden": [8]}, {"model.hidden": [16]}]
    assert rows[0]["auc"] == 0.75


def test_damaged_figures_are_left_out(folder):
    (folder / "a" / "training" / "losses.jsonl").write_text('{"step": 1')
    (folder / "a" / "report" / "metrics.json").write_text("[]")
    (folder / "a" / "bench.json").write_bytes(b"\xff")
    first, _ = find_runs(folder)
    assert (first.steps, first.auc, first.ms) == (None, None, None)


def test_a_folder_without_runs_is_refused(tmp_path):
    for place, said in ((tmp_path, "holds no runs"), (tmp_path / "none", "no folder")):
        with pytest.raises(InputError, match=said):
            find_runs(place)
