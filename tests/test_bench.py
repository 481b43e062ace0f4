import json
import sys
from importlib.util import find_spec

import pytest

from caloforge import bench as bench_module
from caloforge.bench import bench, read_report, write_report
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.production import Source, SourceConfig
from caloforge.simulators import create

GEANT4 = pytest.mark.skipif(not find_spec("geant4_pybind"), reason="needs the extra geant4")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "null",
        '{"simulators": {"a": {"batch": {"ms": 1}}}, "geant4_ms": {}}',
        '{"simulators": {"a": {"1": {"ms": "fast"}}}, "geant4_ms": {}}',
        '{"simulators": {"a": {"1": {"ms": NaN}}}, "geant4_ms": {}}',
        '{"simulators": {"a": [1]}, "geant4_ms": {}}',
        '{"simulators": {}, "geant4_ms": {"1 GeV": "x"}}',
        '{"simulators": {}, "geant4_ms": {}, "cpu": {"a": 1}}',
    ],
)
def test_other_json_is_refused_before_the_judges_work(text, tmp_path):
    (tmp_path / "bench.json").write_text(text)
    with pytest.raises(InputError, match="is not what `caloforge bench` writes"):
        read_report(tmp_path / "bench.json")


@GEANT4
def test_every_simulator_and_geant4_in_one_report(small, tmp_path, monkeypatch):
    monkeypatch.setattr("caloforge.bench.BATCHES", (1, 10))
    monkeypatch.setattr("caloforge.bench.SECONDS_PER_BATCH", 0.01)
    monkeypatch.setattr("caloforge.bench.GEANT4_SECONDS", 0.2)
    said = []
    report = bench(
        small, {"gflash": create("gflash", small)}, SourceConfig(particle="e-"), ["500 MeV", "1 GeV"], said.append
    )
    assert report["threads"] == 1
    assert set(report["geant4_ms"]) == {"500 MeV", "1 GeV"}
    assert min(report["geant4_ms"].values()) > 0
    assert set(report["simulators"]["gflash"]) == {"1", "10"}
    assert all(row["ms"] > 0 and row["calls"] >= 3 for row in report["simulators"]["gflash"].values())
    write_report(report, tmp_path / "bench.json")
    assert json.loads((tmp_path / "bench.json").read_text()) == report
    assert said


class Clocked:
    """A simulator that moves a clock: 0.5 s per call, 20 ms per shower and GeV."""

    def __init__(self, inner):
        self.inner, self.name, self.now = inner, "clocked", 0.0

    def simulate(self, incidents, seed):
        self.now += 0.5 + 0.02 * incidents.energy.sum() / 1000
        return self.inner.simulate(incidents, seed)


def test_times_are_those_of_the_clock(small, monkeypatch):
    """Of a batch all calls but the first, start-up included; of Geant4 chunks of showers, per shower."""
    clocked = Clocked(create("gflash", small))
    monkeypatch.setattr("caloforge.bench.time.perf_counter", lambda: clocked.now)
    source = Source.from_config(SourceConfig(particle="e-", energy="2 GeV"), small)
    times = bench_module._time_batches(clocked, source, (1, 10), [].append)
    assert times["1"]["ms"] == pytest.approx(540)
    assert times["10"]["ms"] == pytest.approx(50 + 40)
    assert times["10"]["std"] == pytest.approx(0, abs=1e-6)
    full = bench_module._time_geant4(clocked, source, "2 GeV", [].append)
    showers = int(bench_module.GEANT4_SECONDS / ((0.5 + 2 * 0.04) / 2))
    assert full["showers"] == showers
    assert full["ms"] == pytest.approx(40 + 1e3 * 0.5 * 5 / showers, rel=0.02)


def test_learned_simulators_are_timed_where_geant4_is_not_installed(small, toy_onnx, monkeypatch):
    monkeypatch.setattr("caloforge.bench.SECONDS_PER_BATCH", 0.01)
    monkeypatch.setitem(sys.modules, "geant4_pybind", None)
    said = []
    with create(toy_onnx, small) as learned:
        report = bench(small, {"toy": learned}, SourceConfig(particle="e+"), ["5 GeV"], said.append, batches=(1, 10))
    assert report["geant4_ms"] == {}
    assert report["simulators"]["toy"]["10"]["ms"] > 0
    assert any("Geant4 is not timed: geant4_pybind" in line for line in said)


@GEANT4
def test_incidents_are_those_asked_for_else_those_of_the_detector(monkeypatch):
    """A model of a tilted detector has learned nothing of perpendicular particles in its middle."""
    monkeypatch.setattr("caloforge.bench.GEANT4_SECONDS", 0.01)
    detector = Detector.load("atlas-barrel")
    seen = Seen(create("gflash", detector))
    bench(
        detector, {"seen": seen}, SourceConfig(particle="gamma", theta="0.21 rad"), ["1 GeV"], [].append, batches=[20]
    )
    x, y, z = seen.incidents.position.T
    assert (seen.incidents.energy == 1000).all()
    assert (seen.incidents.theta == 0.21).all()
    assert -96 < x.min() < x.max() < -19.2
    assert -55.2 < y.min() < y.max() < 92
    assert (z == 0).all()


class Seen:
    """A simulator that remembers its last incidents."""

    def __init__(self, inner):
        self.inner, self.name, self.incidents = inner, "seen", None

    def simulate(self, incidents, seed):
        self.incidents = incidents
        return self.inner.simulate(incidents, seed)


def test_processor_time_does_not_count_waiting(small):
    """As a call waits while other processes keep the machine busy."""

    class Waiting:
        name = "waiting"

        def simulate(self, *_):
            bench_module.time.sleep(0.05)

    report = bench(
        small, {"waiting": Waiting()}, SourceConfig(particle="e-"), ["1 GeV"], str, batches=(1,), with_geant4=False
    )
    row = report["simulators"]["waiting"]["1"]
    assert row["min"] >= 50
    assert 0 <= row["cpu_min"] < 25
