"""The response is one quantity: in Python, on the command line and in reports."""

import re

import numpy as np
import pytest

import caloforge as cf
from caloforge.cli import app
from caloforge.showers import foreign
from caloforge.showers.overview import Overview
from caloforge.units import counted
from caloforge.validation import observables

FAINT = """
name = "faint"
readout = {threshold = "20 MeV", sampling_fraction = 0.9}
[[layer]]
plates = [{material = "G4_PbWO4", thickness = "200 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [9, 9], size = ["10 mm", "10 mm"]}
"""


@pytest.fixture
def file(tmp_path):
    detector = cf.Detector.from_toml(FAINT)
    return cf.write(tmp_path / "faint.h5", cf.produce("gflash", detector, "e-", "5 GeV", n=12, seed=1))


def test_python_and_reports_leave_out_cells_below_the_threshold(file):
    showers = cf.read(file)
    cells, energy = showers.thresholded(), showers.incidents.energy
    raw = showers.energies.sum(1) / (0.9 * energy)
    assert (raw - showers.response > 0.01).all()
    assert np.allclose(showers.response, cells.sum(1, dtype=float) / (0.9 * energy))
    assert np.allclose(showers.response, observables.response(showers.detector, cells, energy))
    with foreign.opened(file) as (_, table):
        assert Overview.of(table).response == pytest.approx((showers.response.mean(), showers.response.std()))


def test_the_command_line_prints_the_same(file, capsys, tmp_path):
    (tmp_path / "faint.toml").write_text(FAINT)
    app(["info", str(file)], standalone_mode=False)
    said = capsys.readouterr().out
    words = ["produce", "--detector", str(tmp_path / "faint.toml"), "--simulator", "gflash", "--particle", "e-"]
    again = tmp_path / "again.h5"
    app([*words, "--energy", "5 GeV", "-n", "12", "--seed", "1", "-o", str(again), "--workers", "1"],
        standalone_mode=False)  # fmt: skip
    said += capsys.readouterr().out
    found = re.findall(r"response (\d\.\d{4})", said)
    assert found == [f"{cf.read(file).response.mean():.4f}"] * 2


def test_one_is_no_plural():
    assert [counted(n, "event") for n in (0, 1, 2)] == ["0 events", "1 event", "2 events"]
    block = FAINT.replace("n = [9, 9]", "n = [1, 1]")
    assert repr(cf.Detector.from_toml(block)) == "Detector('faint', 1 layer, 1 cell)"
