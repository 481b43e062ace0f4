"""Windows of cells that move with the impact."""

from pathlib import Path

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.detector.frames.window import (
    alignment,
    fixed_starts,
    hit_cells,
    impact,
    into_window,
    pattern,
    window_offsets,
)
from caloforge.errors import InputError

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def barrel():
    return Detector.load("atlas-barrel")


def incidents(n):
    """Directions and entry points that the preset is meant for."""
    random = np.random.default_rng(5)
    x, y = random.uniform(-96, -19.2, n), random.uniform(-55.2, 92, n)
    return random.uniform(0.20, 0.25, n), np.zeros(n), np.column_stack([x, y, np.zeros(n)])


def test_barrel_has_266_cells_and_its_pattern(barrel):
    assert [layer.stop - layer.start for layer in barrel.layers] == [21, 168, 49, 28]
    assert pattern(barrel) == (2, 4)


def test_impact_is_a_straight_line(barrel):
    depth = barrel.layers[2].z_min
    assert depth == pytest.approx(160 + 11 + 14 * 5.73)
    found = impact(barrel, [0.2, 0.2], [0.0, np.pi / 2], [[1.0, 2.0, 0.0]] * 2)
    np.testing.assert_allclose(found, [[1 + depth * np.tan(0.2), 2], [1, 2 + depth * np.tan(0.2)]])


def test_all_default_windows_are_contained(barrel):
    offsets = window_offsets(barrel, *incidents(20_000))
    assert offsets.shape == (20_000, 4, 2)
    assert (offsets >= 0).all()
    for index, layer in enumerate(barrel.layers):
        assert (offsets[:, index] + layer.cells.shape <= layer.cells.fixed_shape).all()


def test_the_wider_barrel_of_the_examples_holds_windows_of_up_to_half_a_radian(barrel):
    wide = Detector.load(EXAMPLES / "atlas-particles" / "detector.toml")
    assert [layer.cells.shape for layer in wide.layers] == [layer.cells.shape for layer in barrel.layers]
    random = np.random.default_rng(6)
    x, y = random.uniform(-150, -110, 20_000), random.uniform(-55.2, 92, 20_000)
    theta = np.concatenate([[0.1] * 100, [0.5] * 100, random.uniform(0.1, 0.5, 19_800)])
    window_offsets(wide, theta, np.zeros(20_000), np.column_stack([x, y, np.zeros(20_000)]))
    with pytest.raises(InputError, match="leaves the grid"):
        window_offsets(barrel, [0.1], [0.0], [[-150.0, 0.0, 0.0]])


def test_windows_are_centred_on_the_hit_middle_cell(barrel):
    theta, phi, position = incidents(500)
    offsets, point = window_offsets(barrel, theta, phi, position), impact(barrel, theta, phi, position)
    for index, layer in enumerate(barrel.layers):
        size, grid, n = (np.array(v) for v in (layer.cells.size, layer.cells.fixed_shape, layer.cells.shape))
        middle = (offsets[:, index] + n / 2 - grid / 2) * size
        slack = (np.array([38.4, 36.8]) + size) / 2 * 1.001
        assert (np.abs(middle - point) <= slack).all(), f"layer {index}"


def test_strips_lie_symmetrically_about_the_hit_cell(barrel):
    """Eight strips to a middle cell: 28 on either side of its centre."""
    theta, phi, position = incidents(500)
    cell = hit_cells(barrel, theta, phi, position)[:, 0]
    strips = window_offsets(barrel, theta, phi, position)[:, 1, 0]
    np.testing.assert_array_equal(strips + 28 - 36, (cell - 4) * 8)


def test_windows_that_leave_the_grid_are_refused(barrel):
    with pytest.raises(InputError, match="enters at 100 mm, 0 mm leaves the grid"):
        window_offsets(barrel, [0.22], [0.0], [[100.0, 0.0, 0.0]])


def test_alignment_is_one_hot_and_uniform(barrel):
    theta, phi, position = incidents(20_000)
    for kind in (alignment(barrel, position), alignment(barrel, position, theta, phi)):
        assert kind.shape == (20_000, 6)
        np.testing.assert_array_equal(kind.sum(1), 2)
        np.testing.assert_allclose(kind.mean(0), [0.5, 0.5, 0.25, 0.25, 0.25, 0.25], atol=0.02)
    cells = np.floor((position[:, :2] - [-96.0, -55.2]) / [38.4, 36.8]).astype(int)
    expected = {tuple(c): tuple(a) for c, a in zip(cells.tolist(), alignment(barrel, position).tolist(), strict=True)}
    assert len(expected) == len(set(expected.values())) == 8


def test_fixed_cells_find_their_place_in_the_window(barrel):
    """Against a loop over every cell of every layer."""
    theta, phi, position = incidents(3)
    starts = fixed_starts(barrel)
    for offsets in window_offsets(barrel, theta, phi, position):
        places = into_window(barrel, np.arange(starts[-1]), offsets)
        assert sorted(places[places >= 0]) == list(range(barrel.n_cells))
        for index, layer in enumerate(barrel.layers):
            grid = np.arange(starts[index], starts[index + 1]).reshape(layer.cells.fixed_shape)
            (x, y), (nx, ny) = offsets[index], layer.cells.shape
            shown = grid[x : x + nx, y : y + ny].ravel()
            np.testing.assert_array_equal(places[shown], np.arange(layer.start, layer.stop))
