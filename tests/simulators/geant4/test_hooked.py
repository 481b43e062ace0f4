import json
from importlib.util import find_spec

import numpy as np
import onnx
import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, concatenate, read, write
from caloforge.simulators import Simulator
from caloforge.simulators.geant4 import Geant4Simulator, HookedGeant4, simulate
from caloforge.units import ELECTRON_MASS

if find_spec("geant4_pybind") is None:
    pytest.skip("geant4_pybind is not installed", allow_module_level=True)

N = 100
MESH = """
name = "mesh"
half_width = "100 mm"
[readout]
frame = "shower"
[[layer]]
copies = 5
plates = [{material = "G4_Pb", thickness = "20 mm"}, {material = "G4_lAr", thickness = "4 mm"}]
counts = ["G4_lAr"]
cells = {kind = "cylindrical", n = [4, 3], r_max = "30 mm"}
"""


@pytest.fixture(scope="module")
def replayed(small, tmp_path_factory):
    """100 showers of 10 GeV electrons with random cells, and their file."""
    energies = np.random.default_rng(5).exponential(size=(N, small.n_cells)).astype(np.float32)
    showers = Showers(small, Incidents.make("e-", np.full(N, 1e4)), energies)
    path = tmp_path_factory.mktemp("replayed") / "replay.h5"
    write(path, showers)
    return showers, path


@pytest.fixture(scope="module")
def hooked(small, replayed):
    simulator = HookedGeant4(small, str(replayed[1]), threshold=3e3, batch_events=7)
    yield simulator
    simulator.close()


@pytest.fixture(scope="module")
def parametrised():
    """Every plate counts, and 20 GeV showers are held."""
    simulator = HookedGeant4(Detector.load("calogan-ecal"), "gflash", batch_events=3)
    yield simulator
    simulator.close()


def test_it_is_a_simulator(hooked, small):
    assert isinstance(hooked, Simulator)
    none = hooked.simulate(Incidents.make("e-", np.zeros(0)), 1)
    assert none.energies.shape == (0, small.n_cells)


def test_replayed_cells_come_back_exactly(hooked, replayed):
    run = hooked.run(replayed[0].incidents, 1)
    assert np.array_equal(run.showers.energies, replayed[0].energies)
    assert np.allclose(run.showers.fast_energy, replayed[0].energies.sum(axis=1), rtol=1e-6)
    assert run.stats["calls"] == run.stats["taken"] == N
    assert run.stats["batches"] == 15


def test_event_k_plays_row_k_whatever_the_order(hooked, replayed):
    rows = np.array([41, 7, 93, 8])
    assert np.array_equal(hooked.simulate(replayed[0].incidents[rows], 2).energies, replayed[0].energies[rows])


def test_below_threshold_python_is_not_called_and_geant4_is_untouched(hooked, small):
    incidents = Incidents.make(np.array([11, -11, 22]), np.array([2e3, 2.9e3, 1e3]))
    run = hooked.run(incidents, 3)
    full = Geant4Simulator(small)
    assert run.stats["calls"] == 0
    assert (run.showers.fast_energy == 0).all()
    assert np.array_equal(run.showers.energies, full.simulate(incidents, 3).energies)
    full.close()


def test_a_replay_that_runs_out_or_differs_is_refused_and_the_next_call_works(hooked, replayed):
    with pytest.raises(InputError, match="no shower"):
        hooked.simulate(Incidents.make("e-", 1e4, shower_id=N), 1)
    with pytest.raises(InputError, match="20 GeV"):
        hooked.simulate(Incidents.make("e-", 2e4), 1)
    assert np.array_equal(hooked.simulate(replayed[0].incidents[:2], 1).energies, replayed[0].energies[:2])


@pytest.mark.parametrize("particle", ["e-", "e+", "gamma"])
def test_fast_and_tracked_energy_make_up_the_incident_energy(parametrised, particle):
    energy = np.array([500.0, 900.0, 1e4, 2e4])
    run = parametrised.run(Incidents.make(particle, energy), 6)
    available = energy + 2 * ELECTRON_MASS * (particle == "e+")
    leaked = 1 - run.showers.energies.sum(axis=1) / available
    assert (leaked > -1e-6).all()
    assert (leaked < 0.1).all(), "neutrons of photonuclear reactions leave, and their binding energy is spent"
    assert (run.showers.fast_energy > 0).tolist() == [False, False, True, True]


def test_events_do_not_depend_on_their_batch(parametrised):
    incidents = Incidents.make("gamma", np.array([2e3, 800.0, 4e3]), theta=0.1, phi=1.0)
    together = parametrised.simulate(incidents, 7).energies
    apart = simulate(parametrised.detector, "gflash", incidents[[2, 1, 0]], 7, batch_events=1).showers.energies
    assert np.array_equal(together, apart[[2, 1, 0]])


def test_files_keep_how_much_of_each_event_is_fast(hooked, replayed, tmp_path):
    incidents = Incidents.make("e-", np.array([1e4, 1e3]))
    showers = hooked.simulate(incidents, 1)
    write(tmp_path / "events.h5", showers)
    stored = read(tmp_path / "events.h5")
    assert stored.fast_energy.tolist() == [pytest.approx(replayed[0].energies[0].sum(), rel=1e-6), 0]
    joined = concatenate([stored[1:], stored[:1]])
    assert joined.fast_energy.tolist() == stored.fast_energy[::-1].tolist()
    assert concatenate([stored, replayed[0]]).fast_energy is None


def test_a_mesh_that_follows_inclined_particles_is_replayed_cell_by_cell(tmp_path):
    mesh = Detector.from_toml(MESH)
    incidents = Incidents.make("e-", np.full(4, 1e4), theta=0.3, phi=np.arange(4.0), position=(3, -4, 0))
    energies = np.random.default_rng(6).exponential(size=(4, mesh.n_cells)).astype(np.float32)
    write(tmp_path / "mesh.h5", Showers(mesh, incidents, energies))
    run = simulate(mesh, str(tmp_path / "mesh.h5"), incidents, 8, inside=True)
    assert run.stats["taken"] == 4
    assert np.array_equal(run.showers.energies, energies)


def test_provenance_names_the_fast_simulation(hooked):
    hook = hooked.provenance()["hook"]
    assert hook["fast"]["simulator"] == "replay"
    assert hook["threshold"] == 3e3


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"threshold": np.inf}, {"batch_events": 0}, {"inside": True}])
def test_wrong_settings_are_refused(small, replayed, wrong):
    with pytest.raises(InputError):
        HookedGeant4(small, str(replayed[1]), **wrong)


def test_events_of_the_same_number_are_refused(hooked):
    with pytest.raises(InputError, match="shower ids"):
        hooked.simulate(Incidents.make("e-", np.full(2, 1e4), shower_id=5), 1)


def test_a_model_of_pions_takes_pions(toy_onnx, small, tmp_path):
    model = onnx.load(toy_onnx)
    card = model.metadata_props[0]
    card.value = json.dumps(json.loads(card.value) | {"pdgs": [211], "digest": None})
    onnx.save(model, tmp_path / "pions.onnx")
    simulator = HookedGeant4(small, str(tmp_path / "pions.onnx"))
    try:
        pions = simulator.simulate(Incidents.make("pi+", np.full(3, 1e4)), 1)
        assert (pions.fast_energy > 0).all()
    finally:
        simulator.close()


@pytest.mark.parametrize(
    ("particle", "energy", "fast", "said"),
    [
        ("e+", 5e3, 100.0, "100% of the energy is fast-simulated, in 2 of 2 events; "),
        ("e+", 5e4, 0.0, "; Geant4 tracked 2 events: 50 GeV is outside the model's 1"),
        ("e+", 5e2, 0.0, "; Geant4 tracked 2 events: 500 MeV is below the threshold of 2 GeV"),
        ("pi+", 5e3, 0.0, "; Geant4 tracked 2 events: pi+ is not taken"),
        ("e-", 5e3, 0.0, "; Geant4 tracked 2 events: e- is not a particle of the model, which knows e+"),
    ],
)
def test_the_fast_share_and_the_reason_for_tracking_are_told(small, toy_onnx, particle, energy, fast, said):
    hooked = HookedGeant4(small, str(toy_onnx), threshold=2e3)
    cells = np.zeros((2, small.n_cells), np.float32)
    cells[:, 0] = 100.0
    showers = Showers(small, Incidents.make(particle, [energy, energy]), cells, {}, np.full(2, fast))
    line = hooked.fast_line(showers)
    assert said in line
    assert f"{toy_onnx} takes e+ from 2 GeV to " in line
    assert line.startswith("warning: nothing was fast: 0%") == (fast == 0)
