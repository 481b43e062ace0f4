import numpy as np
import pytest
from typer.testing import CliRunner

from caloforge.cli import app
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, read, write


@pytest.mark.parametrize("particle", ["pi+", "gamma"])
def test_the_printed_line_names_the_physics(particle, tmp_path, monkeypatch):
    monkeypatch.setattr("caloforge.cli.produce.run_order", lambda *_, **__: False)
    words = ["--detector", "calogan-ecal", "--particle", particle, "--energy", "10 GeV", "-n", "1", "--seed", "1"]
    result = CliRunner().invoke(app, ["produce", *words, "-o", str(tmp_path / "showers.h5")])
    assert result.output.startswith("Geant4 physics FTFP_BERT ")
    assert "are approximate" in result.output


def test_physics_options_reach_the_order(tmp_path, monkeypatch):
    orders = []
    monkeypatch.setattr("caloforge.cli.produce.run_order", lambda order, *_, **__: orders.append(order))
    words = ["--detector", "calogan-ecal", "--particle", "e-", "--energy", "10 GeV", "-n", "1", "--seed", "1"]
    for options in ([], ["--physics", "em"], ["--cut", "1 mm"]):
        result = CliRunner().invoke(app, ["produce", *words, *options, "-o", str(tmp_path / "showers.h5")])
        assert result.exit_code == 0, result.exception
    found = [(order.fingerprint["physics"]["list"], order.fingerprint["physics"]["cut"]) for order in orders]
    assert found == [("FTFP_BERT", "0.7 mm"), ("em", "0.7 mm"), ("FTFP_BERT", "1.0 mm")]
    assert [order.make().physics.cut for order in orders] == [0.7, 0.7, 1.0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--physics", "FTFP"], "unknown physics list 'FTFP'; did you mean 'FTFP_BERT'"),
        (["--cut", "0.7"], "length '0.7' has no unit"),
        (["--simulator", "gflash", "--physics", "em"], "cuts are for geant4 only; 'gflash' has none"),
    ],
)
def test_refused_physics(options, said, tmp_path):
    words = ["--detector", "calogan-ecal", "--particle", "e-", "--energy", "10 GeV", "-n", "1", "--seed", "1"]
    result = CliRunner().invoke(app, ["produce", *words, *options, "-o", str(tmp_path / "showers.h5")])
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_resume_with_another_list_is_refused(small, tmp_path):
    (tmp_path / "small.toml").write_text(small.toml)
    words = ["produce", "--detector", str(tmp_path / "small.toml"), "--particle", "e-", "--energy", "50 MeV", "-n", "2",
             "--seed", "1", "-q", "-o", str(tmp_path / "showers.h5"), "--resume"]  # fmt: skip
    assert CliRunner().invoke(app, words).exit_code == 0
    assert read(tmp_path / "showers.h5").provenance["physics"][0]["list"] == "FTFP_BERT"
    result = CliRunner().invoke(app, [*words, "--physics", "em"])
    assert "holds other showers than asked for" in str(result.exception)


def test_validate_refuses_showers_of_another_list(small, tmp_path):
    energies = np.ones((3, small.n_cells), np.float32)
    for name, physics in (("a", "FTFP_BERT"), ("b", "em")):
        provenance = {"simulator": "geant4", "physics": [{"list": physics, "cut_mm": 0.7}]}
        write(tmp_path / f"{name}.h5", Showers(small, Incidents.make("e-", np.full(3, 100.0)), energies, provenance))
    words = ["validate", str(tmp_path / "a.h5"), str(tmp_path / "b.h5"), "-o", str(tmp_path / "report")]
    result = CliRunner().invoke(app, words)
    assert "b is of other physics than the reference: list em, not FTFP_BERT" in str(result.exception)
    result = CliRunner().invoke(app, [*words, "--other-physics"])
    assert "200" in str(result.exception), "too few showers is what is left to refuse"
