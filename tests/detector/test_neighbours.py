from itertools import product

import numpy as np
import pytest

from caloforge.detector import Detector, preset_names
from caloforge.detector.neighbours import neighbours

RING = """
name = "ring"
[[layer]]
plates = [{{material = "G4_PbWO4", thickness = "50 mm"}}]
counts = ["G4_PbWO4"]
cells = {{kind = "cylindrical", n = [{n}, 2], r_max = "40 mm"}}
"""


def test_rectangles_touch_along_both_axes(small):
    table, layer = neighbours(small), small.layers[1]
    for i, j in product(range(3), range(3)):
        found = set(table[layer.start + 3 * i + j].tolist()) - {small.n_cells}
        assert found == {
            layer.start + 3 * a + b
            for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
            if 0 <= a < 3 and 0 <= b < 3
        }


@pytest.mark.parametrize(("n", "expected"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 4]), (5, [1, 2, 8])])
def test_rings_close(n, expected):
    detector = Detector.from_toml(RING.format(n=n))
    found = sorted(set(neighbours(detector)[0].tolist()) - {detector.n_cells})
    assert found == expected


@pytest.mark.parametrize("name", preset_names())
def test_neighbours_are_mutual_and_of_one_layer(name):
    detector = Detector.load(name)
    table = neighbours(detector)
    assert table.shape == (detector.n_cells, 4)
    cell, column = np.nonzero(table < detector.n_cells)
    other = table[cell, column]
    np.testing.assert_array_equal(detector.cell_layer[cell], detector.cell_layer[other])
    pairs = set(zip(cell.tolist(), other.tolist(), strict=True))
    assert len(pairs) == len(cell)
    assert pairs == {(b, a) for a, b in pairs}
