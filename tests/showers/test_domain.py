import numpy as np
import pytest

from caloforge.errors import InputError
from caloforge.showers import Incidents
from caloforge.showers.domain import Domain

DOMAIN = Domain(pdgs=(-11, 22), energy=(1e3, 1e5), theta=(0, 0.5), phi=(0, 3), position=((-1, 1), (-2, 2), (0, 0)))


def passes(incident):
    try:
        DOMAIN.check(incident)
    except InputError:
        return False
    return True


def test_holds_what_check_lets_pass():
    rng = np.random.default_rng(8)
    n = 400
    incidents = Incidents.make(
        rng.choice([-11, 22, 11], n, p=[0.45, 0.5, 0.05]),
        np.exp(rng.uniform(np.log(900), np.log(1.1e5), n)),
        theta=rng.choice([0.0, 0.3, 0.5005, 0.6], n, p=[0.3, 0.4, 0.2, 0.1]),
        phi=rng.uniform(-0.5, 3.2, n),
        position=rng.uniform(-1, 1, (n, 3)) * (1.3, 2.3, 5),
    )
    energy, theta, phi, (x, y, _) = incidents.energy, incidents.theta, incidents.phi, incidents.position.T
    expected = (incidents.pdg != 11) & (energy >= 1e3) & (energy <= 1e5) & (theta <= 0.501)
    expected &= (theta < 0.1) | (np.abs(phi - 1.5) <= 1.501)
    expected &= (np.abs(x) <= 1.1) & (np.abs(y) <= 2.1)
    assert DOMAIN.holds(incidents).tolist() == expected.tolist()
    assert [passes(incidents[[i]]) for i in range(n)] == expected.tolist()
    assert 50 < sum(expected) < n - 50


@pytest.mark.parametrize("turns", [-1, 1])
def test_whole_turns_do_not_count_even_beside_a_bad_incident(turns):
    incidents = Incidents.make("gamma", [1e4, 9e9], theta=0.3, phi=2.0 + turns * 2 * np.pi)
    assert passes(incidents[:1])
    with pytest.raises(InputError, match="9000 TeV is outside"):
        DOMAIN.check(incidents)


def test_azimuths_are_moved_by_whole_turns_into_the_range():
    incidents = Incidents.make("gamma", np.full(3, 1e4), theta=0.3, phi=np.array([2.0, 2.0 - 2 * np.pi, -0.5]))
    wrapped = DOMAIN.with_wrapped_phi(incidents)
    assert wrapped.phi.tolist() == pytest.approx([2.0, 2.0, 2 * np.pi - 0.5])
    assert DOMAIN.holds(wrapped).tolist() == [True, True, False]
