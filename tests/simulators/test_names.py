"""Names of simulators in tables."""

from pathlib import Path

import pytest

from caloforge.errors import InputError
from caloforge.showers import read, write
from caloforge.simulators import create, file_of, labelled


def test_simulators_are_called_by_their_file_or_kind():
    names = ["gflash", "models/flow.onnx", "frozen=runs/train.h5", "replay=other/test.h5", "more/showers.h5"]
    assert list(labelled(names).items()) == list(
        zip(["gflash", "flow", "frozen", "test", "showers"], names, strict=True)
    )


@pytest.mark.parametrize("name", ["lr=0.001/model.h5", "frozen=0/model.h5"])
def test_an_equals_sign_may_be_part_of_a_path(name, toy, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir()
    write(tmp_path / name, toy(small, 3, seed=1))
    path = f"./{name}" if name.startswith("frozen") else name
    assert create(path, small).name == "model"
    assert file_of(path) == Path(path)
    assert file_of(f"replay={path}") == Path(path)
    assert labelled([path]) == {"model": path}


def test_two_of_one_name_are_refused():
    with pytest.raises(InputError, match=r"a/flow.onnx and b/flow.onnx would both be called 'flow'; rename a file"):
        labelled(["a/flow.onnx", "b/flow.onnx"])


def test_files_and_presets_may_be_named_by_text_or_path(toy, small, tmp_path):
    stored = toy(small, 3, seed=1)
    write(tmp_path / "model.h5", stored)
    (tmp_path / "small.toml").write_text(small.toml)
    for detector in (None, small, str(tmp_path / "small.toml"), tmp_path / "small.toml"):
        with create(tmp_path / "model.h5", detector) as replay:
            assert replay.simulate(stored.incidents, 1) == stored
    assert create("gflash", "calogan-ecal").detector.name == "calogan-ecal"
    assert read(str(tmp_path / "model.h5")) == stored
    with pytest.raises(InputError, match=r"'gflash' needs a detector, for example create\('gflash', 'calogan-ecal'\)"):
        create("gflash")
