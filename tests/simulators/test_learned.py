import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError, RunError
from caloforge.seeds import normal_noise
from caloforge.showers import Incidents
from caloforge.simulators import Simulator, create
from caloforge.simulators.learned import LearnedSimulator


@pytest.fixture(scope="module")
def learned(toy_onnx, small):
    return LearnedSimulator(toy_onnx, small)


@pytest.fixture(scope="module")
def incidents():
    return Incidents.make("e+", np.linspace(1500.0, 19000.0, 250), shower_id=np.arange(40, 290))


def close(a, b, threshold):
    """Equality up to rounding, as docs/production.md says; only cells near the threshold may become empty or hit."""
    near = np.maximum(a, b) < threshold * (1 + 1e-4)
    return bool((near | (np.abs(a - b) <= 1e-5 * np.abs(a) + 1e-3)).all())


def edited(path, folder, change):
    """The model after a change, without the digest that would tell it."""
    model = onnx.load(path)
    card = model.metadata_props[0]
    card.value = json.dumps(json.loads(card.value) | {"digest": None})
    change(model)
    onnx.save(model, folder / "edited.onnx")
    return folder / "edited.onnx"


def with_card(path, folder, **values):
    def change(model):
        card = json.loads(model.metadata_props[0].value)
        model.metadata_props[0].value = json.dumps(card | values)

    return edited(path, folder, change)


def test_it_is_a_simulator(learned, toy_onnx, small, incidents):
    assert isinstance(learned, Simulator)
    assert create(str(toy_onnx), small).name == "toy"
    showers = learned.simulate(incidents, 5)
    assert showers.energies.shape == (250, small.n_cells)
    assert showers.energies.dtype == np.float32
    assert ((showers.energies == 0) | (showers.energies >= 0.01)).all()
    assert json.loads(json.dumps(showers.provenance))["simulator"] == "learned"


def test_noise_is_that_of_the_shower(learned, toy_onnx, incidents):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(toy_onnx), providers=["CPUExecutionProvider"])
    noise = normal_noise(5, incidents.shower_id[:3], learned.card.noise, "noise")
    energy = incidents.energy[:3, None].astype(np.float32)
    (expected,) = session.run(None, {"noise": noise, "energy": energy})
    assert close(expected, learned.simulate(incidents[:3], 5).energies, 0.01)


def test_seeds_decide(learned, incidents):
    first, again, other = (learned.simulate(incidents, seed).energies for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_batches_do_not_matter(learned, incidents, batch):
    whole = learned.simulate(incidents, 5).energies
    starts = range(0, 250, batch)
    parts = np.concatenate([learned.simulate(incidents[i : i + batch], 5).energies for i in starts])
    assert close(whole, parts, 0.01)


def test_no_showers(learned, incidents, small):
    assert learned.simulate(incidents[:0], 5).energies.shape == (0, small.n_cells)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energy": 150e3}, r"150 GeV is outside the model's 1\.\d+ GeV \.\. 19\.\d+ GeV"),
        ({"theta": 0.2}, "theta = 0.2 rad is outside"),
        ({"position": (0.0, 3.0, 0.0)}, "y = 3 mm is outside"),
        ({"particle": "pi+"}, r"pi\+ is not a particle of the model, which knows e\+"),
    ],
)
def test_incidents_outside_are_refused_unless_told(toy_onnx, learned, changes, message):
    wanted = Incidents.make(**({"particle": "e+", "energy": 10e3} | changes))
    with pytest.raises(InputError, match=message):
        learned.simulate(wanted, 5)
    free = LearnedSimulator(toy_onnx, outside=True)
    for simulator, accepted in ((learned, False), (free, True)):
        one = wanted.pdg[0], wanted.energy[0], wanted.theta[0], wanted.phi[0], wanted.position[0]
        assert simulator.accepts(wanted).tolist() == [accepted]
        assert simulator.accepts_one(*one) == accepted
    assert np.isfinite(free.simulate(wanted, 5).energies).all()


def test_tolerances_of_the_range(learned):
    low, high = learned.card.ranges.energy
    learned.simulate(Incidents.make("e+", [low * (1 - 5e-7), high * (1 + 5e-7)]), 5)
    learned.simulate(Incidents.make("e+", 10e3, theta=9e-4, phi=2.0, position=(0.09, -0.09, 50.0)), 5)
    with pytest.raises(InputError, match="outside"):
        learned.simulate(Incidents.make("e+", high * (1 + 5e-6)), 5)


def test_another_detector_is_refused(toy_onnx):
    with pytest.raises(InputError, match=r"'small' \(hash .*'calogan-ecal' \(hash"):
        LearnedSimulator(toy_onnx, Detector.load("calogan-ecal"))


def test_broken_files_are_refused(toy_onnx, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        LearnedSimulator(tmp_path / "absent.onnx")
    (tmp_path / "short.onnx").write_bytes(toy_onnx.read_bytes()[:2000])
    with pytest.raises(InputError, match="not a usable ONNX model"):
        LearnedSimulator(tmp_path / "short.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(InputError, match="not a usable ONNX model"):
        LearnedSimulator(tmp_path / "text.onnx")


def test_foreign_metadata_are_refused(toy_onnx, tmp_path):
    def bare(model):
        del model.metadata_props[:]

    def torn(model):
        model.metadata_props[0].value = '{"schema": '

    with pytest.raises(InputError, match="was not exported by caloforge"):
        LearnedSimulator(edited(toy_onnx, tmp_path, bare))
    with pytest.raises(InputError, match="not JSON"):
        LearnedSimulator(edited(toy_onnx, tmp_path, torn))
    for values in ({"schema": "other-2"}, {"n_cells": 10**12}, {"noise": 0}, {"pdgs": []}, {"surprise": 1}):
        with pytest.raises(InputError, match=next(iter(values))):
            LearnedSimulator(with_card(toy_onnx, tmp_path, **values))
    with pytest.raises(InputError, match="does not fit"):
        LearnedSimulator(with_card(toy_onnx, tmp_path, n_cells=27))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e12])
def test_values_that_are_no_energies_are_refused(toy_onnx, incidents, tmp_path, bad):
    def spoil(model):
        for node in model.graph.node:
            node.output[:] = ["before" if name == "showers" else name for name in node.output]
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(bad), "bad"))
        model.graph.node.append(onnx.helper.make_node("Add", ["before", "bad"], ["showers"]))

    with pytest.raises(RunError, match="negative or not finite"):
        LearnedSimulator(edited(toy_onnx, tmp_path, spoil)).simulate(incidents, 1)


def test_unknown_inputs_are_refused(toy_onnx, tmp_path):
    def rename(model):
        model.graph.input[1].name = "enrgy"
        for node in model.graph.node:
            node.input[:] = ["enrgy" if name == "energy" else name for name in node.input]

    with pytest.raises(InputError, match=r"unknown input 'enrgy'; did you mean 'energy'"):
        LearnedSimulator(edited(toy_onnx, tmp_path, rename))


def test_a_changed_bit_is_told(toy_onnx, tmp_path):
    """Wherever it is: weights, card, or the digest itself."""
    whole, path = toy_onnx.read_bytes(), tmp_path / "changed.onnx"
    raw = whole.index(onnx.load(toy_onnx).graph.initializer[0].raw_data)
    for at in (raw + 2, whole.index(b'"threshold":') + 14, whole.index(b'"digest":"') + 12):
        content = bytearray(whole)
        content[at] ^= 1
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"does not match the digest|is not a|String should match"):
            LearnedSimulator(path)


def test_files_without_a_digest_open_and_say_so(toy_onnx, tmp_path, caplog):
    simulator = LearnedSimulator(with_card(toy_onnx, tmp_path, name="old"))
    assert "holds no digest" in caplog.text
    assert simulator.provenance()["digest"] is None
    assert len(LearnedSimulator(toy_onnx).provenance()["digest"]) == 64


def test_a_fixed_batch_is_told(toy_onnx, tmp_path):
    def fix(model):
        for entry in model.graph.input:
            entry.type.tensor_type.shape.dim[0].dim_value = 1

    with pytest.raises(InputError, match="has a fixed batch of 1: export with a free batch axis"):
        LearnedSimulator(edited(toy_onnx, tmp_path, fix))


def test_closed_twice(toy_onnx, incidents):
    simulator = LearnedSimulator(toy_onnx)
    simulator.close()
    simulator.close()
    with pytest.raises(RunError, match="closed"):
        simulator.simulate(incidents, 5)


def test_neither_torch_nor_geant4_is_imported(toy_onnx):
    code = (
        "import sys, numpy as np\n"
        "from caloforge.simulators.learned import LearnedSimulator\n"
        "from caloforge.showers import Incidents\n"
        "LearnedSimulator(sys.argv[1]).simulate(Incidents.make('e+', 10e3), 5)\n"
        "assert not {'torch', 'geant4_pybind', 'onnx', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(toy_onnx)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_calls_that_may_take_long_need_another_thread(toy_onnx, monkeypatch):
    """Ctrl-C ends those; a call of no more showers than a short one ends by itself."""
    from caloforge.simulators import onnx_file

    beside = []
    session = onnx_file.Session(toy_onnx.read_bytes(), 1)
    inner = session._beside
    monkeypatch.setattr(
        session, "_beside", lambda output, feeds, options: beside.append(1) or inner(output, feeds, options)
    )
    feeds = {name: np.ones((9, shape[1]), np.float32) for name, shape in session.inputs.items()}

    def call(n):
        del beside[:]
        session.run("showers", {name: values[:n] for name, values in feeds.items()})
        return len(beside)

    monkeypatch.setattr(onnx_file, "SHORT", 0.0)
    assert [call(4), call(4)] == [1, 1]
    monkeypatch.setattr(onnx_file, "SHORT", 60.0)
    assert [call(4), call(4), call(3), call(9), call(9)] == [1, 0, 0, 1, 0]
