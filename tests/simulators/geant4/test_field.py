"""Uniform magnetic field: charged particles bend, neutral ones do not, and symmetries and identity follow."""

from importlib.util import find_spec

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.detector.symmetry import count_symmetries, symmetries
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, write
from caloforge.simulators import create
from caloforge.simulators.geant4 import HookedGeant4
from caloforge.simulators.geant4.physics import ACCURATE_MSC, multiple_scattering

geant4 = pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="geant4_pybind is not installed")
TRACKER = """
name = "tracker"
[[layer]]
copies = 20
plates = [{material = "G4_AIR", thickness = "50 mm"}]
counts = ["G4_AIR"]
cells = {kind = "cartesian", n = [201, 5], size = ["5 mm", "200 mm"]}
[[layer]]
plates = [{material = "G4_Pb", thickness = "60 mm"}]
counts = ["G4_Pb"]
cells = {kind = "cartesian", n = [201, 5], size = ["5 mm", "200 mm"]}
"""
CRYSTAL = """
name = "crystal"
[[layer]]
plates = [{material = "G4_PbWO4", thickness = "200 mm"}]
counts = ["G4_PbWO4"]
"""
SQUARE = 'cells = {kind = "cartesian", n = [4, 4], size = ["20 mm", "20 mm"]}\n'
ROUND = 'cells = {kind = "cylindrical", n = [8, 3], r_max = "60 mm"}\n'


def with_field(text, *vector):
    return Detector.from_toml(f"{text}\n[field]\nvector = {list(vector)}\n")


def centre(detector, energies):
    """Mean x and y of each layer's energy [mm] (N, layers, 2)."""
    parts = [
        (energies[:, layer.slice].astype(float), detector.cell_centres[layer.slice, :2]) for layer in detector.layers
    ]
    return np.stack([e @ xy / np.maximum(e.sum(1, keepdims=True), 1e-12) for e, xy in parts], axis=1)


def bending_radius(detector, energies):
    """Radius of the median track in the plates of air [mm], positive where it bends to x > 0."""
    z = np.array([layer.z for layer in detector.layers[:20]])
    x, y = np.median(centre(detector, energies)[:, :20], axis=0).T
    assert np.abs(y).max() < 3
    return np.median((x**2 + z**2)[8:] / (2 * x[8:]))


@geant4
@pytest.mark.parametrize("momentum", [1000.0, 3000.0])
@pytest.mark.parametrize("with_hook", [False, True], ids=["plain", "hooked"])
def test_muons_bend_with_the_radius_of_their_momentum(with_hook, momentum, tmp_path):
    """r = p / (0.3 B): 1 GeV/c in 2 T along y, 1.668 m. Muons are tracked with a fast simulation inside, too.

    The force is e v x B: a negative charge along z in a field along y bends to x > 0.
    """
    detector = with_field(TRACKER, "0 T", "2 T", "0 T")
    ones = np.ones((1, detector.n_cells), np.float32)
    write(tmp_path / "electrons.h5", Showers(detector, Incidents.make("e-", [1e4]), ones))
    simulator = HookedGeant4(detector, str(tmp_path / "electrons.h5")) if with_hook else create("geant4", detector)
    kinetic = np.hypot(momentum, 105.658) - 105.658
    expected = momentum / (0.299792458 * 2)
    for particle, sign in (("mu-", 1), ("mu+", -1)):
        energies = simulator.simulate(Incidents.make(particle, np.full(8, kinetic)), 1).energies
        assert bending_radius(detector, energies) == pytest.approx(sign * expected, rel=0.015)
    simulator.close()


@geant4
def test_neutral_particles_fly_straight():
    """Photons that convert in the lead behind 1 m of air do so on the axis."""
    detector = with_field(TRACKER, "0 T", "2 T", "0 T")
    simulator = create("geant4", detector)
    energies = simulator.simulate(Incidents.make("gamma", np.full(20, 1000.0)), 1).energies
    simulator.close()
    energies = energies[energies[:, : detector.layers[20].start].sum(1) < 0.1]
    assert len(energies) > 10
    assert np.abs(centre(detector, energies)[:, 20]).mean() < 5


def test_identity_and_text():
    """A field tells detectors apart; without one the text, and so the hash, is as before."""
    plain, numbers, text = (
        Detector.from_toml(TRACKER),
        with_field(TRACKER, 0, 2, 0),
        with_field(TRACKER, "0 T", "20 kG", "0 T"),
    )
    assert "field" not in plain.toml
    assert numbers == text != plain
    assert numbers.field == (0.0, 2.0, 0.0)
    assert Detector.from_toml(numbers.toml) == numbers
    with pytest.raises(InputError, match=r"field.vector.0: .*100"):
        with_field(TRACKER, "101 T", "0 T", "0 T")
    with pytest.raises(InputError, match="unit 'm' of magnetic field"):
        with_field(TRACKER, "1 m", "0 T", "0 T")


@pytest.mark.parametrize(
    ("cells", "vector", "left"),
    [
        (SQUARE, (0, 0, 0), 8),
        (SQUARE, (0, 0, 2), 4),  # the rotations
        (SQUARE, (0, 2, 0), 2),  # the reflection in y, whose mirror is normal to the field
        (SQUARE, (1, 1, 0), 2),
        (SQUARE, (1, 2, 0), 1),
        (SQUARE, (0, 1, 1), 1),
        (ROUND, (0, 0, 0), 16),
        (ROUND, (0, 0, 2), 8),
        (ROUND, (0, 2, 0), 2),
    ],
)
def test_a_field_breaks_symmetries(cells, vector, left):
    detector = with_field(CRYSTAL + cells, *vector)
    assert count_symmetries(detector) == len(symmetries(detector)) == left


def test_the_reflection_that_a_field_along_y_keeps_is_the_one_in_y():
    detector = with_field(CRYSTAL + SQUARE, 0, 2, 0)
    x, y = detector.cell_centres[:, 0], detector.cell_centres[:, 1]
    (_, kept) = symmetries(detector)
    assert np.array_equal(x[kept], x)
    assert np.array_equal(y[kept], -y)


def test_steps_are_not_folded_in_a_field():
    assert multiple_scattering(with_field(CRYSTAL + SQUARE, 0, 2, 0)) == ACCURATE_MSC


def test_gflash_refuses_a_field():
    with pytest.raises(InputError, match="gflash simulates no magnetic field, and crystal has one; use geant4"):
        create("gflash", with_field(CRYSTAL + SQUARE, 0, 2, 0))
    with pytest.raises(InputError, match="gflash simulates no magnetic field, and tracker has one"):
        HookedGeant4(with_field(TRACKER, 0, 2, 0), "gflash")
