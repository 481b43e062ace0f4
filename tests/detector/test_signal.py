"""What cells hold: signals and thresholds by layer, what a muon leaves."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from caloforge.detector import Detector, preset_names
from caloforge.detector.describe import describe
from caloforge.detector.materials import mixture, nist
from caloforge.detector.mip import electron_signal, mip_signal, most_probable_loss
from caloforge.showers import Incidents, Showers
from caloforge.simulators.gflash import GFlash

STACK = """
name = "stack"
[readout]
threshold = "0.1 MeV"
[[layer]]
copies = 2
plates = [{material = "G4_Pb", thickness = "4 mm"}, {material = "G4_POLYSTYRENE", thickness = "3 mm"}]
counts = ["G4_POLYSTYRENE"]
%s
cells = {kind = "cartesian", n = [1, 2], size = ["200 mm", "100 mm"]}
[[layer]]
repeat = 20
plates = [{material = "G4_Pb", thickness = "4 mm"}, {material = "G4_POLYSTYRENE", thickness = "3 mm"}]
counts = ["G4_POLYSTYRENE"]
cells = {kind = "cartesian", n = [1, 1], size = ["200 mm", "200 mm"]}
"""
SOURCES = sorted((Path(__file__).parents[2] / "src" / "caloforge").rglob("*.py"))
KEYS = ("birks", "time_gate", "weight", "threshold", "quantity")


def stack(keys=""):
    return Detector.from_toml(STACK % keys)


@pytest.mark.parametrize("name", preset_names())
def test_presets_hold_deposits_and_say_nothing_of_signals(name):
    detector = Detector.load(name)
    assert detector.quantity == "deposit"
    assert not any(f"\n{key} =" in detector.toml.partition("[[layer]]")[2] for key in KEYS)
    np.testing.assert_array_equal(detector.thresholds, np.float32(detector.readout.threshold))
    assert (electron_signal(detector) == 1).all()


@pytest.mark.parametrize("key", ['birks = "0.126 mm/MeV"', 'time_gate = "150 ns"', "weight = 2.0"])
def test_a_signal_is_another_detector(key):
    detector = stack(key)
    assert detector.quantity == "signal"
    assert detector != stack()
    assert Detector.from_toml(detector.toml) == detector
    assert key in detector.toml.replace("150.0", "150")


def test_units_of_a_signal_do_not_matter():
    assert stack('birks = "0.0126 cm/MeV"') == stack('birks = "0.126 mm/MeV"')
    assert stack('time_gate = "0.15 us"') == stack('time_gate = "150 ns"')


def test_a_threshold_alone_leaves_the_deposit():
    detector = stack('threshold = "0.2 MeV"')
    assert detector.quantity == "deposit"
    assert not detector.has_one_threshold
    assert detector.threshold == 0.1
    np.testing.assert_allclose(detector.thresholds, [0.2, 0.2, 0.2, 0.2, 0.1])
    showers = Showers(detector, Incidents.make("e-", [1e3]), np.full((1, 5), 0.15, np.float32))
    np.testing.assert_allclose(showers.thresholded(), [[0, 0, 0, 0, 0.15]])


def test_most_probable_loss_in_silicon():
    """10 GeV muon in 1.7 mm of silicon: 0.5268 MeV by PDG eq. 34.12 (SciPy's tutorial on Landau's law)."""
    assert most_probable_loss([(nist()["G4_Si"], 1.7)]) == pytest.approx(0.5268, rel=2e-3)


def test_plates_add_up_to_more_than_their_parts():
    """A plate cut in two is one plate; twice the plate loses xi ln 2 more than twice its loss."""
    plate = nist()["G4_POLYSTYRENE"]
    once, twice = most_probable_loss([(plate, 3)]), most_probable_loss([(plate, 3), (plate, 3)])
    assert twice == pytest.approx(most_probable_loss([(plate, 6)]))
    xi = 0.307075 / 2 * 0.5377 * 1.06 * 0.3
    assert twice - 2 * once == pytest.approx(2 * xi * np.log(2), rel=2e-3)
    mixed = [(plate, 3.0), (nist()["G4_Pb"], 1.0)]
    assert most_probable_loss(mixed) == pytest.approx(most_probable_loss([(mixture(mixed), 4.0)]))


def test_thresholds_in_mip_are_of_the_layers_own_signal():
    plain, signal = stack('threshold = "0.5 MIP"'), stack('birks = "0.126 mm/MeV"\nweight = 4.0\nthreshold = "0.5 MIP"')
    mip = most_probable_loss([(nist()["G4_POLYSTYRENE"], 3)])
    assert plain.layer_thresholds == pytest.approx([mip / 2, mip / 2, 0.1])
    quenched = 4 * mip / (1 + 0.126 * mip / 3)
    assert signal.layer_thresholds == pytest.approx([quenched / 2, quenched / 2, 0.1])
    assert mip_signal(signal.spec.layer[0], signal) == pytest.approx(quenched)
    assert Detector.from_toml(signal.toml) == signal


def test_description_says_what_cells_hold():
    console = Console(file=io.StringIO(), width=150)
    console.print(describe(stack('birks = "0.126 mm/MeV"\ntime_gate = "150 ns"\nweight = 4.0\nthreshold = "0.5 MIP"')))
    said = console.file.getvalue()
    for words in (
        "saturated with kB = 0.126 mm/MeV, within 150 ns, times 4",
        "1.857 MeV",
        "0.5 MIP = ",
        "deposited energy",
    ):
        assert words in said


def test_gflash_scales_to_the_signal():
    """Polystyrene: 2.05 MeV/cm at the minimum, so 1 / (1 + 0.126 x 0.205) of the deposit."""
    incidents = Incidents.make("e-", np.full(3, 5e3))
    deposit, signal = (
        GFlash(stack(keys)).simulate(incidents, 1).energies for keys in ("", 'birks = "0.126 mm/MeV"\nweight = 4.0')
    )
    np.testing.assert_allclose(signal[:, :4], 4 / (1 + 0.126 * 0.2052) * deposit[:, :4], rtol=1e-3)
    np.testing.assert_array_equal(signal[:, 4], deposit[:, 4])


def test_one_place_knows_the_thresholds():
    """Everything else asks `Detector.thresholds` or `Detector.threshold`: a layer may have its own."""
    using = [path.name for path in SOURCES if "readout.threshold" in path.read_text(encoding="utf-8")]
    assert using == ["detector.py"]
