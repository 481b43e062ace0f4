"""The hook in a geant4_pybind application that is not ours: `hook_scene.py`, run in processes of its own."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caloforge.showers import Incidents, Showers, write

if find_spec("geant4_pybind") is None:
    pytest.skip("geant4_pybind is not installed", allow_module_level=True)
SCENE = Path(__file__).with_name("hook_scene.py")
N_EVENTS = 5
MESH = """
name = "mesh"
[readout]
frame = "shower"
[[layer]]
copies = 3
plates = [{material = "G4_Pb", thickness = "100 mm"}]
counts = ["G4_Pb"]
cells = {kind = "cylindrical", n = [1, 2], r_max = "100 mm"}
"""


@dataclass
class Scene:
    arrays: dict[str, np.ndarray]
    report: dict[str, Any]
    replayed: Showers
    said: str


@pytest.fixture(scope="module")
def play(small, tmp_path_factory):
    scenes: dict[str, Scene] = {}

    def run(name: str) -> Scene:
        if name not in scenes:
            scenes[name] = start(name, small, tmp_path_factory.mktemp(name))
        return scenes[name]

    return run


def start(name, small, folder):
    rng = np.random.default_rng(4)
    energies = rng.exponential(size=(N_EVENTS, small.n_cells)).astype(np.float32)
    replayed = Showers(small, Incidents.make("e-", np.full(N_EVENTS, 1e4)), energies)
    write(folder / "replay.h5", replayed)
    (folder / "mesh.toml").write_text(MESH)
    done = subprocess.run([sys.executable, SCENE, name, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    with np.load(folder / "result.npz") as arrays:
        return Scene(dict(arrays), json.loads((folder / "result.json").read_text()), replayed, done.stderr)


def test_replayed_cells_arrive_unchanged_and_flagged(play):
    scene = play("two")
    records = scene.arrays["records_A"]
    cells = np.zeros_like(scene.replayed.energies)
    cells[records["event"], records["cell"]] = records["energy"]
    assert np.array_equal(cells, scene.replayed.energies)
    assert records["is_fast"].all()
    assert np.allclose(records["position"], scene.replayed.detector.cell_centres[records["cell"]])


def test_what_is_not_taken_is_tracked(play):
    scene = play("two")
    assert np.allclose(scene.arrays["tracked_A"], 300, rtol=0.05)
    assert np.allclose(scene.arrays["tracked_B"], 2e4, rtol=0.05)
    assert scene.report["stats"]["B"]["refused"] == N_EVENTS
    assert scene.report["stats"]["A"]["calls"] == scene.report["stats"]["A"]["taken"] == N_EVENTS


def test_incidents_reach_the_simulator_in_the_frame_of_their_calorimeter(play):
    arrays = play("two").arrays
    assert np.allclose(arrays["position_A"], [3, 4, 0])
    assert (arrays["theta_A"] == 0).all()
    inclined = arrays["energy_B"] == 5e3
    assert np.allclose(arrays["theta_B"][inclined], np.arccos(0.8))
    assert np.allclose(arrays["position_B"][inclined], [0, 75, 0])
    assert np.allclose(arrays["theta_B"][~inclined], 0, atol=1e-7)
    assert np.allclose(arrays["position_B"][~inclined], [9, -7, 0])


def test_hits_of_a_turned_calorimeter_land_in_it(play):
    scene = play("two")
    records = scene.arrays["records_B"]
    first = scene.replayed.detector.cell_centres[0]
    assert np.allclose(records["position"], [600 + first[2], first[1], -first[0]])


def test_shower_ids_count_within_each_event_and_batches_span_events(play):
    scene = play("two")
    expected = [event * 2**20 + k for event in range(N_EVENTS) for k in range(2)]
    assert sorted(scene.arrays["shower_id_B"].tolist()) == expected
    assert scene.report["stats"]["A"]["batches"] == 3


def test_a_sensitive_detector_of_the_application_keeps_working(play):
    assert play("two").report["steps"] >= 2 * N_EVENTS


def test_an_error_while_hits_are_made_ends_the_run_and_the_next_one_works(play):
    scene = play("failing")
    assert scene.report["refusals"][0] == repr(KeyError("no room for hits"))
    assert scene.arrays["shower_id_A"][-5:-2].tolist() == [0, 2**20, 2**21]


def test_a_run_whose_last_hits_failed_leaves_the_next_one_untouched(play):
    assert play("failing").arrays["shower_id_A"][-2:].tolist() == [0, 0]


def test_a_simulator_asked_in_plain_numbers_refuses_the_same(play):
    plain, arrays = play("failing"), play("two").arrays
    assert plain.report["stats"]["B"]["refused"] > 0
    assert set(plain.arrays["energy_B"]) == set(arrays["energy_B"]) == {5e3, 8e3}


def test_showers_inside_take_the_energy_that_is_left_and_no_more(play):
    arrays = play("inside").arrays
    fast = np.bincount(arrays["records_A"]["event"], arrays["records_A"]["energy"], N_EVENTS)
    positrons = np.bincount(arrays["shower_id_A"] // 2**20, arrays["pdg_A"] == -11, N_EVENTS)
    lost = 1e4 - (fast + arrays["tracked_A"])
    assert (fast > 5e3).all()
    assert np.allclose(lost, 0, atol=60)
    assert np.all(lost >= 1.022 * positrons - 1e-3)
    assert (arrays["position_A"][:, 2] > 0).all()


def test_misuse_is_refused(play):
    frame, particle, *_ = play("misused").report["refusals"]
    assert "frame 'detector'" in frame
    assert "no particle 'muon'" in particle


def test_other_multiple_scattering_than_learned_is_told_once(play):
    told = play("two").said
    wanted = "apply: /process/msc/StepLimit UseSafety; /process/msc/RangeFactor 0.04"
    assert told.count("other electromagnetic settings than the training showers") == 1
    assert wanted in told


@pytest.mark.parametrize("scene", ["failing", "inside", "misused"])
def test_the_same_or_an_unknown_multiple_scattering_is_not_told(play, scene):
    assert "electromagnetic settings" not in play(scene).said


def test_an_application_without_cuts_on_photons_is_told():
    script = """
import os
from caloforge.simulators.geant4.datasets import environment
os.environ.update(environment())
import geant4_pybind as g4
from caloforge.simulators.geant4.hook.physics import difference, learned_commands
from caloforge.simulators.geant4.physics import Physics, provenance
wanted = learned_commands({"training": {"showers": {"physics": [provenance(Physics())]}}})
g4.G4UImanager.GetUIpointer().ApplyCommand("/process/msc/StepLimit UseSafety")
g4.G4UImanager.GetUIpointer().ApplyCommand("/process/msc/RangeFactor 0.04")
print("option0:", difference(wanted))
g4.G4UImanager.GetUIpointer().ApplyCommand("/process/em/applyCuts true")
print("with cuts:", difference(wanted))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    said = dict(line.split(":", 1) for line in done.stdout.splitlines() if line.startswith(("option0", "with cuts")))
    assert said["option0"].endswith("Before Initialize, apply: /process/em/applyCuts true")
    assert said["with cuts"].strip() == ""


def test_a_field_that_is_set_after_the_hook_is_told_once(play):
    assert play("inside").said.count("one-cell was made without a magnetic field, and this application has one") == 1
    assert "magnetic field" not in play("two").said


@pytest.mark.parametrize(("fast", "particle"), [("gflash", "e-"), ("wgan-gp-calogan-small", "e+")])
def test_the_example_speeds_up_an_application_in_ten_lines(fast, particle):
    """It shoots what the simulator knows."""
    example = Path(__file__).parents[3] / "examples" / "hook_in_geant4.py"
    marks = re.findall(r"  # (\d+)$", example.read_text(), re.MULTILINE)
    assert sorted(map(int, marks)) == list(range(1, 11))
    command = [sys.executable, example, "--fast", fast]
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    energy, share = re.search(r"([\d.]+) MeV per event, (\d+)% of it fast", done.stdout).groups()
    assert f" {particle} of 5000 MeV" in done.stdout
    assert 4900 < float(energy) < 5000
    assert share == "100"
