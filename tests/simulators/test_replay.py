"""Replay answers by shower id and refuses what was not stored."""

import h5py
import numpy as np
import pytest

from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, write
from caloforge.simulators import Replay, create


@pytest.fixture
def stored(small):
    incidents = Incidents.make("e-", np.linspace(1000, 2000, 5), shower_id=np.array([3, 1, 4, 15, 9]))
    energies = np.random.default_rng(0).exponential(5, (5, small.n_cells)).astype(np.float32)
    return Showers(small, incidents, energies, {"simulator": "test"})


@pytest.fixture
def path(stored, tmp_path):
    write(tmp_path / "stored.h5", stored)
    return tmp_path / "stored.h5"


def test_answers_by_shower_id(path, stored):
    again = Replay(path).simulate(stored.incidents[[4, 0, 2]], 0)
    np.testing.assert_array_equal(again.energies, stored.energies[[4, 0, 2]])


def test_plays_rows_by_event(path, stored):
    incidents = Incidents.make("e-", stored.incidents.energy[[2, 0]], shower_id=np.array([2 * 2**20, 0]))
    again = Replay(path, by_event=True).simulate(incidents, 0)
    np.testing.assert_array_equal(again.energies, stored.energies[[2, 0]])


def test_second_shower_of_an_event_is_not_stored(path):
    with pytest.raises(InputError, match="has no shower 1;"):
        Replay(path, by_event=True).simulate(Incidents.make("e-", 1000.0, shower_id=1), 0)


def test_runs_out_of_rows(path):
    with pytest.raises(InputError, match="has no shower 5; it holds 5 showers"):
        Replay(path).simulate(Incidents.make("e-", 1000.0, shower_id=5), 0)


def test_refuses_another_particle(path, stored):
    with pytest.raises(InputError, match=r"shower 3 is of e-, not of e\+"):
        Replay(path).simulate(Incidents.make("e+", stored.incidents.energy, shower_id=stored.incidents.shower_id), 0)


@pytest.mark.parametrize(("factor", "refused"), [(1.009, False), (0.991, False), (1.02, True), (0.98, True)])
def test_energy_within_one_percent(path, stored, factor, refused):
    incidents = Incidents.make("e-", stored.incidents.energy * factor, shower_id=stored.incidents.shower_id)
    if refused:
        with pytest.raises(InputError, match="shower 3 has"):
            Replay(path).simulate(incidents, 0)
    else:
        assert len(Replay(path).simulate(incidents, 0)) == 5


def test_plain_file_of_unknown_particle_plays_for_any(tmp_path, small, stored):
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["showers"], file["incident_energies"] = stored.energies, stored.incidents.energy[:, None]
    replay = create(str(tmp_path / "plain.h5"), small)
    assert len(replay.simulate(Incidents.make("pi+", stored.incidents.energy), 0)) == 5


def test_provenance_names_file_and_origin(path):
    assert Replay(path).provenance() == {
        "simulator": "replay",
        "file": "stored.h5",
        "replayed": {"simulator": "test"},
    }
