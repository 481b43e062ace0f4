import pytest
from typer.testing import CliRunner

from caloforge.cli import app
from caloforge.cli.judge import _particle
from caloforge.errors import InputError
from caloforge.simulators import create


def test_what_is_timed_is_the_first_model_s_particle(toy_onnx, small):
    gflash, model = create("gflash", small), create(str(toy_onnx), small)
    assert _particle({"gflash": gflash}) == "e-"
    assert _particle({"gflash": gflash, "toy": model}) == "e+"


def test_bench_takes_incidents_as_produce_does(small, tmp_path):
    (tmp_path / "small.toml").write_text(small.toml)
    words = ["--detector", str(tmp_path / "small.toml"), "--simulator", "gflash", "-o", str(tmp_path / "bench.json")]
    result = CliRunner().invoke(app, ["bench", *words, "--theta", "2 rad"])
    assert "theta must be below pi/2" in str(result.exception)
    assert not (tmp_path / "bench.json").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "-1"], "seed -1"),
        (["--seeds", "0"], "seeds must be 1 or more"),
        (["--recipe", "defualt"], "defualt"),
        (["--timings", "nowhere.json"], "cannot read nowhere.json"),
        (["--timings", __file__], "is not what `caloforge bench` writes"),
    ],
)
def test_validate_looks_at_its_options_before_it_simulates(options, said, tmp_path):
    words = ["validate", "nowhere.h5", "geant4", "-o", str(tmp_path / "report"), *options]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)
