"""Overlaps of cells: exact ones against slow twins, sampled ones against exact ones."""

import itertools

import numpy as np
import pytest

from caloforge.detector import overlap
from caloforge.detector.cells import CartesianCells, CylindricalCells, HexagonalCells
from caloforge.detector.overlap import overlaps
from caloforge.errors import InputError


def rectangles(n, size):
    return CartesianCells.build({"kind": "cartesian", "n": n, "size": [f"{s} mm" for s in size]}, "cells")


def rings(n, radius):
    return CylindricalCells.build({"kind": "cylindrical", "n": n, "r_max": f"{radius} mm"}, "cells")


def pads(size, width):
    return HexagonalCells.build({"kind": "hexagonal", "size": f"{size} mm", "width": f"{width} mm"}, "cells")


def table(pairs, one, two):
    found = np.zeros((one.n_cells, two.n_cells))
    np.add.at(found, (pairs.first, pairs.second), pairs.area)
    return found


def test_rectangles_overlap_as_intervals_do():
    one, two = rectangles([3, 4], [20, 7]), rectangles([5, 2], [9, 16])
    boxes = [np.array(grid.corners())[:, [0, 2]] for grid in (one, two)]
    expected = np.zeros((one.n_cells, two.n_cells))
    for (i, a), (j, b) in itertools.product(*map(enumerate, boxes)):
        expected[i, j] = np.prod(np.maximum(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0.0))
    found = overlaps(one, two)
    assert len(found.area) == (expected > 1e-9).sum()
    np.testing.assert_allclose(table(found, one, two), expected, atol=1e-9)
    np.testing.assert_allclose(table(overlaps(two, one), two, one), expected.T, atol=1e-9)


def test_equal_edges_have_no_overlap_by_rounding():
    found = overlaps(rectangles([30, 1], [0.1, 5]), rectangles([10, 1], [0.3, 5]))
    assert found.first.tolist() == list(range(30))
    assert found.second.tolist() == np.repeat(np.arange(10), 3).tolist()


def test_rings_of_other_angles_and_radii():
    one, two = rings([6, 4], 40), rings([4, 3], 60)
    found = table(overlaps(one, two), one, two)
    np.testing.assert_allclose(found.sum(1), one.areas)
    np.testing.assert_allclose(found[:2].sum(0)[[0, 1]], [np.pi * 20**2 / 6, 0.0], atol=1e-9)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (rectangles([5, 5], [13, 11]), rectangles([3, 7], [20, 9])),
        (rings([6, 4], 40), rings([5, 3], 60)),
        (pads(12, 60), pads(12, 60)),
    ],
)
def test_sampled_overlaps_are_near_the_exact_ones(one, two):
    exact, sampled = (table(maker(one, two), one, two) for maker in (overlaps, overlap._sampled))
    assert (np.abs(sampled - exact) <= 0.04 * np.minimum.outer(one.areas, two.areas)).all()
    np.testing.assert_allclose(sampled.sum(), exact.sum(), rtol=0.01)


@pytest.mark.parametrize("other", [rectangles([8, 8], [10, 10]), pads(9, 90), rings([8, 4], 45)])
def test_cells_that_lie_on_others_are_covered(other):
    one = pads(14, 50)
    found = table(overlaps(one, other), one, other)
    np.testing.assert_allclose(found.sum(1), one.areas, rtol=0.02)
    np.testing.assert_array_equal(found, table(overlaps(other, one), other, one).T)


@pytest.mark.parametrize("grid", [rectangles([3, 4], [20, 7]), rings([1, 3], 40), rings([5, 3], 40), pads(12, 60)])
def test_points_are_parts_of_equal_area(grid):
    """They lie in their cells, and their moments are those of the cells."""
    cells = np.array([2, 0, 1])
    points = grid.points(cells, 60)
    assert (grid.locate(*points.reshape(-1, 2).T).reshape(3, -1) == cells[:, None]).all()
    whole = np.stack(np.meshgrid(*[np.linspace(-70.05, 69.95, 701)] * 2), -1).reshape(-1, 2)
    inside = whole[grid.locate(*whole.T) == 2]
    np.testing.assert_allclose(points[0].mean(0), inside.mean(0), atol=0.05)
    np.testing.assert_allclose((points[0] ** 2).mean(0), (inside**2).mean(0), rtol=0.03)


def test_too_many_pairs_are_refused():
    with pytest.raises(InputError, match="overlap in 100000000 pairs, more than the 16777216 allowed"):
        overlaps(rectangles([10_000, 1], [0.01, 100]), rectangles([1, 10_000], [100, 0.01]))
