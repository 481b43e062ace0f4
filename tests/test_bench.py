import json
from importlib.util import find_spec

import pytest

from caloforge.bench import bench, write_report
from caloforge.simulators import create

pytestmark = pytest.mark.skipif(not find_spec("geant4_pybind"), reason="needs the extra geant4")


def test_every_simulator_and_geant4_in_one_report(small, tmp_path, monkeypatch):
    monkeypatch.setattr("caloforge.bench.BATCHES", (1, 10))
    monkeypatch.setattr("caloforge.bench.SECONDS_PER_BATCH", 0.01)
    monkeypatch.setattr("caloforge.bench.GEANT4_SECONDS", 0.2)
    said = []
    report = bench(small, {"gflash": create("gflash", small)}, "e-", [500.0, 1000.0], said.append)
    assert report["threads"] == 1
    assert set(report["geant4_ms"]) == {"500 MeV", "1 GeV"}
    assert report["geant4_ms"]["1 GeV"] > report["geant4_ms"]["500 MeV"] > 0
    assert set(report["simulators"]["gflash"]) == {"1", "10"}
    assert all(row["ms"] > 0 and row["calls"] >= 3 for row in report["simulators"]["gflash"].values())
    write_report(report, tmp_path / "bench.json")
    assert json.loads((tmp_path / "bench.json").read_text()) == report
    assert said
