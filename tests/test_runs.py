"""The whole life of a model on a small detector, with real Geant4: produce, train, export, inside Geant4, validate."""

import json
import os
import subprocess
import sys
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from rich.console import Console
from typer.testing import CliRunner

from caloforge import runs
from caloforge.cli import app
from caloforge.errors import InputError
from caloforge.processes import Process
from caloforge.production import Source, SourceConfig
from caloforge.runs import RunConfig
from caloforge.runs.learning import area
from caloforge.showers import read, write
from caloforge.simulators import create
from caloforge.validation.recipes import RECIPES

pytestmark = pytest.mark.skipif(
    not all(find_spec(name) for name in ("geant4_pybind", "torch")), reason="needs the extras geant4 and train"
)
LEFT_OUT = 'labels = "200 MeV:300 MeV:50 MeV"\nper_label = 1\nleave_out = "300 MeV:300 MeV:50 MeV"'
CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=[p.stem for p in CONFIGS])
def test_every_named_config_holds_together(path, tmp_path):
    run = runs.load(path, tmp_path)
    assert run.config.name == path.stem


@pytest.fixture(scope="module")
def config(tmp_path_factory, small):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.toml").write_text(small.toml)
    (folder / "run.toml").write_text(f"""
name = "tiny"
detector = "{folder / "small.toml"}"
[incidents]
particle = "e-"
energy = "200 MeV:300 MeV"
[showers]
train = 300
select = 100
test = 400
[model]
kind = "coupling-flow"
cells = {{hidden = 16, blocks = 2}}
[training]
steps = 30
[validation]
recipe = "quick"
seeds = 1
[inside]
n = 20
energy = "200 MeV"
threshold = "150 MeV"
[bench]
energies = ["200 MeV"]
""")
    return folder / "run.toml"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('energies = ["200 MeV"]', 'energies = ["200 MeV", "1 GeV"]', "1 GeV is outside .* 200 MeV .. 300 MeV"),
        ('energies = ["200 MeV"]', 'energies = ["-1 MeV"]', "positive"),
        ("steps = 30", 'steps = 30\nselect = "auc"', r"needs \[showers\] select = 120 or more, not 100"),
        ('energy = "200 MeV"', 'energy = "5 GeV"', r"\[inside\] 5 GeV is outside"),
        ('"e-"', '"pi+"', "gflash simulates e-, e\\+ and gamma, not pi\\+"),
        ('"200 MeV:300 MeV"', '"100 MeV:300 MeV"', "gflash simulates 200 MeV and more, not 100 MeV"),
        ('["gflash"]', '["glfash"]', "unknown simulator 'glfash'; did you mean 'gflash'"),
        ('["gflash"]', '["nowhere.onnx"]', "no such file: nowhere.onnx"),
        ('"tiny"', '"gflash"', "a run cannot be called 'gflash'"),
        ('recipe = "quick"', 'recipe = "defualt"', "defualt"),
        ('"coupling-flow"', '"gan-3d"', "layers that share one grid"),
        ('energy = "200 MeV:300 MeV"', LEFT_OUT, "leave_out takes an end of the labels"),
    ],
)
def test_what_the_last_steps_would_refuse_is_refused_first(config, tmp_path, old, new, said):
    text = config.read_text().replace("seeds = 1", 'seeds = 1\ncompetitors = ["gflash"]')
    assert old in text
    text = text.replace("cells =", "#cells =") if "gan-3d" in new else text
    (tmp_path / "run.toml").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=said):
        runs.load(tmp_path / "run.toml", tmp_path / "run")


def test_the_judge_that_picks_weights_tells_showers_apart(toy, small):
    """Equal samples within five errors of one half, lost hits plainly; the same when asked again."""
    judge = partial(area, 1)
    reference, same = toy(small, 300, seed=1), toy(small, 300, seed=2)
    cut = replace(same, energies=np.where(same.energies > 1, same.energies, 0).astype(np.float32))
    assert judge(reference, same) == pytest.approx(0.5, abs=0.12)
    assert judge(reference, cut) > 0.75
    assert judge(reference, cut) == judge(reference, cut)


@pytest.fixture(scope="module")
def sample(config, small):
    """Showers of the run's incidents in a file: GFlash's."""
    path, incidents = config.parent / "sample.h5", SourceConfig(particle="e-", energy="200 MeV:300 MeV")
    drawn = Source.from_config(incidents, small).draw(50_000, 400, 9)
    with create("gflash", small) as simulator:
        write(path, simulator.simulate(drawn, 9))
    return path


def with_competitor(config, name, folder):
    """The config with a competitor."""
    path = folder / "run.toml"
    path.write_text(config.read_text().replace("seeds = 1", f'seeds = 1\ncompetitors = ["{name}"]'))
    return path


def test_the_whole_life(config, sample, tmp_path, monkeypatch):
    config = with_competitor(config, sample, tmp_path)
    monkeypatch.setattr("caloforge.bench.SECONDS_PER_BATCH", 0.01)
    monkeypatch.setattr("caloforge.bench.GEANT4_SECONDS", 0.2)
    monkeypatch.setitem(RECIPES, "default", RECIPES["quick"])
    result = CliRunner().invoke(app, ["run", str(config), "--out", str(tmp_path / "run")], catch_exceptions=False)
    assert result.exit_code == 0
    run = runs.load(config, tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "report" / "metrics.json").read_text())
    assert metrics["candidates"].keys() == {"tiny", "sample"}
    assert metrics["candidates"]["sample"]["provenance"]["simulator"] == "gflash"
    assert metrics["timings"]["simulators"].keys() == {"tiny"}  # a sample has no time
    assert "auc_log" in metrics["floor"]
    assert "<html" in (tmp_path / "run" / "report" / "report.html").read_text()
    inside = read(tmp_path / "run" / "inside_geant4.h5")
    assert len(inside) == 20
    assert 0.5 < inside.energies.sum(1).mean() / 200 < 1.5
    assert run.manifest.foreign() == []  # it lists all that it has made
    ids = [read(run.paths.showers(name)).incidents.shower_id for name in ("train", "select", "test")]
    assert np.unique(np.concatenate(ids)).size == 800
    _assert_second_call_does_nothing(config, tmp_path / "run")
    _assert_refused(config, tmp_path / "run")


def _assert_second_call_does_nothing(config, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.suffix != ".toml"}
    run = runs.load(config, folder)
    run.console = Console(quiet=True)
    run.open(resume=True, force=False)
    run.execute()
    assert before == {path: path.stat().st_mtime_ns for path in before}


def _assert_refused(config, folder):
    run = runs.load(config, folder)
    with pytest.raises(InputError, match="--resume"):
        run.open(resume=False, force=False)
    validation = run.config.validation.model_copy(update={"seeds": 2})
    for changed, said in (({"seed": 7}, "seed"), ({"validation": validation}, "validation")):
        other = runs.Run(run.config.model_copy(update=changed), folder)
        with pytest.raises(InputError, match=rf"another config \({said}\)"):
            other.open(resume=True, force=False)
    (folder / "report" / "report.html").unlink()
    other.open(resume=True, force=False)


def test_force_replaces_runs_only(config, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"thesis\.tex was made by no run; move it"):
        runs.load(config, tmp_path / "thesis").open(resume=False, force=True)
    assert (tmp_path / "thesis" / "thesis.tex").exists()
    for resume in (True, False):
        with pytest.raises(InputError, match="file is a file; give a folder"):
            runs.load(config, tmp_path / "file").open(resume=resume, force=not resume)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.toml").write_text('name = "mine"')
    for how in ({"resume": False, "force": True}, {"resume": True, "force": False}):
        with pytest.raises(InputError, match=r"mine/config\.toml was made by no run|made from another config"):
            runs.load(config, tmp_path / "mine").open(**how)
    assert (tmp_path / "mine" / "config.toml").read_text() == 'name = "mine"'


def faked(config, folder, done):
    """A run whose steps only write their files and tell their titles."""
    run = runs.load(config, folder)
    run.console = Console(soft_wrap=True, width=1000)

    def working(step):
        def work():
            done.append(step.title)
            for file in step.results:
                file.parent.mkdir(exist_ok=True)
                file.write_text(f"{file.name} whole")

        return replace(step, work=work)

    run.__dict__["steps"] = [working(step) for step in run.steps]
    return run


def test_what_a_killed_run_left_beside_its_results_is_removed(config, tmp_path):
    run = faked(config, tmp_path / "run", [])
    run.open(resume=False, force=False)
    for name in ("report", "training"):
        (run.folder / name).mkdir()
    mark = Process.current().mark.rsplit("-", 1)[0] + "-1"  # this number, but started at another time: dead
    left = [run.folder / name / f".x-01234567.{mark}.01234567.part" for name in ("", "report", "showers", "training")]
    for path in left:
        path.touch()
    run.execute()
    assert not [path for path in left if path.exists()]


def test_force_removes_what_the_run_has_made_and_nothing_else(config, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    run = faked(config, Path(), [])
    run.open(resume=False, force=False)
    run.execute()
    (tmp_path / "run" / "showers" / "test.h5.parts").mkdir()
    (tmp_path / "run" / "showers" / "test.h5.parts" / "order.json").touch()
    assert run.manifest.foreign() == []
    for mine in (
        "notes.txt",
        "report/figure.png",
        "showers/other.h5",
        "showers/test.h5.parts/thesis.tex",
        "training/sub",
    ):
        (tmp_path / "run" / mine).touch()
        before = sorted(Path().rglob("*"))
        with pytest.raises(InputError, match=f"{mine} was made by no run; move it"):
            faked(config, Path(), []).open(resume=False, force=True)
        assert sorted(Path().rglob("*")) == before
        (tmp_path / "run" / mine).unlink()
    faked(config, Path(), []).open(resume=False, force=True)
    assert sorted(path.name for path in Path().rglob("*")) == ["config.toml", "manifest.json", "showers"]


@pytest.mark.parametrize("how", ["emptied", "cut", "missing"])
def test_a_step_is_done_only_if_its_results_are_whole(config, tmp_path, capsys, how):
    done = []
    run = faked(config, tmp_path / "run", done)
    run.open(resume=False, force=False)
    run.execute()
    titles = [step.title for step in run.steps]
    assert done == titles
    for number, step in enumerate(run.steps):
        for file in step.results:
            done.clear()
            file.unlink() if how == "missing" else file.write_bytes(file.read_bytes()[:5] if how == "cut" else b"")
            again = faked(config, tmp_path / "run", done)
            again.open(resume=True, force=False)
            again.execute()
            state = "missing" if how == "missing" else "damaged"
            assert f"{file} is {state}: {step.title} is done again" in capsys.readouterr().out
            assert done == (titles[:1] if number == 0 else titles[number:])
            assert file.read_text() == f"{file.name} whole"
    done.clear()
    again = faked(config, tmp_path / "run", done)
    again.open(resume=True, force=False)
    again.execute()
    assert done == []


def test_two_runs_in_one_folder_are_told_apart(config, tmp_path):
    """Neither while one is at work, nor between its opening and its work, is there a mixture."""
    done = []
    run, refused = faked(config, tmp_path / "run", done), []
    changed = config.read_text().replace('name = "tiny"', 'name = "tiny"\nseed = 2')
    (tmp_path / "other.toml").write_text(changed)

    def rival():
        for how in ({"resume": False, "force": True}, {"resume": True, "force": False}):
            with pytest.raises(InputError) as told:
                runs.load(config, tmp_path / "run").open(**how)
            refused.append(str(told.value))
        run.steps[0] = plain
        plain.work()

    plain = run.steps[0]
    run.steps[0] = replace(plain, work=rival)
    run.open(resume=False, force=False)
    run.execute(last="Geant4 showers")
    assert len(refused) == 2
    assert all("is being written by process" in said for said in refused)
    runs.load(tmp_path / "other.toml", tmp_path / "run").open(resume=False, force=True)
    with pytest.raises(InputError, match="another run has begun in"):
        run.execute()


def test_runs_that_share_showers_wait_for_each_other(config, tmp_path, monkeypatch):
    """While the first makes them, the second waits; then it finds them made."""
    shared = runs.load(config, tmp_path / "first").config.model_dump()
    shared["showers"]["folder"] = str(tmp_path / "showers")
    at_work, made, go = [], [], threading.Event()

    def produce(_, file, **__):
        at_work.append(file)
        assert go.wait(60)
        assert len(at_work) == len(made) + 1
        made.append(file)
        file.touch()

    monkeypatch.setattr(runs.run, "produce", produce)
    monkeypatch.setattr(runs.run.Order, "is_in", lambda *_: True)

    def work(name):
        run = runs.Run(RunConfig.build(shared, "toy"), tmp_path / name)
        run.console = Console(quiet=True)
        run.open(resume=False, force=False)
        run.execute(last="Geant4 showers")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(work, "first")
        while not at_work:
            time.sleep(0.01)
        second = pool.submit(work, "second")
        time.sleep(0.3)
        go.set()
        first.result()
        second.result()
    assert made == [tmp_path / "showers" / f"{name}.h5" for name in ("train", "select", "test")]


def test_runs_share_a_folder_of_showers(config, tmp_path, monkeypatch):
    """Whoever comes second finds the showers made, and compares them with its own order."""
    made, compared = [], []

    def produce(order, file, **_):
        made.append((order.fingerprint, file))
        file.touch()

    def is_in(order, file):
        compared.append((order.fingerprint, file))
        return True

    monkeypatch.setattr(runs.run, "produce", produce)
    monkeypatch.setattr(runs.run.Order, "is_in", is_in)
    shared = runs.load(config, tmp_path / "first").config.model_dump()
    shared["showers"]["folder"] = str(tmp_path / "showers")
    for name in ("first", "second"):
        run = runs.Run(RunConfig.build(shared, "toy"), tmp_path / name)
        run.console = Console(quiet=True)
        run.open(resume=False, force=False)
        run.execute(last="Geant4 showers")
    assert [file for _, file in made] == [tmp_path / "showers" / f"{name}.h5" for name in ("train", "select", "test")]
    assert compared == made


def test_a_shared_folder_of_other_showers_is_named(config, tmp_path, toy, small):
    shared = runs.load(config, tmp_path / "run").config.model_dump()
    shared["showers"]["folder"] = str(tmp_path / "showers")
    run = runs.Run(RunConfig.build(shared, "toy"), tmp_path / "run")
    run.console = Console(quiet=True)
    run.open(resume=False, force=True)
    write(tmp_path / "showers" / "train.h5", toy(small, 300, seed=1))
    with pytest.raises(InputError, match=r"train\.h5 holds other showers .*; name another \[showers\] folder"):
        run.execute(last="Geant4 showers")
    assert len(read(tmp_path / "showers" / "train.h5")) == 300


def test_an_interrupted_training_is_taken_up_and_never_exported(config, tmp_path, toy, small, monkeypatch):
    """Whatever the checkpoint holds, only a training that has ended counts as done."""
    from caloforge.training import check_trained
    from caloforge.training.trainer import Trainer

    learned = tomllib.loads(config.read_text())
    learned["training"] = {"steps": 6, "evaluate_every": 2}
    (tmp_path / "run.toml").write_text(tomli_w.dumps(learned))
    step, training = Trainer._train_step, tmp_path / "run" / "training"

    begun = []

    def noting_step(trainer):
        begun.append(trainer.step)
        return step(trainer)

    def dying_step(trainer):
        if trainer.step == 3:
            raise KeyboardInterrupt
        return step(trainer)

    def run():
        run = runs.load(tmp_path / "run.toml", tmp_path / "run")
        run.console = Console(quiet=True)
        run.open(resume=True, force=False)
        run.execute(last="training")

    monkeypatch.setattr(runs.run.Order, "is_in", lambda *_: True)
    runs.load(tmp_path / "run.toml", tmp_path / "run").open(resume=False, force=False)
    for name, n, first in (("train", 300, 0), ("select", 100, 300), ("test", 400, 400)):
        write(tmp_path / "run" / "showers" / f"{name}.h5", toy(small, n, seed=1, first_id=first))
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", dying_step)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert (training / "best.pt").exists()
    with pytest.raises(InputError, match="finished training"):
        check_trained(tmp_path / "run")
    monkeypatch.setattr(Trainer, "_train_step", noting_step)
    run()
    assert begun == [2, 3, 4, 5]
    assert [json.loads(line)["step"] for line in (training / "losses.jsonl").read_text().splitlines()] == [2, 4, 6]
    assert check_trained(tmp_path / "run") == training
    assert not (training / "best.pt").exists()


def test_a_missing_teacher_is_told_before_anything_is_done(config, tmp_path):
    student = runs.load(config, tmp_path / "run").config.model_dump()
    student |= {"model": {"kind": "caloflow-student"}, "teacher": str(tmp_path / "nowhere")}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kept").touch()
    run = runs.Run(RunConfig.build(student, "toy"), tmp_path / "run")
    with pytest.raises(InputError, match="nowhere is not a run directory"):
        run.open(resume=False, force=True)
    assert (tmp_path / "run" / "kept").exists()


@pytest.mark.parametrize(("train", "seed", "said"), [
    (300, 1, "cannot read .*training"), (299, 2, "cannot read .*training"), (299, 1, "from the first 400 showers"),
])  # fmt: skip
def test_a_student_is_not_tested_on_what_its_teacher_learned(config, tmp_path, train, seed, said):
    """Where it is not, only the teacher's weights, which are empty here, are in the way."""
    teacher = runs.load(config, tmp_path / "teacher")
    teacher.open(resume=False, force=False)
    (teacher.folder / "training").mkdir()
    (teacher.folder / "training" / "model.pt").touch()
    student = teacher.config.model_dump()
    student |= {"model": {"kind": "caloflow-student"}, "teacher": str(teacher.folder), "seed": seed}
    student["showers"]["train"] = train
    run = runs.Run(RunConfig.build(student, "toy"), tmp_path / "run")
    with pytest.raises(InputError, match=said):
        run.open(resume=False, force=False)
    assert not run.folder.exists()


def test_what_cannot_be_judged_is_refused_first(config, sample, tmp_path, toy, small):
    """A sample of too few showers or of other energies, a library of other showers."""
    write(tmp_path / "few.h5", toy(small, 10, seed=1))
    write(tmp_path / "other.h5", toy(small, 300, seed=1))
    for name, said in (
        (tmp_path / "few.h5", "has 10 showers; at least 200"),
        (tmp_path / "other.h5", "holds showers of e\\+, the reference of e-"),
        (f"replay={sample}", "has no shower 400"),
        (f"frozen={tmp_path / 'other.h5'}", "holds showers of e\\+, not of e-"),
    ):
        with pytest.raises(InputError, match=said):
            runs.load(with_competitor(config, name, tmp_path), tmp_path / "run")


class Gflash(runs.RunDirectory):
    """Paths of a run whose model is GFlash."""

    model = "gflash"


def test_simulators_are_closed_whatever_happens(config, tmp_path, monkeypatch):
    """The second cannot be made, so the first is closed."""
    closed = []
    monkeypatch.setattr("caloforge.simulators.gflash.GFlash.close", lambda simulator: closed.append(simulator.name))
    run = runs.load(with_competitor(config, "gflash", tmp_path), tmp_path / "run")
    run.paths = Gflash(run.folder, "tiny")
    monkeypatch.setattr(run, "_competitors", lambda: {"broken": str(tmp_path / "absent.onnx")})
    closed.clear()
    with pytest.raises(InputError, match="absent"):
        run.bench()
    assert closed == ["gflash"]


def test_export_needs_a_finished_training(tmp_path):
    code = "from caloforge.cli import main; main()"
    words = ["export", str(tmp_path), "-o", str(tmp_path / "m.onnx")]
    result = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=os.environ)
    assert result.returncode == 2
    assert "finished training" in result.stderr
