"""Cells are where the detector says: fixed, in a mesh along the particle, in a window around the impact."""

import importlib.util

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.detector.frames.window import hit_cells
from caloforge.errors import InputError
from caloforge.showers import Incidents
from caloforge.simulators.geant4 import Geant4Simulator

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("geant4_pybind") is None, reason="geant4_pybind is not installed"
)
PAIR = '[{material = "G4_Si", thickness = "4 mm"}, {material = "G4_W", thickness = "0.5 mm"}]'
LAYERS = {
    "columns": (PAIR, '["G4_Si", "G4_W"]', '"cartesian", n = [3, 4], size = ["40 mm", "30 mm"]', ""),
    "counted plates": (PAIR, '["G4_Si"]', '"cartesian", n = [3, 4], size = ["40 mm", "30 mm"]', ""),
    "wide plates": (PAIR, '["G4_Si", "G4_W"]', '"cartesian", n = [3, 2], size = ["20 mm", "30 mm"]', "90 mm"),
    "one column": (PAIR, '["G4_Si"]', '"cartesian", n = [1, 4], size = ["120 mm", "30 mm"]', ""),
    "homogeneous": (PAIR[:42] + "]", '["G4_Si"]', '"cartesian", n = [2, 3], size = ["30 mm", "20 mm"]', ""),
    "rings": (PAIR, '["G4_Si"]', '"cylindrical", n = [6, 3], r_max = "60 mm"', ""),
    "ring columns": (PAIR, '["G4_Si", "G4_W"]', '"cylindrical", n = [6, 3], r_max = "60 mm"', ""),
    "uneven rings": (PAIR, '["G4_Si"]', '"cylindrical", n = [4, 3], r_edges = ["0 mm", "10 mm", "25 mm", "60 mm"]', ""),
    "hollow": (PAIR, '["G4_Si"]', '"cylindrical", n = [1, 2], r_edges = ["10 mm", "30 mm", "60 mm"]', "80 mm"),
    "cylinder": (PAIR[:42] + "]", '["G4_Si"]', '"cylindrical", n = [5, 4], r_max = "60 mm"', ""),
}


def build(plates, counts, cells, half_width):
    width = f'half_width = "{half_width}"' if half_width else ""
    return Detector.from_toml(f"""
        name = "frames"
        {width}
        [[layer]]
        plates = {plates}
        counts = {counts}
        cells = {{kind = {cells}}}
        [[layer]]
        copies = 2
        repeat = 3
        plates = {plates}
        counts = {counts}
        cells = {{kind = {cells}}}
    """)


def simulate(detector, incidents, seed=1):
    simulator = Geant4Simulator(detector)
    try:
        return simulator.simulate(incidents, seed).energies.astype(float)
    finally:
        simulator.close()


@pytest.mark.parametrize("kind", LAYERS)
def test_every_cell_is_where_the_detector_says(kind):
    """Muons through the middle of each cell hit it in each layer, and each layer as its counted material is thick."""
    detector = build(*LAYERS[kind])
    layer = detector.layers[0]
    n, middle = layer.stop - layer.start, layer.cells.centres
    if kind == "hollow":
        middle = np.array([[20.0, 0.0], [0.0, 45.0]])
    position = np.column_stack([np.repeat(middle, 3, axis=0), np.zeros(3 * n)])
    energies = simulate(detector, Incidents.make("mu-", np.full(3 * n, 2e4), position=position))
    hottest = energies.reshape(n, 3, 3, n).mean(1).argmax(-1)
    np.testing.assert_array_equal(hottest, np.tile(np.arange(n)[:, None], 3))
    per_layer = np.median(detector.sum_layers(energies), axis=0)
    np.testing.assert_allclose(per_layer[1:] / per_layer[0], 3, rtol=0.35)


@pytest.fixture(scope="module")
def mesh():
    """The mesh along the particle, and 60 showers of 1 GeV: perpendicular, and tilted off the axis."""
    detector = Detector.load("par04-siw")
    perpendicular = Incidents.make("e-", np.full(60, 1000.0))
    tilted = Incidents.make("e-", np.full(60, 1000.0), theta=0.25, phi=2.0, position=(60.0, -40.0, 0.0))
    simulator = Geant4Simulator(detector)
    yield detector, *(simulator.simulate(incidents, 4).energies.astype(float) for incidents in (perpendicular, tilted))
    simulator.close()


def moments(detector, energies):
    """Visible energy, depth and radius of each shower, (N, 3)."""
    centres = detector.cell_centres
    total = energies.sum(1)
    depth, radius = (energies @ axis / total for axis in (centres[:, 2], np.hypot(centres[:, 0], centres[:, 1])))
    return np.column_stack([total, depth, radius])


def test_the_mesh_follows_the_particle(mesh):
    """Tilted by 0.25 rad, the plates look 3 % thicker; within that and 4 standard errors nothing changes."""
    detector, perpendicular, tilted = mesh
    straight, turned = moments(detector, perpendicular), moments(detector, tilted)
    error = np.hypot(straight.std(0), turned.std(0)) / np.sqrt(60)
    assert (np.abs(turned.mean(0) - straight.mean(0)) < 4 * error + 0.03 * straight.mean(0)).all()


def test_the_mesh_is_centred_on_the_particle(mesh):
    """The centre of energy lies on the particle's line, within 4 standard errors."""
    detector, *showers = mesh
    for energies in showers:
        centre = energies @ detector.cell_centres[:, :2] / energies.sum(1, keepdims=True)
        assert (np.abs(centre.mean(0)) < 4 * centre.std(0) / np.sqrt(60)).all()


def test_positions_and_volumes_agree(mesh):
    """A tilt too small to matter takes the way over step positions: the same means within 4 standard errors."""
    detector, perpendicular, _ = mesh
    nearly = simulate(detector, Incidents.make("e-", np.full(60, 1000.0), theta=1e-9), seed=5)
    volumes, positions = moments(detector, perpendicular), moments(detector, nearly)
    error = np.hypot(volumes.std(0), positions.std(0)) / np.sqrt(60)
    assert (np.abs(positions.mean(0) - volumes.mean(0)) < 4 * error).all()


def test_showers_in_a_mesh_depend_on_nothing_else():
    detector = Detector.load("par04-siw")
    incidents = Incidents.make("e-", np.full(4, 300.0), theta=[0, 0.1, 0, 0.3], phi=1.0)
    simulator = Geant4Simulator(detector)
    together = simulator.simulate(incidents, 2).energies
    alone = [simulator.simulate(incidents[i : i + 1], 2).energies[0] for i in (3, 0, 2, 1)]
    simulator.close()
    np.testing.assert_array_equal(np.array(alone)[[1, 3, 2, 0]], together)


def test_windows_are_centred_on_the_impact():
    """In 5 x 2 showers over the range of the preset, the hottest middle cell is the hit one, or touches it."""
    detector = Detector.load("atlas-barrel")
    x, y = np.meshgrid(np.linspace(-95, -20, 5), [-50.0, 85.0])
    position = np.column_stack([x.ravel(), y.ravel(), np.zeros(10)])
    incidents = Incidents.make("gamma", np.full(10, 5000.0), theta=np.linspace(0.2, 0.25, 10), position=position)
    assert len(np.unique(hit_cells(detector, incidents.theta, incidents.phi, position), axis=0)) > 4
    energies = simulate(detector, incidents)
    middle, strips = (energies[:, detector.layers[i].slice].reshape(10, *detector.layers[i].cells.n) for i in (2, 1))
    centre = np.indices((7, 7)).reshape(2, -1) @ middle.reshape(10, -1).T / middle.sum((1, 2))
    assert np.abs(centre - 3).max() < 1.2
    assert np.abs((strips.sum(2) @ (np.arange(56) - 27.5)) / strips.sum((1, 2))).max() < 8
    assert 0.19 < (energies.sum(1) / 5000).mean() < 0.26


def test_plates_end_where_the_detector_says_in_x_and_in_y():
    """20 electrons of 1 GeV at 57 degrees: along x they leave 40 mm wide plates after 24 mm, along y few leave at all.

    What leaves so early has left less than half its energy; false alarm under 1e-6.
    """
    detector = Detector.from_toml("""
        name = "slab"
        half_width = ["20 mm", "300 mm"]
        readout = {frame = "shower"}
        [[layer]]
        plates = [{material = "G4_PbWO4", thickness = "300 mm"}]
        counts = ["G4_PbWO4"]
        cells = {kind = "cartesian", n = [1, 1], size = ["40 mm", "40 mm"]}
    """)
    x, y = (simulate(detector, Incidents.make("e-", np.full(20, 1e3), theta=1.0, phi=phi)) for phi in (0, np.pi / 2))
    assert x.mean() < 0.5 * y.mean()
    with pytest.raises(InputError, match=r"outside the front face: x = 0 mm, y = 301 mm; the face is \+-20 mm in x"):
        simulate(detector, Incidents.make("e-", 1000.0, position=(0, 301, 0)))
