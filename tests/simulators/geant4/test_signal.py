"""Cells that hold a signal: saturated, gated in time, weighted; from volumes and from a mesh along the particle."""

import importlib.util

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.detector.mip import mip_signal
from caloforge.showers import Incidents, write
from caloforge.simulators.geant4 import Geant4Simulator, HookedGeant4
from caloforge.simulators.geant4.world.saturation import CHARGED, GRID, NEUTRAL, PHOTON, Ranges, visible

needs_geant4 = pytest.mark.skipif(
    importlib.util.find_spec("geant4_pybind") is None, reason="geant4_pybind is not installed"
)
BLOCK = """
name = "block"
half_width = "200 mm"
[readout]
frame = "%s"
[[layer]]
copies = %d
plates = [{material = "%s", thickness = "%g mm"}]
counts = ["%s"]
%s
cells = {kind = "cylindrical", n = [1, 6], r_max = "120 mm"}
"""
KB = 'birks = "0.126 mm/MeV"'


def block(keys="", frame="detector", copies=4, material="G4_POLYSTYRENE", thickness=10.0):
    return Detector.from_toml(BLOCK % (frame, copies, material, thickness, material, keys))


def simulate(detector, incidents, seed=1):
    simulator = Geant4Simulator(detector)
    try:
        return simulator.simulate(incidents, seed)
    finally:
        simulator.close()


def test_visible_energy_of_each_kind_of_step():
    """Ranges of 1 mm per MeV for electrons, 2 mm per MeV for protons; a nucleus of 12 u and charge 6."""
    ranges = Ranges.make(lambda e: e, lambda e: 2 * e, [(6, 12.0, 0.5)])
    kinds = np.array([CHARGED, CHARGED, CHARGED, PHOTON, NEUTRAL, CHARGED, CHARGED])
    deposit = np.array([2.0, 2.0, 2.0, 0.5, 0.5, 1.0, 1.0])
    niel = np.array([0.0, 0.5, -1.0, 0.0, 0.1, 0.0, 1.5])
    length = np.array([4.0, 4.0, 4.0, 7.0, 7.0, 0.0, 2.0])
    found = visible(deposit, niel, length, kinds, 0.1, ranges)
    recoil = 0.1 * 36 / (2 * 938.27208816 / 12)  # kB dE/dx where the range is that of the scaled proton over Z^2
    expected = [
        2 / (1 + 0.1 * 2 / 4), 1.5 / (1 + 0.1 * 1.5 / 4) + 0.5 / (1 + recoil), 2 / (1 + 0.1 * 2 / 4), 0.5 / 1.1,
        0.5 / (1 + recoil), 1.0, 1 / (1 + recoil),
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert GRID[0] < 1e-5
    assert visible(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0), 0.1, ranges).size == 0


@needs_geant4
def test_an_alpha_of_americium():
    """5.486 MeV gives 0.30 +- 0.04 MeV of electrons in plastic scintillator with kB = 0.126 mm/MeV."""
    alphas = Incidents.make("alpha", np.full(5, 5.486))
    deposit, signal = (simulate(block(keys), alphas).energies.sum(1) for keys in ("", KB))
    np.testing.assert_allclose(deposit, 5.486, rtol=1e-4)
    assert np.abs(signal - 0.30).max() < 0.04


@needs_geant4
def test_a_mixture_of_the_detector_saturates_like_geant4s_material():
    """Polystyrene by its mass fractions; its mean excitation energy, from the elements, is lower than NIST's."""
    mixture = '[material.PLASTIC]\ndensity = "1.06 g/cm3"\nelements = { H = 0.077421, C = 0.922579 }\n'
    own = Detector.from_toml(BLOCK % ("detector", 4, "PLASTIC", 10.0, "PLASTIC", KB) + mixture)
    protons = Incidents.make("proton", np.full(20, 30.0))
    signals = [simulate(detector, protons).energies.sum() for detector in (block(KB), own)]
    assert signals[1] == pytest.approx(signals[0], rel=0.04)


@pytest.fixture(scope="module")
def electrons():
    """The same 30 electrons of 300 MeV without keys, with one, and with all."""
    incidents = Incidents.make("e-", np.full(30, 300.0))
    keys = {"none": "", "weight": "weight = 3.0", "birks": KB, "gate": 'time_gate = "1 us"',
            "all": f'{KB}\nweight = 3.0\ntime_gate = "1 us"'}  # fmt: skip
    return {name: simulate(block(words), incidents).energies.astype(float) for name, words in keys.items()}


@needs_geant4
def test_steps_sum_to_what_geant4_scores(electrons):
    """A gate that all pass scores step by step in Python: each cell as Geant4's own scorer has it."""
    np.testing.assert_allclose(electrons["gate"], electrons["none"], rtol=1e-5, atol=1e-6)


@needs_geant4
def test_weights_and_saturation(electrons):
    np.testing.assert_allclose(electrons["weight"], 3 * electrons["none"], rtol=1e-6)
    np.testing.assert_allclose(electrons["all"], 3 * electrons["birks"], rtol=1e-6)
    assert ((electrons["birks"] < electrons["none"]) | (electrons["none"] == 0)).all()
    assert 0.965 < electrons["birks"].sum() / electrons["none"].sum() < 0.985


@needs_geant4
def test_late_deposits_do_not_count():
    """Stopped mu+ of 20 MeV decay with 2.2 us: a gate of 20 ns keeps a Michel electron in one of 110.

    Of 60 muons more than 5 would have one with a probability of 2e-5.
    """
    muons = Incidents.make("mu+", np.full(60, 20.0))
    all_times, early, late = (
        simulate(block(f'time_gate = "{gate}"'), muons).energies.sum(1) for gate in ("1 ms", "20 ns", "2.2 us")
    )
    assert (all_times > 22).sum() > 50
    assert (early > 22).sum() <= 5
    assert (early <= all_times).all()
    assert 20 < (late > 22).sum() < 55


@needs_geant4
def test_a_signal_depends_on_nothing_else():
    detector = block(KB, frame="shower")
    incidents = Incidents.make("e-", np.full(4, 100.0), theta=[0, 0.2, 0, 0.4])
    simulator = Geant4Simulator(detector)
    together = simulator.simulate(incidents, 3).energies
    for row in (3, 0, 1):
        np.testing.assert_array_equal(simulator.simulate(incidents[row : row + 1], 3).energies[0], together[row])
    simulator.close()


@needs_geant4
def test_the_mesh_along_the_particle_holds_the_same_signal():
    """A tilt too small to matter takes the way over single steps: equal means within 4 standard errors (6e-5)."""
    detector = block(f"{KB}\nweight = 2.0", frame="shower")
    showers = [
        simulate(detector, Incidents.make("e-", np.full(60, 200.0), theta=theta), seed).energies.sum(1, dtype=float)
        for theta, seed in ((0.0, 1), (1e-9, 2))
    ]
    error = np.hypot(*(s.std() for s in showers)) / np.sqrt(60)
    assert abs(showers[0].mean() - showers[1].mean()) < 4 * error


@needs_geant4
def test_muons_leave_the_same_in_each_layer_of_a_mesh():
    """24 x 10 mm of PbWO4, muons of 10 GeV at 0.5 rad: a median of 11.3 MeV in each layer, none empty.

    The median of 100 has an error of 0.25 MeV; 1.2 MeV are exceeded by one of 24 with a probability of 4e-5.
    """
    detector = block(frame="shower", copies=24, material="G4_PbWO4")
    layers = detector.sum_layers(simulate(detector, Incidents.make("mu-", np.full(100, 1e4), theta=0.5)).energies)
    assert (layers > 0).all()
    assert np.abs(np.median(layers, axis=0) - 11.3).max() < 1.2


@needs_geant4
@pytest.mark.parametrize(("material", "thickness"), [("G4_POLYSTYRENE", 3.0), ("G4_Si", 0.3), ("G4_lAr", 4.0)])
def test_muons_leave_one_mip(material, thickness):
    """The peak of Geant4's deposits lies within 5 % of the most probable one; 1 to 3 % above it as measured."""
    detector = block(copies=40, material=material, thickness=thickness)
    simulator = Geant4Simulator(detector)
    deposits = detector.sum_layers(simulator.simulate(Incidents.make("mu-", np.full(60, 1e4)), 1).energies)[:, 3:]
    simulator.close()
    mip = mip_signal(detector.spec.layer[0], detector)
    share = [(np.abs(deposits / (factor * mip) - 1) < 0.12).mean() for factor in (0.82, 1.02, 1.22)]
    assert share[1] > 1.3 * share[2]
    assert share[1] > 1.3 * share[0]


@needs_geant4
def test_geant4_with_a_hook_scores_the_signal(tmp_path):
    """Nothing is taken over below the threshold: the same showers as full simulation, bit for bit."""
    detector = block(f"{KB}\nweight = 2.0")
    incidents = Incidents.make("e-", np.full(5, 200.0))
    full = simulate(detector, incidents, 7)
    write(tmp_path / "full.h5", full)
    hooked = HookedGeant4(detector, str(tmp_path / "full.h5"), threshold=1e3)
    try:
        np.testing.assert_array_equal(hooked.simulate(incidents, 7).energies, full.energies)
    finally:
        hooked.close()
