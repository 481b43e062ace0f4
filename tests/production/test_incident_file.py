"""Incidents from files: the same particles with the same ids, whatever the format."""

from dataclasses import fields, replace
from functools import partial

import h5py
import numpy as np
import pytest

from caloforge.cli import main
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.production import IncidentFile, Order, Source, SourceConfig, produce
from caloforge.showers import Incidents, Showers, read, write
from caloforge.simulators import create

HEAD = "particle,energy_MeV,theta_rad,phi_rad,x_mm,y_mm"


@pytest.fixture
def beam():
    """250 electrons and photons whose ids are out of order and far apart."""
    random = np.random.default_rng(3)
    n = 250
    position = np.column_stack([random.uniform(-20, 20, (n, 2)), np.zeros(n)])
    return Incidents.make(
        random.choice([11, 22], n),
        random.uniform(200, 900, n),
        theta=random.uniform(0, 0.2, n),
        phi=random.uniform(0, 6, n),
        position=position,
        shower_id=random.integers(0, 2**60, n),
    )


@pytest.fixture
def showers_file(beam, small, tmp_path):
    path = tmp_path / "beam.h5"
    write(path, Showers(small, beam, np.zeros((len(beam), small.n_cells), np.float32)))
    return path


def order(source, detector, n, **changes):
    return replace(Order(detector, "gflash", partial(create, "gflash", detector), source, n, seed=5), **changes)


def assert_same(one, other):
    for field in fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_showers_of_a_file_keep_their_incidents_and_ids(beam, small, showers_file, tmp_path):
    source = IncidentFile.load(showers_file, small)
    produce(order(source, small, 250), tmp_path / "out.h5", workers=2, quiet=True)
    made = read(tmp_path / "out.h5")
    assert_same(made.incidents, beam)
    direct = create("gflash", small).simulate(beam, 5)
    np.testing.assert_array_equal(made.energies, direct.energies)
    produce(order(source, small, 2, first_id=120), tmp_path / "part.h5", quiet=True)
    np.testing.assert_array_equal(read(tmp_path / "part.h5").energies, made.energies[120:122])
    assert not produce(order(source, small, 250), tmp_path / "out.h5", resume=True, quiet=True)


def test_drawn_incidents_again_from_their_file(small, tmp_path):
    drawn = Source.from_config(SourceConfig(particle="e-", energy="1 GeV:2 GeV"), small)
    produce(order(drawn, small, 30, first_id=70), tmp_path / "drawn.h5", quiet=True)
    listed = IncidentFile.load(tmp_path / "drawn.h5", small)
    produce(order(listed, small, 30), tmp_path / "listed.h5", quiet=True)
    one, other = read(tmp_path / "drawn.h5"), read(tmp_path / "listed.h5")
    assert_same(one.incidents, other.incidents)
    np.testing.assert_array_equal(one.energies, other.energies)


def test_csv_holds_the_same(beam, small, showers_file, tmp_path):
    path = tmp_path / "beam.csv"
    rows = zip(beam.pdg.tolist(), beam.energy.tolist(), beam.theta.tolist(), beam.phi.tolist(),
               *beam.position[:, :2].T.tolist(), strict=True)  # fmt: skip
    path.write_text("\n".join([HEAD, *(",".join(map(repr, row)) for row in rows), ""]))
    listed = IncidentFile.load(path, small)
    assert_same(listed.incidents, replace(beam, shower_id=np.arange(250)))
    assert listed.fingerprint != IncidentFile.load(showers_file, small).fingerprint  # other ids, other showers
    renamed = path.rename(tmp_path / "renamed.csv")
    assert listed.fingerprint == IncidentFile.load(renamed, small).fingerprint
    assert listed.pdgs == sorted(set(listed.incidents.pdg.tolist()))


def test_csv_knows_names_and_codes(small, tmp_path):
    (tmp_path / "a.csv").write_text(f"{HEAD}\npi+,1000,0,0,0,0\n\n-211, 2e3, 0.1, 0, 1, -2\n")
    incidents = IncidentFile.load(tmp_path / "a.csv", small).incidents
    assert incidents.particles == ["pi-", "pi+"]
    np.testing.assert_array_equal(incidents.energy, [1000, 2000])
    np.testing.assert_array_equal(incidents.position, [[0, 0, 0], [1, -2, 0]])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.CSV", "y_mm,particle,energy_GeV,run,x_cm\n-2,electron,1.5,7,0.1\n3,11.0,2,7,0\n"),
        ("a.tsv", "# made by hand\npdg\tenergy_MeV\tx_mm\ty_mm\n11\t1500\t1\t-2\n# the second\ne-\t2e3\t0\t3\n"),
        ("a.txt", "# particle  E_GeV  x_mm  y_mm\ne-   1.5  1 -2\n\n11   2.0  0  3\n"),
        ("a.Dat", "particle;energy (MeV);x [mm];y [mm]\n11;1500;1;-2\ne-;2000;0;3\n"),
    ],
)
def test_tables_are_read_by_the_names_of_their_columns(small, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    incidents = IncidentFile.load(tmp_path / name, small).incidents
    assert incidents.pdg.tolist() == [11, 11]
    np.testing.assert_allclose(incidents.energy, [1500, 2000])
    np.testing.assert_allclose(incidents.position, [[1, -2, 0], [0, 3, 0]])
    assert incidents.shower_id.tolist() == [0, 1]


def test_events_of_a_table_and_particles_born_before_the_face(small, tmp_path):
    head = "event,particle,energy_MeV,theta_rad,phi_rad,x_mm,y_mm,z_mm"
    (tmp_path / "a.csv").write_text(f"{head}\n7,e-,10,0,0,0,0,0\n3,gamma,10,0.1,0,1,2,-50\n7,pi+,10,0,0,0,0,-9\n")
    incidents = IncidentFile.load(tmp_path / "a.csv", small).incidents
    assert incidents.shower_id.tolist() == [7 * 2**20, 3 * 2**20, 7 * 2**20 + 1]
    np.testing.assert_allclose(incidents.position[1], [1 + 50 * np.tan(0.1), 2, 0])


def test_resume_of_other_incidents_is_refused(small, showers_file, tmp_path):
    source = IncidentFile.load(showers_file, small)
    produce(order(source, small, 20), tmp_path / "out.h5", quiet=True)
    other = IncidentFile(showers_file, replace(source.incidents, energy=source.incidents.energy * 1.001))
    with pytest.raises(InputError, match="other showers"):
        produce(order(other, small, 20), tmp_path / "out.h5", resume=True, quiet=True)


@pytest.mark.parametrize(
    ("first", "n", "words"),
    [(0, 251, "-n 251: .* lists 250 incidents"), (240, 11, "lists 10 incidents from row 240"), (250, 1, "0 .. 249")],
)
def test_rows_beyond_the_file_are_refused(small, showers_file, first, n, words):
    with pytest.raises(InputError, match=words):
        order(IncidentFile.load(showers_file, small), small, n, first_id=first)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line of .* must name the columns, for example 'particle,energy_MeV"),
        ("particle,energy\ne-,1\n", "column 'energy' has no unit; name it 'energy_MeV'"),
        ("particle,energy_mm\ne-,1\n", "column 'energy_mm': mm is no unit of energy"),
        ("particle,x_mm\ne-,1\n", "must name the columns"),
        ("pdg,energy_MeV,Energy_GeV\n11,1,1\n", "two columns of energy"),
        ("event,pdg,energy_MeV\n-3,11,1\n", "event numbers must lie between 0"),
        ("event,pdg,energy_MeV\n1.5,11,1\n", "line 2: invalid literal"),
        (f"{HEAD}\n", "lists no incidents"),
        (f"{HEAD}\ne-,1000,0,0,0\n", "line 2: 5 values, not 6"),
        (f"{HEAD}\ne-,1000,0,0,0,0\nelectorn,1,0,0,0,0\n", "line 3: unknown particle 'electorn'"),
        (f"{HEAD}\ne-,much,0,0,0,0\n", "line 2: could not convert"),
        (f"{HEAD}\ne-,-5,0,0,0,0\n", "energy must be positive"),
        (f"{HEAD}\ne-,nan,0,0,0,0\n", "not finite"),
        (f"{HEAD}\ne-,10,1.6,0,0,0\n", "theta must be below"),
        (f"{HEAD}\ne-,10,0,0,0,90\n", "row 0 misses the face of small"),
    ],
)
def test_bad_tables_are_refused_in_words(small, tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        IncidentFile.load(tmp_path / "a.csv", small)


def test_the_face_of_a_cylinder_is_a_disc(tmp_path):
    (tmp_path / "a.csv").write_text(f"{HEAD}\ne-,10,0,0,100,0\ne-,10,0,0,-100,100\n")
    with pytest.raises(InputError, match="row 1 misses the face of pbwo4-cylinder, a disc of radius 120 mm"):
        IncidentFile.load(tmp_path / "a.csv", Detector.load("pbwo4-cylinder"))
    assert len(IncidentFile.load(tmp_path / "a.csv", Detector.load("calogan-ecal")).incidents) == 2


def test_bad_files_are_refused_in_words(small, showers_file, tmp_path):
    def change(**sets):
        with h5py.File(showers_file) as source, h5py.File(tmp_path / "bad.h5", "w") as file:
            for name in source:
                file[name] = sets.get(name, source[name][:])
        return tmp_path / "bad.h5"

    (tmp_path / "text.h5").write_text("not HDF5")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    zeros = np.zeros(250, np.int64)
    for path, words in (
        (tmp_path / "nowhere.h5", "no such file"),
        (tmp_path / "nowhere.csv", "No such file"),
        (tmp_path / "text.h5", "not a readable HDF5"),
        (tmp_path / "bytes.csv", "cannot read"),
    ):
        with pytest.raises(InputError, match=words):
            IncidentFile.load(path, small)
    for sets, words in (
        ({"shower_id": zeros}, "shower_id 0 occurs 250 times"),
        ({"incident_pdg": zeros}, "does not say the particles"),
        ({"incident_theta": np.zeros(9)}, "'incident_theta' does not fit 250 showers"),
    ):
        with pytest.raises(InputError, match=words):
            IncidentFile.load(change(**sets), small)


@pytest.fixture
def command(small, tmp_path, monkeypatch):
    """Runs `caloforge produce` with GFlash in the small detector."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(small.toml)

    def run(*words):
        common = ["produce", "--detector", "small.toml", "--simulator", "gflash", "--seed", "5", "-o", "out.h5", "-q"]
        monkeypatch.setattr("sys.argv", ["caloforge", *common, *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code

    return run


def test_command_takes_all_rows_unless_told(command, showers_file, tmp_path):
    assert not command("--incidents", str(showers_file))
    assert len(read(tmp_path / "out.h5")) == 250
    assert not command("--incidents", str(showers_file), "-n", "7", "--first-id", "3", "--force")
    assert len(read(tmp_path / "out.h5")) == 7


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--incidents", "beam.h5", "--energy", "1 GeV"], "leave out --energy"),
        (["--incidents", "beam.h5", "--per-label", "3"], "leave out --per-label"),
        (["-n", "3", "--energy", "1 GeV"], "--particle, or a file with --incidents"),
        (["--particle", "e-", "--energy", "1 GeV"], "-n is missing"),
        (["--incidents", "beam.h5", "-n", "251"], "lists 250 incidents"),
        (["--incidents", "beam.h5", "--first-id", "300"], "outside the rows"),
        (["--incidents", "none.h5"], "no such file"),
    ],
)
def test_command_refuses_what_does_not_fit(command, showers_file, capsys, words, said):  # noqa: ARG001
    assert command(*words) == 2
    assert said in " ".join(capsys.readouterr().err.split())
