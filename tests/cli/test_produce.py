import pytest
from typer.testing import CliRunner

from caloforge.cli import app


@pytest.mark.parametrize("particle", ["pi+", "gamma"])
def test_the_printed_line_names_the_physics(particle, tmp_path, monkeypatch):
    monkeypatch.setattr("caloforge.cli.produce.run_order", lambda *_, **__: False)
    words = ["--detector", "calogan-ecal", "--particle", particle, "--energy", "10 GeV", "-n", "1", "--seed", "1"]
    result = CliRunner().invoke(app, ["produce", *words, "-o", str(tmp_path / "showers.h5")])
    assert result.output.startswith("Geant4 physics FTFP_BERT ")
    assert "are approximate" in result.output
