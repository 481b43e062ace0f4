"""Symmetries against Geant4: mirrored showers are as probable as showers."""

import numpy as np
import pytest

from caloforge.detector import Detector, symmetries
from caloforge.detector.symmetry import count_symmetries
from caloforge.showers import read


@pytest.mark.parametrize(
    ("name", "count"), [("calogan-ecal", 4), ("clic-ecal", 8), ("pbwo4-cylinder", 48), ("par04-siw", 32), ("sdhcal", 8)]
)
def test_symmetries_form_a_group(name, count):
    detector = Detector.load(name)
    moves = symmetries(detector)
    assert moves.shape == (count, detector.n_cells)
    assert count_symmetries(detector) == count
    np.testing.assert_array_equal(moves[0], np.arange(detector.n_cells))
    known = {move.tobytes() for move in moves}
    assert len(known) == count
    sample = range(0, count, max(count // 8, 1))
    assert all(moves[a][moves[b]].tobytes() in known for a in range(count) for b in sample)


@pytest.mark.parametrize("name", ["calogan-ecal", "clic-ecal", "pbwo4-cylinder"])
def test_symmetries_keep_layer_radius_and_volume(name):
    detector = Detector.load(name)
    radius = np.hypot(*detector.cell_centres[:, :2].T)
    for move in symmetries(detector):
        np.testing.assert_array_equal(detector.cell_layer[move], detector.cell_layer)
        np.testing.assert_allclose(radius[move], radius, atol=1e-9)
        np.testing.assert_allclose(detector.cell_volumes[move], detector.cell_volumes)


def test_a_window_has_no_symmetry_but_itself(small):
    text = small.toml.replace("[readout]", '[readout]\nframe = "window"\ncentre_layer = 1')
    assert symmetries(Detector.from_toml(text)).shape == (1, small.n_cells)


def mean_offsets(showers, move):
    """Difference of each cell's mean from its image's, in standard errors, for cells hit often enough."""
    difference = showers.energies[:, move] - showers.energies
    often = (difference != 0).mean(0) > 0.2
    difference = difference[:, often].astype(np.float64)
    return difference.mean(0) / (difference.std(0) / np.sqrt(len(difference)))


def test_flips_of_calogan_showers(shared):
    """11 000 showers, 3 flips: no offset above 5 sigma among at most 1500, false alarm under 1e-3."""
    detector = Detector.load("calogan-ecal")
    showers = read(shared / "data" / "calogan_eplus.h5", detector)
    for move in symmetries(detector)[1:]:
        offsets = mean_offsets(showers, move)
        assert len(offsets) > 100
        assert np.abs(offsets).max() < 5
        assert abs(np.sqrt(np.mean(offsets**2)) - 1) < 0.4


def test_a_shift_by_one_cell_is_no_symmetry(shared):
    detector = Detector.load("calogan-ecal")
    showers = read(shared / "data" / "calogan_eplus.h5", detector, slice(0, 1000))
    shift = np.roll(np.arange(detector.n_cells), 1)
    assert np.abs(mean_offsets(showers, shift)).max() > 20
