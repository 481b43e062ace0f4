"""Bad input: exit code 2, one to three lines on what is wrong, nothing written, no traceback."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from caloforge.cli import app

PRODUCE = ["produce", "--detector", "calogan-ecal", "--particle", "e+", "--energy", "1 GeV", "-n", "1", "--seed", "1",
           "--simulator", "gflash", "-o", "out.h5"]  # fmt: skip


def caloforge(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    code = "from caloforge.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def changed(**options: str) -> list[str]:
    words = list(PRODUCE)
    for name, value in options.items():
        flag = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        if flag in words:
            words[words.index(flag) + 1] = value
        else:
            words += [flag, value]
    return words


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"detector": "calogan-eca"}, "did you mean 'calogan-ecal'?"),
        ({"detector": "nowhere.toml"}, "cannot read nowhere.toml"),
        ({"energy": "-1 GeV"}, "positive"),
        ({"energy": "0 GeV"}, "positive"),
        ({"energy": "nan GeV"}, "not finite"),
        ({"energy": "10 mm"}, "unit 'mm'"),
        ({"energy": "10 GeV:5 GeV"}, "empty"),
        ({"n": "0"}, "at least 1"),
        ({"n": "-3"}, "at least 1"),
        ({"particle": "electorn"}, "unknown particle 'electorn'"),
        ({"seed": "-1"}, "seed"),
        ({"workers": "0"}, "at least 1 worker"),
        ({"simulator": "gaent4"}, "did you mean 'geant4'?"),
        ({"simulator": "nowhere.onnx"}, "nowhere.onnx"),
        ({"simulator": "nowhere.h5"}, "no such file: nowhere.h5"),
        ({"o": "nowhere/out.h5"}, "does not exist"),
        ({"spectrum": "flat"}, "uniform"),
    ],
)
def test_produce(tmp_path, options, said):
    result = caloforge(tmp_path, *changed(**options))
    assert result.returncode == 2, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_files_that_are_not_showers(tmp_path):
    whole = tmp_path / "good.h5"
    assert caloforge(tmp_path, *changed(o="good.h5", n="3")).returncode == 0
    (tmp_path / "cut.h5").write_bytes(whole.read_bytes()[:-900])
    (tmp_path / "text.h5").write_text("not HDF5")
    (tmp_path / "model.onnx").write_bytes(os.urandom(500))
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["images"] = np.zeros((3, 4))
    with h5py.File(whole) as source, h5py.File(tmp_path / "nan.h5", "w") as file:
        for name in source:
            source.copy(name, file)
        file.attrs.update(source.attrs)
        file["showers"][0, 0] = np.nan
    for name, said in (
        ("cut.h5", "not a readable HDF5"),
        ("text.h5", "not a readable HDF5"),
        ("foreign.h5", "no numeric data set"),
        ("nan.h5", "not finite"),
        ("model.onnx", "model.onnx"),
    ):
        result = caloforge(tmp_path, *changed(simulator=name))
        assert result.returncode == 2, (name, result.stderr)
        assert said in result.stderr
        assert len(result.stderr.strip().splitlines()) <= 3
        assert not (tmp_path / "out.h5").exists()


def test_file_of_another_detector(tmp_path):
    assert caloforge(tmp_path, *changed(o="good.h5")).returncode == 0
    result = caloforge(tmp_path, *changed(detector="clic-ecal", simulator="good.h5"))
    assert result.returncode == 2
    assert "'calogan-ecal' (504 cells), which differs from 'clic-ecal'" in result.stderr


def test_existing_output(tmp_path):
    (tmp_path / "out.h5").write_text("precious")
    result = caloforge(tmp_path, *PRODUCE)
    assert result.returncode == 2
    assert "--force" in result.stderr
    assert (tmp_path / "out.h5").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: a read-only folder cannot be made")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    result = caloforge(tmp_path, *PRODUCE)
    tmp_path.chmod(0o700)
    assert result.returncode == 2
    assert "cannot write into folder" in result.stderr


@pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="geant4_pybind is not installed")
def test_showers_inside_need_a_mesh_that_follows(tmp_path):
    words = [word for word in changed(threshold="2 GeV") if word != "produce"]
    result = caloforge(tmp_path, "simulate", *words, "--inside")
    assert result.returncode == 2
    assert "showers that start inside need frame 'shower'" in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_unknown_config_key(tmp_path):
    config = (Path(__file__).parents[2] / "configs" / "quickstart.toml").read_text()
    (tmp_path / "run.toml").write_text(config.replace("[incidents]\n", '[incidents]\nspectrm = "log"\n'))
    result = caloforge(tmp_path, "run", "run.toml")
    assert result.returncode == 2
    assert "unknown key 'incidents.spectrm'; did you mean 'spectrum'?" in result.stderr
    assert not (tmp_path / "runs").exists()


VERBS = sorted(str(command.name) for command in app.registered_commands)


def test_every_verb_is_known():
    """Those that the documentation names, `import` among them."""
    assert {"run", "produce", "train", "export", "import", "upgrade", "validate", "simulate", "bench", "detectors",
            "models", "physics"} <= set(VERBS)  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb):
    result = CliRunner().invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_a_missing_extra_is_named(tmp_path):
    code = "import sys; sys.modules['torch'] = None; from caloforge.cli import main; main()"
    words = [sys.executable, "-c", code, "export", "run", "-o", "model.onnx"]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.splitlines() == ["error: torch is not installed; install caloforge[train]"]


@pytest.mark.parametrize(
    ("absent", "verb", "said"),
    [
        (["matplotlib"], ["validate", "a.h5", "gflash", "-o", "out"],
         "matplotlib is not installed; install caloforge[report]"),
        (["lightgbm"], ["validate", "a.h5", "gflash", "-o", "out"],
         "lightgbm is not installed; install caloforge[report]"),
        (["sklearn", "torch"], ["validate", "a.h5", "gflash", "-o", "out"],
         "torch, sklearn are not installed; install caloforge[train,report]"),
        (["onnx"], ["train", "run.toml"], "onnx is not installed; install caloforge[train]"),
        (["geant4_pybind"], ["run", "quickstart"], "geant4_pybind is not installed; install caloforge[geant4]"),
        (["geant4_pybind"], [word for word in PRODUCE if word not in ("--simulator", "gflash")],
         "geant4_pybind is not installed; install caloforge[geant4]"),
    ],
)  # fmt: skip
def test_missing_extras_are_told_before_any_work(tmp_path, absent, verb, said):
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); from caloforge.cli import main; main()"
    words = [sys.executable, "-c", code, *verb]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [f"error: {said}"]
    assert not result.stdout
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_that_what_is_finished_is_kept(tmp_path):
    code = """
from caloforge import cli
def stop(*_, **__):
    raise KeyboardInterrupt
cli.produce.run_order = stop
cli.main()
"""
    words = [sys.executable, "-c", code, *PRODUCE]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("stopped; finished parts are kept")


def test_threads_do_not_spin_and_their_number_is_checked(tmp_path):
    code = """
import os
from caloforge import cli
try:
    cli.main()
finally:
    print(os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"])
"""
    environment = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    words = [sys.executable, "-c", code, "train", "run.toml", "--threads", "0"]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stdout.strip()) == (2, "PASSIVE 1000")
    assert "--threads 0: at least 1 thread" in result.stderr
