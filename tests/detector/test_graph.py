"""The graph of a detector: its relations, cell by cell."""

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.detector.graph import graph
from caloforge.detector.neighbours import neighbours
from caloforge.errors import InputError

STRIPS = """
name = "strips"
[[layer]]
plates = [{material = "G4_PbWO4", thickness = "50 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [1500, 1], size = ["2 mm", "3000 mm"]}
[[layer]]
plates = [{material = "G4_PbWO4", thickness = "50 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [1, 1500], size = ["3000 mm", "2 mm"]}
"""
PADS = """
name = "pads"
[[layer]]
copies = 2
plates = [{material = "G4_PbWO4", thickness = "50 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "hexagonal", size = "10 mm", width = "70 mm"}
"""


def related(relation, cell):
    """Related cells and their weights."""
    there = relation.weights[cell] > 0
    return dict(zip(relation.cells[cell, there].tolist(), relation.weights[cell, there].tolist(), strict=True))


def test_cells_in_contact_are_the_neighbours(small):
    for row, expected in zip(graph(small).contact.cells, neighbours(small), strict=True):
        assert sorted(row) == sorted(expected)


def test_cells_two_steps_away(small):
    """In the middle of 3 x 3 cells the diagonal ones, each by way of two cells."""
    start = small.layers[1].start
    assert related(graph(small).second_contact, start + 4) == {start + k: 2.0 for k in (0, 2, 6, 8)}
    assert related(graph(small).second_contact, start) == {start + 2: 1.0, start + 6: 1.0, start + 4: 2.0}


def test_overlap_with_layers_of_another_grid_and_of_the_same(small):
    """The first layer has 2 x 4 cells of 80 x 40 mm, the others 3 x 3 of 50 x 50 mm, in x and y."""
    found = graph(small)
    assert related(found.following, 0) == pytest.approx({8: 50 * 35 / 3200, 11: 25 * 35 / 3200})
    assert related(found.previous, 8) == pytest.approx({0: 50 * 35 / 2500, 1: 50 * 15 / 2500})
    assert related(found.following, 10) == {19: 1.0}
    assert related(found.previous, 0) == {}
    assert related(found.following, small.n_cells - 1) == {}


def test_a_hexagon_touches_six_others_and_knows_twelve_behind():
    detector = Detector.from_toml(PADS)
    found, middle = graph(detector), detector.layers[0].stop // 2
    assert len(related(found.contact, middle)) == 6
    assert sorted(related(found.second_contact, middle).values()) == [1.0] * 6 + [2.0] * 6
    assert related(found.following, middle) == {middle + detector.layers[0].stop: 1.0}


def test_absent_cells_have_weight_zero(small):
    for relation in graph(small):
        np.testing.assert_array_equal(relation.weights == 0, relation.cells == small.n_cells)


def test_too_large_a_graph_is_refused():
    with pytest.raises(InputError, match=r"strips has \d+ places, more than the 4194304 allowed: 3000 cells"):
        graph(Detector.from_toml(STRIPS))
