import json

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from caloforge.cli import app
from caloforge.cli.judge import _particle
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, write
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


def test_background_of_the_same_particle_is_refused_before_anything_is_judged(small, toy, tmp_path):
    for name, seed in (("reference", 1), ("candidate", 2), ("background", 3)):
        write(tmp_path / f"{name}.h5", toy(small, 400, seed=seed))
    files = [str(tmp_path / f"{name}.h5") for name in ("reference", "candidate", "background")]
    words = ["validate", *files[:2], "--background", files[2], "-o", str(tmp_path / "report")]
    result = CliRunner().invoke(app, words)
    assert str(result.exception) == "'background' holds e+, as the reference does; give another particle"
    assert not (tmp_path / "report").exists()


def test_validate_takes_no_calochallenge_file_for_raw_energies(tmp_path):
    """Cells over a sampling fraction of 0.033 hold thirty times what is visible; `--format` reads them."""
    detector = Detector.load("par04-siw")
    with h5py.File(tmp_path / "cc.h5", "w") as file:
        file["showers"] = np.full((3, detector.n_cells), 1e5 / detector.n_cells)
        file["incident_energies"] = np.full((3, 1), 1e5)
    words = ["validate", str(tmp_path / "cc.h5"), "gflash", "--detector", "par04-siw", "-o", str(tmp_path / "report")]
    result = CliRunner().invoke(app, words)
    assert "30.3 times the energy that came in" in str(result.exception)
    assert "--format calochallenge" in str(result.exception)
    result = CliRunner().invoke(app, [*words, "--format", "calochallenge"])
    assert "times the energy" not in str(result.exception)  # it goes on to what three showers are too few for
    assert not (tmp_path / "report").exists()


def test_identification_is_judged_with_a_background(small, toy, tmp_path):
    """Signal and background have the same cells here, so the network accepts what it would reject."""
    for name, seed in (("reference", 1), ("candidate", 2), ("floor", 3)):
        write(tmp_path / f"{name}.h5", toy(small, 300, seed=seed))
    alike = toy(small, 300, seed=4)
    pions = Incidents.make("pi+", alike.incidents.energy, shower_id=alike.incidents.shower_id)
    write(tmp_path / "background.h5", Showers(small, pions, alike.energies, alike.provenance))
    files = {name: str(tmp_path / f"{name}.h5") for name in ("reference", "candidate", "floor", "background")}
    words = ["validate", files["reference"], files["candidate"], "--floor", files["floor"], "--background"]
    options = [files["background"], "--recipe", "quick", "--seeds", "1", "-q", "-o", str(tmp_path / "report")]
    CliRunner().invoke(app, [*words, *options], catch_exceptions=False)
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    for found in (metrics["reference"], metrics["candidates"]["candidate"]):
        loose, tight = found["identification"]
        assert (loose["rejection"], tight["rejection"]) == (0.9, 0.99)
        assert loose["efficiency"] < 0.3
