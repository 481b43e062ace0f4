import pytest
from typer.testing import CliRunner

from caloforge.cli import app


@pytest.mark.parametrize(("particle", "physics"), [("pi+", "FTFP_BERT"), ("gamma", "em")])
def test_the_printed_line_names_the_physics_of_the_particle(particle, physics, tmp_path, monkeypatch):
    monkeypatch.setattr("caloforge.cli.produce.run_order", lambda *_, **__: False)
    words = ["--detector", "calogan-ecal", "--particle", particle, "--energy", "10 GeV", "-n", "1", "--seed", "1"]
    result = CliRunner().invoke(app, ["produce", *words, "-o", str(tmp_path / "showers.h5")])
    assert result.output.startswith(f"Geant4 physics {physics} ")
    assert ("are approximate" in result.output) == (particle == "pi+")
