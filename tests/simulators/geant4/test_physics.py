"""Physics lists and the data they need."""

import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.simulators.geant4 import available, datasets, physics, physics_line, tables


@pytest.fixture
def bare(monkeypatch):
    for variable in (*datasets.OFFICIAL, "GEANT4_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


def official(folder, *names):
    for name in names:
        probe = folder / name / datasets.OFFICIAL[variable_of(name)][1]
        probe.parent.mkdir(parents=True)
        probe.write_text("")


def variable_of(name):
    return next(v for v, (prefix, _) in datasets.OFFICIAL.items() if name.startswith(prefix))


@pytest.mark.usefixtures("bare")
def test_computed_tables_allow_all_but_high_precision_neutrons():
    lists = {entry["name"]: entry["missing"] for entry in available()["lists"]}
    assert lists["em"] == lists["FTFP_BERT"] == lists["QGSP_BERT"] == []
    assert lists["FTFP_BERT_HP"] == ["G4NEUTRONHPDATA"]
    assert {entry["state"] for entry in available()["data"]} == {"computed", "absent"}
    assert "GEANT4_DATA_DIR" in available()["how"]


@pytest.mark.usefixtures("bare")
def test_the_line_says_what_is_approximate():
    assert physics_line().startswith("Geant4 physics FTFP_BERT (option1, safe multiple scattering, cut 0.7 mm)")
    assert "tables computed from formulas and xraydb" in physics_line("em")
    assert "neutron" not in physics_line("em")
    assert "neutron, light-ion and photonuclear cross sections are approximate" in physics_line()


def test_official_data_are_found_below_one_folder(bare, tmp_path):
    official(tmp_path, "G4EMLOW8.6.1", "G4EMLOW8.8", "G4ENSDFSTATE3.0", "G4PARTICLEXS4.2", "PhotonEvaporation6.1.2")
    bare.setenv("GEANT4_DATA_DIR", str(tmp_path))
    assert datasets.find()["G4LEDATA"].folder == (tmp_path / "G4EMLOW8.8").resolve()
    assert physics.provenance("FTFP_BERT")["tables"]["G4LEDATA"] == "official G4EMLOW8.8"
    assert physics.provenance("FTFP_BERT")["approximate"] == ""
    assert "official Geant4 data" in physics_line()
    assert datasets.environment()["G4PARTICLEXSDATA"] == str((tmp_path / "G4PARTICLEXS4.2").resolve())


def test_a_wrong_folder_is_not_used_and_said_so(bare, tmp_path):
    bare.setenv("G4LEDATA", str(tmp_path))
    assert datasets.find()["G4LEDATA"].state == "computed"
    assert f"{tmp_path} holds no brem_SB/br82" in physics_line("em")
    assert physics.provenance("em")["tables"]["G4LEDATA"] == f"computed {tables.version()}"


@pytest.mark.usefixtures("bare")
def test_refused_lists():
    with pytest.raises(InputError, match="did you mean 'FTFP_BERT'"):
        physics.check("FTFP_BRT")
    with pytest.raises(InputError, match="needs G4NEUTRONHPDATA"):
        physics.check("QGSP_BERT_HP")


def test_steps_are_folded_in_one_material_only():
    """Crystals, not sandwiches; the provenance tells."""
    crystal, sandwich = (
        physics.multiple_scattering(Detector.load(name)) for name in ("pbwo4-cylinder", "calogan-ecal")
    )
    assert sandwich == physics.ACCURATE_MSC
    assert set(crystal) - set(sandwich) == {physics.FOLDED_STEPS}
    assert physics.provenance("em", crystal)["multiple_scattering"] == list(crystal)
