"""Trials of a search: counted, lost, tried again, pruned, failed; and folders and storages that are not its own."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("optuna")

from caloforge.cli import app, main
from caloforge.cli.options import console
from caloforge.errors import InputError, RunError
from caloforge.runs.config import RunConfig
from caloforge.runs.listing import find_runs
from caloforge.search import study, worker
from caloforge.search.schema import SearchFile
from caloforge.search.search import Search
from caloforge.search.study import MOST_LOST
from caloforge.search.trial import Outcome
from caloforge.showers import write


def outcome(run):
    """A deterministic outcome: more blocks tell better and cost more."""
    blocks = run.learning.model.cells.blocks
    return Outcome(0.5 + 0.1 / blocks + run.learning.training.learning_rate, 0.01, "trees_features", float(blocks), 0.1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Trials train nothing, and the winner is not validated."""
    monkeypatch.setattr(worker, "run_trial", lambda run, _: outcome(run))
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(Search, "_validate", lambda *_: None)


def search(config, folder, storage=None, *, resume=False):
    found = Search.load(config, folder, storage)
    found.open(resume=resume)
    return found


def changed(config, folder, old, new):
    """The config with some of its text changed."""
    text = config.read_text()
    assert old in text
    (folder / "changed.toml").write_text(text.replace(old, new))
    return folder / "changed.toml"


def silent(_):
    pass


@pytest.mark.parametrize("storage", [None, "study.db"])
def test_trials_end_are_counted_and_continued(config, tmp_path, storage):
    storage = storage and str(tmp_path / storage)
    found = search(config, tmp_path / "out", storage).run(4, silent)
    assert [trial.number for trial in found.trials] == [0, 1, 2, 3]
    assert found.trials[0].values == {
        "training.learning_rate": 2e-3, "model.cells.hidden": 16, "model.cells.blocks": 2,
    }  # fmt: skip
    again = search(config, tmp_path / "out", storage, resume=True).run(6, silent)
    assert again.trials[:4] == [trial.model_copy(update={"best": trial.number in again.best}) for trial in found.trials]
    assert (again.ended, again.lost, again.retried) == (6, 0, 0)
    other = search(config, tmp_path / "other").run(6, silent)
    assert [trial.values for trial in other.trials] == [trial.values for trial in again.trials]


def test_the_best_are_those_that_no_other_beats(config, tmp_path):
    found = search(config, tmp_path / "out").run(8, silent)
    assert found == SearchFile(**json.loads((tmp_path / "out" / "search.json").read_text()))
    for trial in found.trials:
        beaten = any(one.auc <= trial.auc and one.ms <= trial.ms and (one.auc, one.ms) != (trial.auc, trial.ms)
                     for one in found.trials)  # fmt: skip
        assert trial.best == (not beaten) == (trial.number in found.best)
    names = sorted(path.name for path in (tmp_path / "out" / "best").iterdir())
    assert names == [f"{number:04d}.toml" for number in found.best]
    ready = RunConfig.build(tomllib.loads((tmp_path / "out" / "best" / names[0]).read_text()), names[0])
    assert ready.name == f"tiny-{found.best[0]:04d}"
    assert ready.search is None
    blocks = found.trials[found.best[0]].values["model.cells.blocks"]
    assert ready.learning().model.cells.blocks == blocks
    assert set(found.importances) == {"auc", "ms"}
    assert sum(found.importances["ms"].values()) == pytest.approx(1)
    page = (tmp_path / "out" / "search.html").read_text()
    assert all(name in page for name in ("Pareto front", "importances for ms", "Parallel coordinates", "(as given)"))
    assert page.count("<tr") == 1 + len(found.trials)


def test_a_trial_whose_process_died_is_taken_up_again(config, tmp_path):
    mine = search(config, tmp_path / "out").study
    first = mine.take(3)
    assert (first.number, first.resumed) == (0, False)
    second = mine.take(3)  # a living process holds the first
    assert second.number == 1
    first.claim.release()  # as if its process had been killed
    again = mine.take(3)
    assert (again.number, again.resumed, again.values) == (0, True, first.values)
    mine.finish(again, [0.1, 1.0], {"auc": 0.6, "auc_error": 0.01, "ms": 1.0})
    second.claim.release()
    found = search(config, tmp_path / "out", resume=True).run(3, silent)
    assert (found.ended, found.lost, found.retried) == (3, 2, 2)
    assert [trial.lost for trial in found.trials] == [1, 1, 0]
    assert [trial.state for trial in found.trials] == ["complete"] * 3


def test_a_trial_that_ends_at_this_moment_is_not_lost(config, tmp_path, monkeypatch):
    found = search(config, tmp_path / "out").study
    first = found.take(2)

    def ends(_):
        found.finish(first, [0.1, 1.0], {})
        return False

    monkeypatch.setattr(study, "is_held", ends)
    assert found.take(2).number == 1
    assert "lost" not in found.trials()[0].user_attrs


def test_a_study_of_others_is_left_alone(config, tmp_path):
    """Also where it has the name of the search and none of its marks."""
    optuna = pytest.importorskip("optuna")
    url = f"sqlite:///{tmp_path / 'theirs.db'}"
    theirs = optuna.create_study(study_name="tiny", storage=url)
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(InputError, match="holds another search called 'tiny'"):
        search(config, tmp_path / "out", url)
    assert not (tmp_path / "out").exists()


def test_a_trial_that_kills_every_process_ends(config, tmp_path):
    mine = search(config, tmp_path / "out").study
    for _ in range(MOST_LOST):
        taken = mine.take(2)
        assert taken.number == 0
        taken.claim.release()
    assert mine.take(2).number == 1
    assert mine.trials()[0].user_attrs["reason"] == f"{MOST_LOST} processes died in it"


def test_a_stopped_trial_is_not_a_lost_one(config, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "run_trial", stopped)
    with pytest.raises(KeyboardInterrupt):
        search(config, tmp_path / "out").run(2, silent)
    monkeypatch.setattr(worker, "run_trial", lambda run, _: outcome(run))
    said = []
    found = search(config, tmp_path / "out", resume=True).run(2, said.append)
    assert (found.ended, found.lost) == (2, 0)
    assert said[0].startswith("trial 0 goes on")


def test_a_failed_trial_says_why_and_counts(config, tmp_path, monkeypatch):
    def failing(run, _):
        if run.folder.name == "0001":
            raise RunError("the loss is not finite")
        return outcome(run)

    monkeypatch.setattr(worker, "run_trial", failing)
    found = search(config, tmp_path / "out").run(3, silent)
    assert [trial.state for trial in found.trials] == ["complete", "failed", "complete"]
    assert found.trials[1].reason == "the loss is not finite"
    monkeypatch.setattr(worker, "run_trial", lambda *_: (_ for _ in ()).throw(RunError("no")))
    with pytest.raises(RunError, match="no trial has succeeded"):
        search(config, tmp_path / "none").run(2, silent)


def test_a_poor_trial_is_pruned(config, tmp_path, monkeypatch):
    """From the sixth trial on, those whose score is worse than the median of the others at the same step."""
    path = changed(config, tmp_path, 'objectives = ["auc", "ms"]', "prune = true")
    seen = []

    def told(run, _):
        number = int(run.folder.name)
        for step in (10, 20):
            run.listener({"step": step, "seconds": 1.0, "loss": 0.0, "held_out": float(number != 6)})
            seen.append((number, step))
        return outcome(run)

    monkeypatch.setattr(worker, "run_trial", told)
    found = search(path, tmp_path / "out").run(8, silent)
    assert [trial.state for trial in found.trials] == ["complete"] * 8
    monkeypatch.setattr(worker, "run_trial", lambda run, _: run.listener({"step": 10, "held_out": 2.0}))
    more = search(path, tmp_path / "out", resume=True).run(9, silent)
    assert more.trials[8].state == "pruned"
    assert len(more.best) == 1
    assert "best so far" in (tmp_path / "out" / "search.html").read_text()


def test_time_that_is_over_begins_no_trial_and_validates_nothing(config, tmp_path, monkeypatch):
    monkeypatch.setattr(Search, "_validate", lambda *_: pytest.fail("the test showers are for the end"))
    found = search(config, tmp_path / "out").run(3, silent, timeout=0.0)
    assert (found.ended, found.trials, found.validated) == (0, [], None)


def test_another_search_or_other_showers_are_refused(config, tmp_path, small, toy):
    (tmp_path / "mine.h5").write_bytes((config.parent / "mine.h5").read_bytes())
    own = changed(config, tmp_path, str(config.parent / "mine.h5"), str(tmp_path / "mine.h5"))
    storage = str(tmp_path / "study.journal")
    search(own, tmp_path / "out", storage).run(1, silent)
    before = (tmp_path / "study.journal").read_bytes()
    with pytest.raises(InputError, match=r"holds a search; --resume continues it"):
        search(own, tmp_path / "out", storage)
    with pytest.raises(InputError, match=r"holds a search of another config \(showers\)"):
        search(config, tmp_path / "out", storage, resume=True)
    with pytest.raises(InputError, match="holds another search called 'tiny'"):
        search(own, tmp_path / "second", storage)
    assert not (tmp_path / "second").exists()
    with pytest.raises(InputError, match=r"began with the storage .*study\.journal, not study\.journal"):
        search(own, tmp_path / "out", resume=True)
    write(tmp_path / "out" / "showers" / "select.h5", toy(small, 195, seed=5))
    with pytest.raises(InputError, match="has changed since"):
        search(own, tmp_path / "out", storage, resume=True)
    assert (tmp_path / "study.journal").read_bytes() == before


def test_showers_that_were_replaced_are_noticed(config, tmp_path, monkeypatch):
    search(config, tmp_path / "out").run(1, silent)
    monkeypatch.setattr(Search, "_showers", lambda _: "others")
    with pytest.raises(InputError, match=r"the showers of .* have changed since the search began"):
        search(config, tmp_path / "out", resume=True)


def test_a_study_that_is_gone_is_noticed(config, tmp_path):
    search(config, tmp_path / "out").study.take(1).claim.release()
    (tmp_path / "out" / "trials" / "0000").mkdir()
    (tmp_path / "out" / "study.journal").unlink()
    with pytest.raises(InputError, match=r"holds trials that the storage study\.journal does not know"):
        search(config, tmp_path / "out", resume=True)


def test_a_journal_that_was_cut_is_mended(config, tmp_path):
    """A power cut may leave half of a line; what was written before it stays."""
    search(config, tmp_path / "out").run(2, silent)
    with (tmp_path / "out" / "study.journal").open("ab") as file:
        file.write(b'{"op_code": 4, "worker')
    found = search(config, tmp_path / "out", resume=True).run(3, silent)
    assert found.ended == 3


def command(capfd, monkeypatch, *words):
    """Exit code and what is said of the command line."""
    monkeypatch.setattr("sys.argv", ["caloforge", "search", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capfd.readouterr().err


def test_bad_input_is_one_line_and_exit_code_2(config, tmp_path, capfd, monkeypatch):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    (tmp_path / "file").write_text("no journal")
    (tmp_path / "file.db").write_text("no SQLite")
    few = changed(config, tmp_path, "[0.5, 0.15, 0.35]", "[0.6, 0.05, 0.35]")
    out, trials = ("--out", tmp_path / "out"), ("--trials", 2)
    for words, said in (
        ((config, *out, "--trials", 0), "--trials 0: 1 to"),
        ((config, *out, *trials, "--workers", 0), "at least 1 worker"),
        ((few, *out, *trials), r"\[showers\] select = 120 or more, not"),
        ((config, "--out", tmp_path / "thesis", *trials), "holds files that no search has made"),
        ((config, "--out", tmp_path / "file", *trials), "is a file; give a folder"),
        ((config, *out, *trials, "--storage", tmp_path / "file"), "is no journal of Optuna"),
        ((config, *out, *trials, "--storage", tmp_path / "file.db"), "cannot open the storage"),
        ((config, *out, *trials, "--storage", tmp_path / "none" / "x"), "folder .*none does not exist"),
        ((config, *out, *trials, "--storage", "nosuch://user:secret@host/x"), r"nosuch://\.\.\.@host/x"),
        (("quickstrat", *out, *trials), "did you mean 'quickstart'"),
    ):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        code, error = command(capfd, monkeypatch, *words)
        assert code == 2, error
        assert re.search(said, error)
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        assert "secret" not in error
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "file").read_text() == "no journal"
    assert sorted(path.name for path in (tmp_path / "thesis").iterdir()) == ["thesis.tex"]


def test_the_command_tells_what_it_has_found(config, tmp_path):
    words = ["search", str(config), "--out", str(tmp_path / "out"), "--trials", "3"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "3 of 3 trials have ended: 3 complete; processes lost: 0" in result.stdout
    assert "best: trial" in result.stdout


def test_runs_of_trials_tell_the_area_on_selection_showers(tmp_path, monkeypatch):
    monkeypatch.setattr(console, "width", 200)
    folder = tmp_path / "trials" / "0000"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('name = "tiny"\n[model]\nkind = "vae"\n')
    (folder / "manifest.json").write_text("{}")
    (folder / "selection.json").write_text(json.dumps(Outcome(0.6, 0.02, "trees_shapes", 2.0, 1.0).__dict__))
    (found,) = find_runs(Path(tmp_path))
    assert (found.selection_auc, found.selection_error, found.auc) == (0.6, 0.02, None)
    assert "0.600 +- 0.020" in CliRunner().invoke(app, ["runs", str(tmp_path)]).stdout
