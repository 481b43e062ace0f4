"""Steps that cross cells of a mesh leave their energy in each by the way in it."""

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.simulators.geant4.world.sharing import share

MESH = """
name = "mesh"
[readout]
frame = "shower"
[[layer]]
copies = 3
plates = [{material = "G4_Si", thickness = "10 mm"}]
counts = ["G4_Si"]
cells = {kind = %s}
[[layer]]
plates = [{material = "G4_Si", thickness = "25 mm"}]
counts = ["G4_Si"]
cells = {kind = %s}
"""
CELLS = {
    "rings": '"cylindrical", n = [1, 4], r_max = "40 mm"',
    "half rings": '"cylindrical", n = [2, 3], r_max = "40 mm"',
    "sectors": '"cylindrical", n = [7, 3], r_edges = ["0 mm", "5 mm", "12 mm", "40 mm"]',
    "hollow": '"cylindrical", n = [3, 2], r_edges = ["10 mm", "20 mm", "35 mm"]',
    "rectangles": '"cartesian", n = [4, 3], size = ["15 mm", "22 mm"]',
    "pads": '"hexagonal", size = "14 mm", width = "75 mm"',
    "one cell": '"cartesian", n = [1, 1], size = ["60 mm", "60 mm"]',
}
FINE = 40_000


def walked(detector, energy, start, end):
    """Energies (n_cells,) of one step by points along it."""
    points = start + (np.arange(FINE)[:, None] + 0.5) / FINE * (end - start)
    cells = detector.locate(points)
    return np.bincount(cells[cells >= 0], minlength=detector.n_cells) * energy / FINE


@pytest.mark.parametrize("first", CELLS)
@pytest.mark.parametrize("last", ["rings", "rectangles"])
def test_shares_are_those_of_the_way(first, last):
    detector = Detector.from_toml(MESH % (CELLS[first], CELLS[last]))
    random = np.random.default_rng(3)
    start = random.uniform((-45, -45, -5), (45, 45, 60), (40, 3))
    way = random.normal(0, (20, 20, 20), (40, 3)) * random.choice([0.05, 1.0], (40, 1))
    way[:3], way[3:6, 2], way[6:9, :2] = 0, 0, 0
    energy = random.uniform(1, 2, 40)
    for row in range(40):
        one = slice(row, row + 1)
        cells, left = share(detector, energy[one], start[one], start[one] + way[one])
        ours = np.bincount(cells, left, detector.n_cells)
        np.testing.assert_allclose(ours, walked(detector, energy[row], start[row], (start + way)[row]), atol=2e-3)
    together = np.bincount(*share(detector, energy, start, start + way)[:1], minlength=detector.n_cells)
    assert (together > 0).any()


def test_all_energy_stays_in_a_mesh_that_holds_the_steps():
    detector = Detector.load("par04-siw")
    random = np.random.default_rng(4)
    start, end = random.uniform((-28, -28, 0), (28, 28, 152), (2, 3000, 3))
    end[:2000] = start[:2000] + (end - start)[:2000] / 30
    energy = random.exponential(size=3000)
    assert share(detector, energy, start, end)[1].sum() == pytest.approx(energy.sum(), rel=1e-12)


def test_a_point_leaves_all_in_its_cell():
    detector = Detector.load("par04-siw")
    points = detector.cell_centres[::37]
    cells, energies = share(detector, np.ones(len(points)), points, points)
    np.testing.assert_array_equal(np.sort(cells), np.arange(0, detector.n_cells, 37))
    assert (energies == 1).all()
