"""Frozen showers: nearest, rescaled, reflected; and refused outside the library."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.detector import symmetries
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, read, write
from caloforge.simulators import create
from caloforge.simulators.frozen import NEIGHBOURS, FrozenShowers


def library(path, detector, incidents, seed=0):
    energies = np.random.default_rng(seed).exponential(3, (len(incidents), detector.n_cells)).astype(np.float32)
    write(path, Showers(detector, incidents, energies, {"simulator": "test"}))
    return energies


def test_scales_a_near_shower_of_the_library(small, tmp_path):
    incidents = Incidents.make("e-", np.geomspace(1000, 10_000, 50))
    energies = library(tmp_path / "l.h5", small, incidents)
    frozen = FrozenShowers(tmp_path / "l.h5", small)
    wanted = Incidents.make("e-", np.full(100, 3000.0))
    showers = frozen.simulate(wanted, 1)
    moves = symmetries(small)
    nearest = np.argsort(np.abs(np.log(incidents.energy / 3000.0)))[:NEIGHBOURS]
    possible = np.concatenate([energies[i][moves] * (3000.0 / incidents.energy[i]) for i in nearest])
    distance = np.abs(showers.energies[:, None] - possible[None]).max(2)
    assert (distance.min(1) < 1e-4).all()
    used = np.unique(distance.argmin(1) // len(moves))
    assert len(used) == NEIGHBOURS  # 100 draws of 10 miss one with probability 3e-4
    assert len(np.unique(distance.argmin(1) % len(moves))) == len(moves)


def test_total_scales_with_energy(small, tmp_path):
    library(tmp_path / "l.h5", small, Incidents.make("e-", np.full(3, 1000.0)))
    frozen = FrozenShowers(tmp_path / "l.h5", small)
    low, high = (frozen.simulate(Incidents.make("e-", e, shower_id=4), 1).energies for e in (950.0, 1050.0))
    np.testing.assert_allclose(high, low * 1050 / 950, rtol=1e-5)


def test_inclined_or_off_centre_showers_are_not_reflected(small, tmp_path):
    incidents = Incidents.make("e-", np.full(1, 1000.0), theta=0.1, phi=0.0)
    energies = library(tmp_path / "l.h5", small, incidents)
    wanted = Incidents.make("e-", np.full(40, 1000.0), theta=0.1)
    np.testing.assert_array_equal(
        FrozenShowers(tmp_path / "l.h5", small).simulate(wanted, 1).energies, np.repeat(energies, 40, axis=0)
    )


def test_directions_of_the_range_that_a_library_was_drawn_from_are_accepted(small, tmp_path):
    """Random angles never reach the ends of the range that they are drawn from."""
    theta = np.random.default_rng(3).uniform(0.1, 0.5, 1000)
    library(tmp_path / "l.h5", small, Incidents.make("e-", np.full(1000, 1000.0), theta=np.clip(theta, 0.103, 0.498)))
    frozen = FrozenShowers(tmp_path / "l.h5", small)
    wanted = Incidents.make("e-", np.full(4, 1000.0), theta=[0.1, 0.3, 0.5, 0.53])
    assert frozen.accepts(wanted).tolist() == [True, True, True, False]


def test_takes_the_nearest_direction(small, tmp_path):
    theta = np.repeat([0.0, 0.1, 0.2], NEIGHBOURS)
    energies = library(tmp_path / "l.h5", small, Incidents.make("e-", np.full(len(theta), 1000.0), theta=theta))
    wanted = Incidents.make("e-", np.full(60, 1000.0), theta=0.11)
    showers = FrozenShowers(tmp_path / "l.h5", small).simulate(wanted, 1)
    rows = np.abs(showers.energies[:, None] - energies[None]).max(2).argmin(1)
    assert set(rows) <= set(range(NEIGHBOURS, 2 * NEIGHBOURS))


def test_each_particle_has_its_own_showers(small, tmp_path):
    incidents = Incidents.make(np.array([11, 22], np.int32), np.full(2, 1000.0), theta=0.1)
    energies = library(tmp_path / "l.h5", small, incidents)
    wanted = Incidents.make(np.array([22, 11, 22], np.int32), np.full(3, 1000.0), theta=0.1)
    showers = FrozenShowers(tmp_path / "l.h5", small).simulate(wanted, 1)
    np.testing.assert_array_equal(showers.energies, energies[[1, 0, 1]])


@pytest.mark.parametrize("energy", [910.0, 10_999.0])
def test_energies_up_to_ten_percent_outside(small, tmp_path, energy):
    library(tmp_path / "l.h5", small, Incidents.make("e-", np.array([1000.0, 10_000.0])))
    assert len(FrozenShowers(tmp_path / "l.h5", small).simulate(Incidents.make("e-", energy), 1)) == 1


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Incidents.make("e-", 900.0), "holds energies 1 GeV to 10 GeV; 900 MeV is too far"),
        (Incidents.make("e-", 11_100.0), "11.1 GeV is too far"),
        (Incidents.make("pi+", 5000.0), r"holds showers of e-, not of pi\+"),
        (Incidents.make("e-", 5000.0, theta=0.1), "directions of the incidents"),
        (Incidents.make("e-", 5000.0, position=(2.0, 0.0, 0.0)), "entry points"),
    ],
)
def test_refuses_what_the_library_does_not_hold(small, tmp_path, wanted, message):
    library(tmp_path / "l.h5", small, Incidents.make("e-", np.array([1000.0, 10_000.0])))
    with pytest.raises(InputError, match=message):
        FrozenShowers(tmp_path / "l.h5", small).simulate(wanted, 1)


def test_entry_points_up_to_the_ends_of_the_source(small, tmp_path):
    """Random entry points never reach the ends of the range that they were drawn from."""
    incidents = Incidents.make("e-", np.full(2, 1000.0), position=[(-3.0, 0.0, 0.0), (4.0, 0.0, 0.0)])
    library(tmp_path / "drawn.h5", small, incidents)
    drawn = read(tmp_path / "drawn.h5")
    write(tmp_path / "l.h5", replace(drawn, provenance={"order": {"source": {"x": [-5.0, 5.0], "y": [0.0, 0.0]}}}))
    frozen = FrozenShowers(tmp_path / "l.h5", small)
    assert len(frozen.simulate(Incidents.make("e-", 1000.0, position=(4.9, 0.0, 0.0)), 1)) == 1
    with pytest.raises(InputError, match="entry points"):
        frozen.simulate(Incidents.make("e-", 1000.0, position=(5.2, 0.0, 0.0)), 1)


def test_refuses_an_empty_library(small, tmp_path):
    library(tmp_path / "l.h5", small, Incidents.make("e-", np.array([])))
    with pytest.raises(InputError, match="holds no showers"):
        create(f"frozen={tmp_path / 'l.h5'}", small)
