import math

import numpy as np
import pytest
import torch

from caloforge.detector import Detector
from caloforge.detector.frames.window import alignment
from caloforge.models.parts.impact import Alignment, ImpactConditions
from caloforge.showers import Incidents
from caloforge.showers.domain import Domain, network_inputs


@pytest.fixture(scope="module")
def barrel():
    return Detector.load("atlas-barrel")


def photons(n, *, theta=(0.20, 0.25), phi=(0.0, 0.0)):
    random = np.random.default_rng(5)
    position = np.column_stack([random.uniform(-96, -19.2, n), random.uniform(-55.2, 92, n), np.zeros(n)])
    energy = np.exp(random.uniform(math.log(1e3), math.log(260e3), n))
    return Incidents.make("gamma", energy, theta=random.uniform(*theta, n), phi=random.uniform(*phi, n),
                          position=position)  # fmt: skip


def tensors(incidents, names):
    inputs = network_inputs(incidents)
    return {name: torch.from_numpy(inputs[name]) for name in names}


def slow_alignment(incidents, row):
    """From the numbers of the preset: middle cells of 38.4 x 36.8 mm, 9 x 11 of them, 251.22 mm deep."""
    x, y, _ = incidents.position[row]
    slope = 251.22 * math.tan(incidents.theta[row])
    place = (
        (x + slope * math.cos(incidents.phi[row])) / 38.4 + 4.5,
        (y + slope * math.sin(incidents.phi[row])) / 36.8 + 5.5,
    )
    cell = [math.floor(value) for value in place]
    hot = [0.0] * 6
    hot[cell[0] % 2] = hot[2 + cell[1] % 4] = 1.0
    return hot + [value - below - 0.5 for value, below in zip(place, cell, strict=True)]


@pytest.mark.parametrize("phi", [(0.0, 0.0), (-2.0, 2.0)])
def test_alignment_of_photons(barrel, phi):
    incidents = photons(300, phi=phi)
    domain = Domain.of(incidents)
    names = [name for name in ("theta", "phi", "position") if name in domain.inputs]
    found = Alignment(barrel, domain)(**tensors(incidents, names)).numpy()
    expected = np.array([slow_alignment(incidents, row) for row in range(300)])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(found[:, :6], alignment(barrel, incidents.position, incidents.theta, incidents.phi))
    assert (found[:, :6].sum(0) > 0).all()


def test_a_fixed_angle_is_taken_from_the_domain(barrel):
    incidents = photons(100, theta=(0.22, 0.22))
    domain = Domain.of(incidents)
    assert "theta" not in domain.inputs
    found = Alignment(barrel, domain)(**tensors(incidents, ["position"]))
    np.testing.assert_array_equal(found[:, :6], alignment(barrel, incidents.position, 0.22))


def test_conditions_hold_incident_and_alignment(barrel):
    incidents = photons(50)
    domain = Domain.of(incidents)
    conditions = ImpactConditions(barrel, domain)
    found = conditions(**tensors(incidents, domain.inputs))
    assert found.shape == (50, conditions.size) == (50, 4 + 8)
    assert torch.equal(found[:, :4], conditions.incident(**tensors(incidents, domain.inputs)))


def test_no_alignment_where_cells_or_entry_points_are_fixed(barrel, small):
    incidents = photons(50)
    centred = Incidents.make("gamma", incidents.energy, theta=incidents.theta)
    assert ImpactConditions(small, Domain.of(incidents)).alignment is None
    assert ImpactConditions(barrel, Domain.of(centred)).alignment is None
