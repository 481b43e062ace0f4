"""`import caloforge as cf`: light, with names, paths or objects wherever one of them is asked for."""

import ast
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

import caloforge as cf
from caloforge import zoo
from caloforge.validation import observables

MODEL = zoo.path_of("wgan-gp-calogan-small")


def test_import_loads_nothing_until_it_is_used():
    code = "import sys, caloforge; dir(caloforge); print([m.split('.')[0] for m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(ast.literal_eval(out)) & {"torch", "h5py", "matplotlib", "numpy", "pydantic", "onnxruntime"}


def test_every_name_of_the_front_is_there():
    assert 15 <= len(cf.__all__) <= 20
    assert all(getattr(cf, name).__doc__ for name in cf.__all__)
    assert set(cf.__all__) <= set(dir(cf))
    with pytest.raises(AttributeError, match="no attribute 'models_'"):
        cf.models_  # noqa: B018


def test_showers_are_the_same_in_memory_and_in_a_file(tmp_path):
    beam = ("gflash", "calogan-ecal", "e+", "1 GeV:20 GeV")
    detector = cf.Detector.load("calogan-ecal")
    made = cf.produce(*beam, n=25, seed=3)
    kept = cf.produce(beam[0], detector, *beam[2:], n=25, seed=3, output=tmp_path / "kept.h5", workers=1)
    assert made == kept == cf.read(str(tmp_path / "kept.h5"))
    assert cf.read(cf.write(tmp_path / "again.h5", made[:3])) == made[:3]
    assert cf.read(made) is made


def test_a_bad_incident_is_one_line(tmp_path):
    with pytest.raises(cf.InputError, match="spectrum"):
        cf.produce("gflash", "calogan-ecal", "e+", "1 GeV", n=1, seed=1, spectrum="flat", output=tmp_path / "a.h5")


def test_simulators_by_name_file_and_object():
    wanted = cf.Incidents.make("e+", ["5 GeV"], position=("1 mm", "0 mm", "0 mm"))
    assert wanted.position.tolist() == [[1.0, 0.0, 0.0]]
    central, detector = cf.Incidents.make("e+", ["5 GeV"]), cf.Detector.load("calogan-ecal")
    with cf.simulator(MODEL) as by_path, cf.simulator(str(MODEL), detector) as by_text:
        assert by_path.simulate(central, 1) == by_text.simulate(central, 1)
        assert repr(by_path) == f"LearnedSimulator('{MODEL.stem}' in calogan-ecal)"


def test_what_showers_hold_is_what_reports_show(small, toy):
    showers = toy(small, 30, seed=1)
    cells = showers.thresholded()
    assert np.array_equal(showers.layers, observables.layer_energies(small, cells))
    assert np.array_equal(showers.total, observables.total_energy(small, cells))
    assert np.array_equal(showers.response, observables.response(small, cells, showers.incidents.energy))
    profile = showers.profile()
    assert np.allclose(profile.energy, showers.layers.mean(0))
    assert profile.depth.tolist() == [layer.z for layer in small.layers]


def test_histograms_hold_every_shower_and_the_profile_its_errors(small, toy):
    showers = toy(small, 30, seed=1)
    for quantity in ("response", "total", "hits", "incident"):
        made = showers.histogram(quantity, bins=7)
        assert made.sum() == 30  # the largest value is in the last bin
        assert made.axes[0].name == quantity
    counts = np.histogram(showers.response, 4, (0.5, 1.5))[0]
    assert np.array_equal(showers.histogram("response", 4, (0.5, 1.5)).values(), counts)
    assert showers[:1].histogram("total").sum() == 1
    profile = showers.profile()
    made = profile.to_hist()
    assert np.array_equal(made.values(), profile.energy)
    assert np.allclose(made.variances(), profile.error**2)
    assert np.allclose(made.axes[0].centers, profile.depth)
    with pytest.raises(cf.InputError, match="no quantity 'respons' of showers; did you mean 'response'"):
        showers.histogram("respons")
    with pytest.raises(cf.InputError, match="a range that grows"):
        showers.histogram("total", limits=(2.0, 1.0))
    with pytest.raises(cf.InputError, match="no showers"):
        showers[:0].histogram()


def test_quantities_are_text_or_numbers():
    beam = {"n": 4, "seed": 1, "simulator": "gflash", "detector": "calogan-ecal"}
    text = cf.produce(particle="e+", energy="1 GeV:20 GeV", theta="0.1 rad", position="1 mm, -2 mm:2 mm", **beam)
    numbers = cf.produce(particle=-11, energy=(1e3, 2e4), theta=0.1, position=(1.0, (-2.0, 2.0)), **beam)
    assert text == numbers
    assert cf.produce(particle="e+", energy=5000, **beam) == cf.produce(particle="e+", energy="5 GeV", **beam)
    with pytest.raises(cf.InputError, match="unknown physics list 'QGSP'"):
        cf.simulator("gflash", "calogan-ecal", physics="QGSP")


@pytest.mark.parametrize("name", ["calogan-ecal", "pbwo4-cylinder"])
def test_pictures_and_one_line(name):
    pytest.importorskip("matplotlib")
    showers = cf.produce("gflash", name, "e-", "5 GeV", n=2, seed=1)
    with cf.simulator("gflash", name) as gflash:
        pictured = (showers, showers.detector, showers.incidents, gflash)
    for one in pictured:
        assert "\n" not in repr(one)
        ElementTree.fromstring(one._repr_html_().replace("<br>", "<br/>"))
    assert repr(showers).startswith("Showers(2 of e-, 5 GeV, in ")
    assert repr(showers.incidents[:0]) == "Incidents(none)"
    assert len(showers.plot().axes) >= 4
    with pytest.raises(cf.InputError, match="no showers"):
        showers[:0].plot()


def test_candidates_are_samples_simulators_names_or_files(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr("caloforge.report.validate", lambda *given, **_: seen.update(given[1]) or {})
    beam = ("gflash", "calogan-ecal", "e+", "2 GeV:10 GeV")
    reference, other, third = (cf.produce(*beam, n=6, seed=seed) for seed in (9, 2, 3))
    cf.write(tmp_path / "sample.h5", other)
    own = replace(third, provenance={"simulator": "own"})
    with cf.simulator("gflash", "calogan-ecal") as gflash:
        cf.validate(reference, [gflash, MODEL, tmp_path / "sample.h5", own], tmp_path / "out")
    assert list(seen) == [MODEL.stem, "sample", "gflash", "own"]
    assert all(showers.detector == reference.detector and len(showers) == 6 for showers in seen.values())
    assert seen["sample"] == other
    assert seen["gflash"] != reference
    with pytest.raises(cf.InputError, match="two candidates would be called 'own'"):
        cf.validate(reference, [own, own[:5]], tmp_path / "out")


def test_a_model_is_trained_from_a_dictionary(small, toy, tmp_path):
    pytest.importorskip("torch")
    showers = toy(small, 60, seed=1)
    config = {"model": {"kind": "vae", "hidden": (8,), "latent": 2}, "training": {"steps": 2, "evaluate_every": 1}}
    summary = cf.train(config, showers[:40], showers[40:], tmp_path / "runs" / "vae")
    assert summary.steps == 2
    with pytest.raises(cf.InputError, match="not a run directory"):
        cf.to_onnx(tmp_path, tmp_path / "vae.onnx")
    with pytest.raises(cf.InputError, match=r"unknown key 'training\.step'; did you mean 'steps'"):
        cf.train({**config, "training": {"step": 2}}, showers[:40], showers[40:], tmp_path / "other")


def test_times_of_a_simulator_stay_open_for_its_owner(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "geant4_pybind", None)
    monkeypatch.setattr("caloforge.bench.SECONDS_PER_BATCH", 0.01)
    with cf.simulator("gflash", small) as gflash:
        report = cf.time(small, gflash, batches=(1,))
        assert report["simulators"]["gflash"]["1"]["ms"] > 0
        assert len(gflash.simulate(cf.Incidents.make("e-", "5 GeV"), 1)) == 1


ONE = (np.zeros((1, 504), np.float32), cf.Incidents.make("e+", [1000.0]))
WRONG = {
    "write takes a path and showers, not Showers and str": lambda s: cf.write(s, "a.h5"),
    "write takes a path and showers, not str and ndarray": lambda s: cf.write("a.h5", s.energies),
    "a.root: write makes HDF5 files, not .root; write a.h5, which": lambda s: cf.write("a.root", s),
    "showers or the path of a file are needed, not ndarray": lambda s: cf.validate(s.energies, s, "report"),
    "showers or the path of a file are needed, not int": lambda _: cf.read(3),
    "only showers can be concatenated, not int": lambda s: cf.concatenate([s, 3]),
    "showers are not an array; take energies, layers, total or response": np.asarray,
    "no showers to average": lambda s: s[:0].profile(),
    "a detector comes from Detector.load": lambda _: cf.Detector("calogan-ecal"),
    "showers: detector must be of the type Detector, not str": lambda _: cf.Showers("calogan-ecal", ONE[1], ONE[0]),
    "showers: incidents must be of the type Incidents, not ndarray": lambda s: cf.Showers(s.detector, ONE[0], ONE[0]),
    "showers: energies must be of the type ndarray, not list": lambda s: cf.Showers(s.detector, ONE[1], [[0.0] * 504]),
    "incidents: energy must be positive, found -1 MeV": lambda _: cf.Incidents.make("e-", [-1.0]),
    "incidents: 2 particles do not fit 3 energies": lambda _: cf.Incidents.make(["e-", "e+"], [1e3] * 3),
    r"incidents: position has shape \(2,\), not \(3,\)": lambda _: cf.Incidents.make("e-", [1e3], position=(1, 2)),
    "seed None is not a whole number": lambda _: small(seed=None),
    "seed '1' is not a whole number": lambda _: small(seed="1"),
    "the number of showers must be a whole number, not 2.5": lambda _: small(n=2.5),
    "the number of showers must be a whole number, not '2'": lambda _: small(n="2"),
}


def small(**changes):
    return cf.produce(**{"simulator": "gflash", "detector": "calogan-ecal", "particle": "e+", "energy": "5 GeV",
                         "n": 2, "seed": 1, **changes})  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_wrong_types_are_told_in_words(message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    showers = small()
    with pytest.raises(cf.InputError, match="^" + message):
        WRONG[message](showers)
    assert not list(tmp_path.iterdir())


def test_particles_by_name_take_turns():
    assert small(particle=["e-", "gamma"]) == small(particle="e-, gamma")
    assert cf.Incidents.make(["e-", "e+"], [1e3, 2e3]).pdg.tolist() == [11, -11]
    assert len(cf.concatenate(part for part in (small(), small(seed=2)))) == 4
