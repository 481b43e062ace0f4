from typer.testing import CliRunner

from caloforge.cli import app
from caloforge.cli.judge import _particle
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
