import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.showers import Incidents, Showers
from caloforge.simulators.geant4.hook.hits import FastHits, HitMap
from caloforge.simulators.geant4.hook.placement import Placement

MESH = """
name = "mesh"
[readout]
frame = "shower"
[[layer]]
copies = 10
plates = [{material = "G4_W", thickness = "4 mm"}, {material = "G4_Si", thickness = "1 mm"}]
counts = ["G4_Si"]
cells = {kind = "cylindrical", n = [8, 4], r_max = "40 mm"}
"""


@pytest.fixture
def mesh():
    return Detector.from_toml(MESH)


def hits_of(detector, incidents, energies, placement=None):
    event = np.arange(len(incidents))
    return FastHits(event, Showers(detector, incidents, energies.astype(np.float32)), placement or Placement())


def test_fixed_cells_are_added_as_they_are_and_tracked_energy_stays_apart(small):
    rng = np.random.default_rng(2)
    incidents = Incidents.make("e-", np.full(3, 1e3))
    energies = rng.exponential(size=(3, small.n_cells)).astype(np.float32)
    hits = HitMap(small, incidents, np.arange(3))
    hits.tracked[1, 4] = 7
    hits.add(hits_of(small, incidents, energies))
    hits.add(hits_of(small, incidents[:1], energies[:1]))
    assert np.array_equal(hits.fast[1:], energies[1:])
    assert np.array_equal(hits.fast[0], 2 * energies[0])
    assert hits.total[1, 4] == energies[1, 4] + np.float32(7)
    assert hits.fast_fraction[1] == pytest.approx(energies[1].sum() / (energies[1].sum() + 7), rel=1e-6)
    assert hits.fast_fraction[2] == 1


def test_records_flag_fast_deposits_and_stand_where_the_calorimeter_stands(small):
    energies = np.zeros((1, small.n_cells), np.float32)
    energies[0, [3, 20]] = 5, 6
    placement = Placement.at((0, 0, 1000), theta=np.pi / 2, phi=0)
    records = hits_of(small, Incidents.make("e-", 1e3), energies, placement).records()
    assert records["is_fast"].all()
    assert records["cell"].tolist() == [3, 20]
    assert records["energy"].tolist() == [5, 6]
    depth = small.cell_centres[[3, 20], 2]
    assert np.allclose(records["position"][:, 0], depth)


def test_the_mesh_of_a_shower_follows_its_particle(mesh):
    incidents = Incidents.make("e-", 1e4, theta=0.4, phi=1.1, position=(5, 6, 20))
    records = hits_of(mesh, incidents, np.ones((1, mesh.n_cells))).records()
    along = (records["position"] - [5, 6, 20]) @ incidents.direction[0]
    assert np.allclose(along, mesh.cell_centres[:, 2])


def test_a_shower_inside_is_rebinned_into_the_mesh_of_its_event(mesh):
    energies = np.zeros((1, mesh.n_cells))
    energies[0, mesh.layers[0].start] = 100
    energies[0, mesh.layers[9].start] = 30
    primary = Incidents.make("pi+", 1e4)
    hits = HitMap(mesh, primary, np.arange(1))
    hits.add(hits_of(mesh, Incidents.make("gamma", 5e3, position=(0, 0, 20)), energies))
    assert mesh.sum_layers(hits.fast)[0].tolist() == [0, 0, 0, 0, 100, 0, 0, 0, 0, 0]
    assert hits.fast[0, mesh.layers[4].start] == 100


def test_the_mesh_of_an_inclined_event_takes_its_own_shower_unchanged_and_a_turned_one_by_place(mesh):
    energies = np.random.default_rng(3).exponential(size=(1, mesh.n_cells)).astype(np.float32)
    primary = Incidents.make("e-", 1e4, theta=0.3, phi=0.5, position=(1, 2, 0))
    own, turned = HitMap(mesh, primary, np.arange(1)), HitMap(mesh, primary, np.arange(1))
    own.add(hits_of(mesh, primary, energies))
    assert np.array_equal(own.fast, energies)
    nearly = Incidents.make("e-", 1e4, theta=0.3 + 1e-6, phi=0.5, position=(1, 2, 0))
    turned.add(hits_of(mesh, nearly, energies))
    assert np.allclose(turned.fast, energies)


@pytest.fixture
def windowed():
    return Detector.from_toml(
        MESH.replace('"shower"', '"window"\ncentre_layer = 0').replace(
            '{kind = "cylindrical", n = [8, 4], r_max = "40 mm"}',
            '{kind = "cartesian", n = [3, 3], grid = [9, 9], size = ["9 mm", "10 mm"]}',
        )
    )


def test_cells_of_a_window_stand_around_the_cell_that_is_hit(windowed):
    energies = np.zeros((1, windowed.n_cells))
    energies[0, [0, 4]] = 1
    incidents = Incidents.make("gamma", 1e4, position=(9, -10, 0))
    records = hits_of(windowed, incidents, energies).records()
    assert np.allclose(records["position"], [[0, -20, 2.5], [9, -10, 2.5]])


def test_a_second_window_of_an_event_is_shifted_into_the_first(windowed):
    energies = np.zeros((1, windowed.n_cells))
    energies[0, [0, 4]] = 1, 2
    hits = HitMap(windowed, Incidents.make("gamma", 1e4), np.arange(1))
    hits.add(hits_of(windowed, Incidents.make("e-", 1e4, position=(9, 10, 0)), energies))
    assert np.flatnonzero(hits.fast[0]).tolist() == [4, 8]
    assert hits.fast[0, [4, 8]].tolist() == [1, 2]
    far = HitMap(windowed, Incidents.make("gamma", 1e4), np.arange(1))
    far.add(hits_of(windowed, Incidents.make("e-", 1e4, position=(27, 0, 0)), energies))
    assert far.fast.sum() == 0
