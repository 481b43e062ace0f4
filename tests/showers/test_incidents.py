"""Incidents: N particles, checked when made."""

from dataclasses import fields

import numpy as np
import pytest

from caloforge.errors import InputError
from caloforge.showers import Incidents
from caloforge.showers.incidents import concatenate


def test_scalars_broadcast_and_ids_count_from_zero():
    incidents = Incidents.make("e+", [1000.0, 2000.0], theta=0.1)
    assert incidents.pdg.tolist() == [-11, -11]
    assert incidents.theta.tolist() == [0.1, 0.1]
    assert incidents.position.shape == (2, 3)
    assert incidents.shower_id.tolist() == [0, 1]
    assert incidents.particles == ["e+"]


def test_types_are_those_on_disk():
    incidents = Incidents.make(22, 5)
    types = {"pdg": np.int32, "energy": np.float64, "theta": np.float64, "position": np.float64, "shower_id": np.int64}
    for name, dtype in types.items():
        assert getattr(incidents, name).dtype == dtype


def test_direction_is_a_unit_vector_from_theta_and_phi():
    direction = Incidents.make("e-", 1.0, theta=0.3, phi=np.pi / 2).direction
    np.testing.assert_allclose(direction, [[0, np.sin(0.3), np.cos(0.3)]], atol=1e-15)


def test_rows_and_concatenation():
    incidents = Incidents.make("e-", [1.0, 2.0, 3.0])
    joined = concatenate([incidents[2:], incidents[:2]])
    assert joined.energy.tolist() == [3, 1, 2]
    assert joined.shower_id.tolist() == [2, 0, 1]
    assert incidents[np.array([True, False, True])].energy.tolist() == [1, 3]


def test_no_incidents():
    assert len(Incidents.make("e-", [])) == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"energy": [0.0]}, "energy must be positive, found 0 MeV"),
        ({"energy": [-5.0]}, "found -5 MeV"),
        ({"energy": [np.nan]}, "energy is not finite"),
        ({"theta": np.inf}, "theta is not finite"),
        ({"theta": np.pi / 2}, "theta must be below pi/2"),
        ({"phi": [0.0, 1.0, 2.0]}, "incidents: "),
        ({"position": (1.0, 2.0)}, "incidents: "),
        ({"shower_id": -1}, "shower_id must not be negative"),
        ({"particle": "electorn"}, "unknown particle 'electorn'"),
    ],
)
def test_refuses(values, message):
    arguments = {"particle": "e-", "energy": [10.0]} | values
    with pytest.raises(InputError, match=message):
        Incidents.make(arguments.pop("particle"), arguments.pop("energy"), **arguments)


def test_quantities_may_be_text_with_units():
    made = Incidents.make("e+", ["5 GeV", 300.0], theta="10 mrad", phi=["90 deg", "0.5 rad"])
    assert made.energy.tolist() == [5000.0, 300.0]
    assert made.theta.tolist() == [0.01, 0.01]
    np.testing.assert_allclose(made.phi, [np.pi / 2, 0.5])
    assert len(Incidents.make("e+", "5 GeV")) == 1
    with pytest.raises(InputError, match="energy '5' has no unit"):
        Incidents.make("e+", "5")


def test_one_incident_by_index_and_equality():
    made = Incidents.make("e+", [1.0, 2.0])
    assert made[1] == Incidents.make("e+", [2.0], shower_id=[1])
    assert made != made[1]


def test_columns_of_equal_values_take_the_memory_of_one():
    columns = [field.name for field in fields(Incidents)]
    made = Incidents.make("e+", [5e3, 6e3, 6e3], theta=0.1, position=(1.0, 2.0, 0.0))
    whole = Incidents(*(np.array(getattr(made, name)) for name in columns))
    compact = whole.compact()
    assert [name for name in columns if getattr(compact, name).strides[0] == 0] == ["pdg", "theta", "phi", "position"]
    for name in columns:
        np.testing.assert_array_equal(getattr(compact, name), getattr(whole, name))
    assert len(compact[:0].compact()) == 0
