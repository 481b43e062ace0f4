import pytest

from caloforge.detector import Detector
from caloforge.detector.cells import CartesianCells, CylindricalCells

CARTESIAN = {"kind": "cartesian", "n": (3, 4), "size": ("5 mm", "6 mm")}
RINGS = {"kind": "cylindrical", "n": (8, 2), "r_edges": ("0 mm", "1 mm", "4 mm")}


@pytest.mark.parametrize(
    ("kind", "values", "change"),
    [
        (CartesianCells, CARTESIAN, {"n": (3, 5)}),
        (CartesianCells, CARTESIAN, {"grid": (5, 6)}),
        (CylindricalCells, RINGS, {"r_edges": ("0 mm", "2 mm", "4 mm")}),
    ],
)
def test_cells_are_equal_by_their_fields_whatever_is_cached(kind, values, change):
    one, same, other = kind.build(values, "a"), kind.build(values, "b"), kind.build({**values, **change}, "c")
    for cells in (one, other):
        assert cells.edges[0].size
        assert cells.centres.size == 2 * cells.areas.size
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert same.centres.size
    assert one == same


def test_cells_of_different_kinds_differ():
    assert CartesianCells.build(CARTESIAN, "a") != CylindricalCells.build(RINGS, "b")
    assert CartesianCells.build(CARTESIAN, "a") != "cells"


def test_specs_are_equal_after_use():
    one, same = (Detector.load("calogan-ecal") for _ in range(2))
    assert one.cell_centres.shape == same.cell_centres.shape
    assert one.spec == same.spec
