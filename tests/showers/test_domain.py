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
    expected = [passes(incidents[[i]]) for i in range(n)]
    assert DOMAIN.holds(incidents).tolist() == expected
    assert 50 < sum(expected) < n - 50


def test_azimuths_are_moved_by_whole_turns_into_the_range():
    incidents = Incidents.make("gamma", np.full(3, 1e4), theta=0.3, phi=np.array([2.0, 2.0 - 2 * np.pi, -0.5]))
    turned = DOMAIN.turned(incidents)
    assert turned.phi.tolist() == pytest.approx([2.0, 2.0, 2 * np.pi - 0.5])
    assert DOMAIN.holds(turned).tolist() == [True, True, False]
