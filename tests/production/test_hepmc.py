"""HepMC events: stable particles at the calorimeter's face, and the same hits as a table of the same particles."""

from importlib.util import find_spec

import numpy as np
import pytest

from caloforge.cli import main
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.particles import mass, pdg_code
from caloforge.production import IncidentFile
from caloforge.showers import Incidents, Showers, read
from caloforge.showers.events import ids_of, sum_events

pyhepmc = pytest.importorskip("pyhepmc", reason="needs the extra files")
# particle, kinetic energy [MeV], theta, phi [rad], vertex [mm]
BEAM = (("e-", 900.0, 0.05, 0.4, (1.0, 2.0, -100.0)), ("gamma", 700.0, 0.0, 0.0, (5.0, -3.0, 0.0)),
        ("pi+", 800.0, 0.02, -1.0, (0.0, 0.0, -30.0)))  # fmt: skip


def event(number, particles, unit="GEV"):
    scale = {"GEV": 1e-3, "MEV": 1.0}[unit]
    made = pyhepmc.GenEvent(getattr(pyhepmc.Units, unit), pyhepmc.Units.MM)
    made.event_number = number
    for name, kinetic, theta, phi, vertex in particles:
        code = pdg_code(name)
        m = mass(code) if abs(code) not in (12, 14, 16) else 0.0
        p = np.sqrt(kinetic * (kinetic + 2 * m))
        direction = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
        beam = pyhepmc.GenParticle((0, 0, 1, 1), 11, 4)
        particle = pyhepmc.GenParticle((*(scale * p * direction), scale * (kinetic + m)), code, 1)
        particle.generated_mass = scale * m
        place = pyhepmc.GenVertex((*vertex, 0))
        place.add_particle_in(beam)
        place.add_particle_out(particle)
        made.add_vertex(place)
    return made


def write_events(path, events):
    with pyhepmc.open(str(path), "w") as file:
        for one in events:
            file.write(one)


@pytest.mark.parametrize("unit", ["GEV", "MEV"])
def test_particles_arrive_at_the_face(small, tmp_path, unit):
    write_events(tmp_path / "a.hepmc", [event(3, BEAM, unit), event(5, BEAM[:1], unit)])
    found = IncidentFile.load(tmp_path / "a.hepmc", small)
    incidents = found.incidents
    assert incidents.pdg.tolist() == [11, 22, 211, 11]
    assert incidents.energy.tolist() == [900, 700, 800, 900]  # to the last digit
    np.testing.assert_allclose(incidents.theta, [0.05, 0, 0.02, 0.05], rtol=1e-11)
    x = 1 + 100 * np.tan(0.05) * np.cos(0.4)
    np.testing.assert_allclose(incidents.position[0], [x, 2 + 100 * np.tan(0.05) * np.sin(0.4), 0])
    assert incidents.shower_id.tolist() == [3 * 2**20, 3 * 2**20 + 1, 3 * 2**20 + 2, 5 * 2**20]
    assert found.notes == ()


def test_what_does_not_arrive_is_told(small, tmp_path):
    lost = (("nu(e)", 900.0, 0.0, 0.0, (0, 0, 0)), ("e-", 900.0, 3.0, 0.0, (0, 0, 0)),
            ("e-", 9.0, 0.0, 0.0, (900, 0, 0)), ("e-", 9.0, 0.0, 0.0, (0, 0, 5)))  # fmt: skip
    write_events(tmp_path / "a.hepmc", [event(0, lost), event(0, BEAM)])
    found = IncidentFile.load(tmp_path / "a.hepmc", small)
    assert found.incidents.shower_id.tolist() == [2**20, 2**20 + 1, 2**20 + 2]  # equal numbers: events are counted
    assert " ".join(found.notes).count("1 particle left out") == 4
    moved = IncidentFile.load(tmp_path / "a.hepmc", small, distance=10.0)
    assert 5.0 not in moved.incidents.position[:, 2]
    assert len(moved.incidents) == 4
    write_events(tmp_path / "b.hepmc", [event(0, lost[:2])])
    with pytest.raises(InputError, match=r"none of 2 stable particles reaches small .*neutrinos"):
        IncidentFile.load(tmp_path / "b.hepmc", small)


def test_damaged_files_are_refused(small, tmp_path):
    (tmp_path / "a.hepmc").write_text("HepMC::Version 3\nHepMC::Asciiv3-START_EVENT_LISTING\nE nonsense\n")
    (tmp_path / "b.hepmc").write_text("something else")
    for name in ("a.hepmc", "b.hepmc"):
        with pytest.raises(InputError, match=name):
            IncidentFile.load(tmp_path / name, small)


def test_ids_and_sums_of_events(small):
    ids = ids_of(np.array([2, 0, 2, 2]))
    assert ids.tolist() == [2 * 2**20, 0, 2 * 2**20 + 1, 2 * 2**20 + 2]
    energies = np.arange(4 * small.n_cells, dtype=np.float32).reshape(4, -1)
    showers = Showers(small, Incidents.make("e-", [10.0] * 4, shower_id=ids), energies)
    events, sums = sum_events(showers)
    assert events.tolist() == [0, 2]
    np.testing.assert_array_equal(sums, [energies[1], energies[0] + energies[2] + energies[3]])
    moving = Detector.load("par04-siw")
    one = Showers(moving, Incidents.make("e-", [10.0]), np.zeros((1, moving.n_cells), np.float32))
    with pytest.raises(InputError, match="follow the particle"):
        sum_events(one)


@pytest.mark.skipif(not find_spec("geant4_pybind"), reason="needs the extra geant4")
def test_an_event_gives_the_same_hits_as_the_rows_of_a_table(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(small.toml)
    write_events(tmp_path / "a.hepmc", [event(4, BEAM)])
    rows = [f"4,{name},{e},{theta},{phi},{','.join(map(str, at))}" for name, e, theta, phi, at in BEAM]
    head = "event,particle,energy_MeV,theta_rad,phi_rad,x_mm,y_mm,z_mm"
    (tmp_path / "a.csv").write_text("\n".join([head, *rows]))
    for name in ("hepmc", "csv"):
        monkeypatch.setattr("sys.argv", ["caloforge", "simulate", "--detector", "small.toml", "--simulator", "gflash",
                                         "--incidents", f"a.{name}", "--seed", "1", "--threshold", "500 MeV", "-o",
                                         f"{name}.h5"])  # fmt: skip
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
    out = capsys.readouterr().out
    one, other = read(tmp_path / "hepmc.h5"), read(tmp_path / "csv.h5")
    assert one.incidents.particles == ["e-", "gamma", "pi+"]
    np.testing.assert_allclose(one.incidents.position, other.incidents.position, atol=1e-9)
    np.testing.assert_allclose(sum_events(one)[1], sum_events(other)[1], rtol=1e-6)
    assert (one.fast_energy[one.incidents.pdg != 211] > 0).all()
    assert one.fast_energy[one.incidents.pdg == 211] == 0
    assert "pi+: 1 particle" in out
    assert "gamma: 1 particle" in out
