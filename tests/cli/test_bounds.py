"""Numbers and names beyond all bounds are refused before any work, and inputs are never outputs."""

from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from caloforge.cli import app
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.limits import cores

PRODUCE = {"--detector": "calogan-ecal", "--particle": "e+", "--energy": "1 GeV", "-n": "1", "--seed": "1",
           "--simulator": "gflash", "-o": "out.h5"}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(options, *more, verb="produce"):
    words = [word for option in options.items() for word in option]
    return CliRunner().invoke(app, [verb, *words, *more])


def refused(options, *more, verb="produce"):
    result = call(options, *more, verb=verb)
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"--energy": "1e305 MeV"}, "is outside 0.001 eV .. 1000 TeV"),
        ({"--energy": "1e-12 MeV"}, "is outside 0.001 eV .. 1000 TeV"),
        ({"--phi": "1e308 rad"}, "beyond two turns"),
        ({"--phi": "-20 rad:20 rad"}, "beyond two turns"),
        ({"-n": "1000000000"}, "one file can hold 10000000 showers of 504 cells; make several"),
        ({"--detector": "par04-siw", "-n": "9999999"}, "one file can hold 1320715 showers"),
        ({"--workers": "100000"}, f"at most {4 * cores()} make sense"),
        ({"--workers": "5000", "-n": "100000"}, f"at most {4 * cores()} make sense"),
        ({"--first-id": "9" * 30}, "first-id"),
        ({"-o": "out.root"}, "this command writes .h5 files; name it out.h5"),
        ({"-o": "x" * 250 + ".h5"}, "has 253 bytes; at most 249"),
        ({"-o": "d/" * 2000 + "out.h5"}, "bytes; at most 3840"),
        ({"-o": "/dev/null.h5/x.h5"}, "does not exist"),
    ],
)
def test_produce(here, options, said):
    assert said in refused(PRODUCE | options)
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("labels", "per_label", "said"),
    [
        ("1 GeV:2 GeV:1e-300 GeV", "1", "outside 0.001 eV"),
        ("1 GeV:2 GeV:1 eV", "1", "are 1e+09 energies; at most 100000"),
        ("1 GeV:1e300 GeV:0.1 GeV", "1", "at most 100000"),
        ("1 GeV:2 GeV:1 GeV", "9223372036854775808", "per_label"),
    ],
)
def test_labels(here, labels, per_label, said):
    options = {key: value for key, value in PRODUCE.items() if key != "--energy"}
    assert said in refused(options | {"--labels": labels, "--per-label": per_label})
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("row", "said"), [("e-,1e300,0,0,0,0", "1000 TeV"), ("e-,1,0,1e9,0,0", "two turns"), ("e-,1,1e9,0,0,0", "theta")]
)
def test_tables_of_incidents(here, row, said):
    (here / "beam.csv").write_text(f"particle,energy_MeV,theta_rad,phi_rad,x_mm,y_mm\n{row}\n")
    options = {key: value for key, value in PRODUCE.items() if key not in ("--energy", "--particle")}
    assert said in refused(options | {"--incidents": "beam.csv"})
    assert [path.name for path in here.iterdir()] == ["beam.csv"]


@pytest.mark.parametrize("more", [("--force",), ("--resume",), ()])
@pytest.mark.parametrize("role", ["--incidents", "--simulator", "--detector"])
def test_an_input_is_never_the_output(here, role, more):
    options = PRODUCE | {"-o": "./in.h5"}
    if role == "--detector":
        (here / "in.h5").write_text(Detector.load("calogan-ecal").toml)
        options |= {role: "in.toml"}
        (here / "in.h5").rename(here / "in.toml")
        (here / "in.h5").hardlink_to(here / "in.toml")
    else:
        assert call(PRODUCE | {"-o": "in.h5", "-n": "2"}).exit_code == 0
        options |= {role: "in.h5"}
    if role == "--incidents":
        options = {key: value for key, value in options.items() if key not in ("--energy", "--particle", "-n")}
    before = (here / "in.h5").read_bytes()
    assert "output in.h5 is an input of this command" in refused(options, *more)
    assert (here / "in.h5").read_bytes() == before
    assert {path.name for path in here.iterdir()} - {"in.toml"} == {"in.h5"}


def test_other_verbs_spare_their_inputs(here):
    for name in ("in.onnx", "spec.toml", "bench.h5"):
        (here / name).write_text("precious")
    (here / "link.onnx").hardlink_to(here / "spec.toml")
    for words in (
        ["import", "in.onnx", "--spec", "spec.toml", "-o", "in.onnx", "--force"],
        ["import", "in.onnx", "--spec", "spec.toml", "-o", "link.onnx", "--force"],
        ["bench", "--detector", "calogan-ecal", "--simulator", "bench.h5", "-o", "bench.h5", "--force"],
    ):
        result = CliRunner().invoke(app, words)
        assert isinstance(result.exception, InputError), result.output
        assert "is an input of this command" in str(result.exception)
    assert (here / "in.onnx").read_text() == (here / "spec.toml").read_text() == "precious"


@pytest.mark.skipif(not find_spec("geant4_pybind"), reason="needs the extra geant4")
def test_particles_that_leave_nothing_are_told(here):
    result = call(PRODUCE | {"--particle": "12", "--simulator": "geant4"})
    assert result.exit_code == 0, result.output
    assert "warning: no cell of any shower holds energy" in result.output
    assert "out.h5" in {path.name for path in here.iterdir()}
