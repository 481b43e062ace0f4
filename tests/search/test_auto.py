"""The built-in search of `run --search auto`."""

import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

from caloforge import runs
from caloforge.cli import main
from caloforge.errors import InputError, RunError
from caloforge.search import auto
from caloforge.search.trial import Outcome

AREAS = {"flow-small": 0.7, "flow-medium": 0.6, "flow-large": 0.65, "vae": 0.9, "as-given": 0.95}


@pytest.fixture
def plain(config, tmp_path):
    """Config of a run without a model."""
    text = config.read_text()
    path = tmp_path / "plain.toml"
    path.write_text(text[: text.index("[model]")] + text[text.index("[validation]") : text.index("[search]")])
    return path


@pytest.fixture
def done(monkeypatch):
    """Trials that train nothing; their names and minutes, in order."""
    trained = []

    def do(run, _):
        number, _, name = run.folder.name.partition("-")
        trained.append((int(number), name, run.learning.training.minutes))
        if AREAS[name] is None:
            raise RunError("the loss is not finite")
        return Outcome(AREAS[name], 0.01, "trees_features", 1.0, 1.0)

    monkeypatch.setattr(auto, "run_trial", do)
    return trained


def load(config, folder):
    return runs.load(config, folder, absent={"model": auto.FIRST})


def chosen(run, said=None, *, resume=False, begun=None):
    begun = time.monotonic() if begun is None else begun
    return auto.select_model(run, 10.0, begun, ([] if said is None else said).append, resume=resume, force=False)


def test_the_better_half_trains_anew_and_the_best_for_what_is_left(plain, tmp_path, done):
    run = chosen(load(plain, tmp_path / "run"), begun=time.monotonic() - 120)
    assert [name for number, name, _ in done if number == 1] == list(auto.CANDIDATES)
    assert [name for number, name, _ in done if number == 2] == ["flow-medium", "flow-large"]
    assert [minutes for _, _, minutes in done] == pytest.approx([0.3] * 4 + [0.6] * 2)
    assert run.config.model == auto.CANDIDATES["flow-medium"]["model"]
    assert run.learning.training.minutes == pytest.approx(10 - 2 - 3, abs=0.1)
    assert run.paths.showers_folder == tmp_path / "run-search" / "showers"
    run.open(resume=False, force=False)
    again = chosen(load(plain, tmp_path / "run"), resume=True)
    assert again.config == run.config
    assert len(done) == 6


def test_the_example_suits_all_candidates(tmp_path, done, monkeypatch):
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    said = []
    chosen(load(root / "examples" / "crossed-strips" / "run.toml", tmp_path / "run"), said)
    assert [name for number, name, _ in done if number == 1] == list(auto.CANDIDATES)
    assert not any("left out" in line for line in said)


def test_a_model_of_the_config_takes_part(config, tmp_path, done, monkeypatch):
    monkeypatch.setitem(AREAS, "as-given", 0.5)
    run = chosen(runs.load(config, tmp_path / "run"))
    assert (2, "as-given") in {(number, name) for number, name, _ in done}
    assert run.learning.model.cells.hidden == 16


def test_what_fails_or_does_not_fit_is_left_out(plain, tmp_path, done, monkeypatch):
    monkeypatch.setitem(AREAS, "flow-medium", None)
    monkeypatch.setitem(auto.CANDIDATES, "vae", {"model": {"kind": "gan-3d"}, "training": {}})
    said = []
    run = chosen(load(plain, tmp_path / "run"), said)
    assert run.config.model == auto.CANDIDATES["flow-large"]["model"]
    assert "flow-medium failed: the loss is not finite" in said
    assert any(line.startswith("vae is left out: ") for line in said)
    assert [name for _, name, _ in done] == ["flow-medium", "flow-small", "flow-large", "flow-large", "flow-small"]
    for name in list(AREAS):
        monkeypatch.setitem(AREAS, name, None)
    with pytest.raises(RunError, match="none of the models could be trained"):
        chosen(load(plain, tmp_path / "other"))


def test_little_time_still_trains(plain, tmp_path, done):
    run = chosen(load(plain, tmp_path / "run"), begun=time.monotonic() - 3600)
    assert len(done) == 6
    assert run.learning.training.minutes == pytest.approx(1.0)


def test_an_earlier_search_is_not_mixed_with_another(plain, tmp_path, done):
    (tmp_path / "run-search").mkdir()
    with pytest.raises(InputError, match="run-search exists; --resume continues"):
        chosen(load(plain, tmp_path / "run"))
    assert done == []
    chosen(load(plain, tmp_path / "run"), resume=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--search", "auto"], "--search auto needs --minutes"),
        (["--search", "all", "--minutes", "5"], "--search all: the one built-in search is 'auto'"),
        (["--minutes", "5"], "key 'model' is missing"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(plain, tmp_path, monkeypatch, capfd, words, said):
    monkeypatch.setattr("sys.argv", ["caloforge", "run", str(plain), "--out", str(tmp_path / "run"), *words])
    with pytest.raises(SystemExit) as ended:
        main()
    error = capfd.readouterr().err
    assert ended.value.code == 2
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
