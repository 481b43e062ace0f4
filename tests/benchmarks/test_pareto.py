"""The program that draws fidelity against time, on few showers of GFlash in place of Geant4's."""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.showers import Incidents, write
from caloforge.simulators import create


@pytest.fixture
def pareto(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    module = import_module("pareto")
    monkeypatch.setattr(module.timing, "absent", lambda *_: "not in this test")
    return module


def test_simulators_are_judged_and_timed(pareto, monkeypatch, tmp_path, capsys):
    """GFlash cannot be told from GFlash."""
    detector = Detector.load("calogan-ecal")
    with create("gflash", detector) as gflash:
        for name, energy, seed in (("true", 5e3, 1), ("library", 5e3, 2)):
            ids = np.arange(400) + 1000 * seed
            showers = gflash.simulate(Incidents.make("e+", np.full(400, energy), shower_id=ids), seed)
            write(tmp_path / f"{name}.h5", showers)
    out = tmp_path / "out"
    words = ["pareto", tmp_path / "true.h5", "gflash", f"frozen={tmp_path / 'library.h5'}", "-o", out]
    monkeypatch.setattr(sys, "argv", [*map(str, words), "--recipe", "quick", "--energy", "5 GeV"])
    pareto.main()
    points = json.loads((out / "pareto.json").read_text())["points"]
    assert list(points) == ["Geant4", "gflash", "frozen"]
    for name in ("Geant4", "gflash"):
        assert abs(points[name]["auc"] - 0.5) < 5 * points[name]["error"], points
    assert set(points["gflash"]["ms"]) == {"1", "100"}
    assert points["Geant4"]["ms"] == {}
    assert "| gflash | 0." in capsys.readouterr().out
    assert "CaloINN" in (out / "pareto.svg").read_text()
