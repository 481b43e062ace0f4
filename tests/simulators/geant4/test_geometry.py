"""Geant4's picture of the cells: distances to walls, as multiple scattering sees them."""

import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("geant4_pybind") is None, reason="geant4_pybind is not installed"
)
SCENE = Path(__file__).with_name("navigation_scene.py")


def distances(preset, points):
    """Of points (N, 3) [mm] to the nearest wall (N,) [mm], in a process of its own."""
    file = io.BytesIO()
    np.save(file, points)
    done = subprocess.run([sys.executable, SCENE, preset], input=file.getvalue(), capture_output=True, check=True)
    return np.load(io.BytesIO(done.stdout))


def to_grid(values, width):
    """Distance to the nearest multiple of a width."""
    return np.minimum(values % width, width - values % width)


def test_walls_of_a_cylinder():
    """Layers of 10 mm, 24 sectors, rings of 5 mm: the nearest wall is where they say, in every ring."""
    random = np.random.default_rng(1)
    r, phi, z = random.uniform((0.1, 0, 1), (119, 2 * np.pi, 239), (300, 3)).T
    points = np.stack([r * np.cos(phi), r * np.sin(phi), z], 1)
    rings = np.where(r < 5, 5 - r, to_grid(r, 5))
    sectors = r * np.sin(to_grid(phi, np.pi / 12))
    expected = np.min([to_grid(z, 10), rings, sectors], 0)
    np.testing.assert_allclose(distances("pbwo4-cylinder", points), expected, atol=1e-6)


def test_walls_of_columns():
    """First layers of calogan-ecal: plates of 2 and 4 mm in cells of 160 x 5 mm2."""
    random = np.random.default_rng(2)
    x, y, z = random.uniform((-239, -239, 0.1), (239, 239, 89), (300, 3)).T
    plates = np.where(z % 6 < 2, to_grid(z % 6, 2), np.minimum(z % 6 - 2, 6 - z % 6))
    expected = np.min([plates, to_grid(x + 240, 160), to_grid(y, 5)], 0)
    np.testing.assert_allclose(distances("calogan-ecal", np.stack([x, y, z], 1)), expected, atol=1e-6)
