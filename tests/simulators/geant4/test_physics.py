"""Physics lists and the data they need."""

import json
import tomllib

import pytest
import tomli_w

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.simulators.geant4 import available, datasets, physics, physics_line
from caloforge.simulators.geant4.tables import cache

EM = physics.Physics(list="em")


@pytest.fixture
def bare(monkeypatch):
    for variable in (*datasets.OFFICIAL, "GEANT4_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


def official(folder, *names):
    for name in names:
        probe = folder / name / datasets.OFFICIAL[variable_of(name)].probe
        probe.parent.mkdir(parents=True)
        probe.write_text("")


def variable_of(name):
    return next(v for v, known in datasets.OFFICIAL.items() if name.startswith(known.name))


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
    assert "tables computed from formulas and xraydb" in physics_line(EM)
    assert "neutron" not in physics_line(EM)
    assert "neutron, light-ion and photonuclear cross sections are approximate" in physics_line()


def test_official_data_are_found_below_one_folder(bare, tmp_path):
    official(tmp_path, "G4EMLOW8.6.1", "G4EMLOW8.8", "G4ENSDFSTATE3.0", "G4PARTICLEXS4.2", "PhotonEvaporation6.1.2")
    bare.setenv("GEANT4_DATA_DIR", str(tmp_path))
    assert datasets.find()["G4LEDATA"].folder == (tmp_path / "G4EMLOW8.8").resolve()
    assert physics.provenance(physics.Physics())["tables"]["G4LEDATA"] == "official G4EMLOW8.8"
    assert physics.provenance(physics.Physics())["approximate"] == ""
    assert "official Geant4 data" in physics_line()
    assert datasets.environment()["G4PARTICLEXSDATA"] == str((tmp_path / "G4PARTICLEXS4.2").resolve())


def test_another_version_is_named_and_not_used(bare, tmp_path):
    """Versions compare as numbers: 8.10 is newer than 8.8, and neither it nor 8.2 is what Geant4 11.4 wants."""
    official(tmp_path, "G4EMLOW8.2")
    bare.setenv("GEANT4_DATA_DIR", str(tmp_path))
    found = datasets.find()["G4LEDATA"]
    assert (found.state, found.remark) == (
        "computed", f"{tmp_path / 'G4EMLOW8.2'} belongs to another Geant4; 11.4 needs G4EMLOW8.8; it is not used",
    )  # fmt: skip
    assert "11.4 needs G4EMLOW8.8" in physics_line(EM)
    official(tmp_path, "G4EMLOW8.10")
    assert "G4EMLOW8.10 belongs to another" in datasets.find()["G4LEDATA"].remark
    official(tmp_path, "G4EMLOW8.8")
    assert datasets.find()["G4LEDATA"].label == "official G4EMLOW8.8"


@pytest.mark.parametrize(("folder", "said"), [("G4EMLOW/8.8", ""), ("lowenergy", "no version in its name")])
def test_a_folder_that_the_variable_names(bare, tmp_path, folder, said):
    (tmp_path / folder / "brem_SB").mkdir(parents=True)
    (tmp_path / folder / "brem_SB" / "br82").touch()
    bare.setenv("G4LEDATA", str(tmp_path / folder))
    found = datasets.find()["G4LEDATA"]
    assert found.state == "official"
    assert said in found.remark if said else not found.remark


def test_a_wrong_folder_is_not_used_and_said_so(bare, tmp_path):
    bare.setenv("G4LEDATA", str(tmp_path))
    assert datasets.find()["G4LEDATA"].state == "computed"
    assert f"{tmp_path} holds no brem_SB/br82" in physics_line(EM)
    assert physics.provenance(EM)["tables"]["G4LEDATA"] == f"computed {cache.version()}"


@pytest.mark.usefixtures("bare")
def test_refused_lists():
    detector = Detector.load("clic-ecal")
    for settings, message in (
        ({"list": "FTFP_BRT"}, "did you mean 'FTFP_BERT'"),
        ({"list": "QGSP_BERT_HP"}, "needs G4NEUTRONHPDATA"),
        ({"material_cuts": {"G4_Pb": "1 mm"}}, "clic-ecal has no plate of 'G4_Pb'"),
        ({"layer_cuts": {"1": "1 mm"}}, r"clic-ecal has no \[\[layer\]\] table 1; they are counted from 0 to 0"),
    ):
        with pytest.raises(InputError, match=message):
            physics.Physics.build(settings, "physics").check(detector)
    with pytest.raises(InputError, match=r"physics: cut: .*greater than 0"):
        physics.Physics.build({"cut": "0 mm"}, "physics")


def test_steps_are_folded_in_one_material_only():
    """Crystals, not sandwiches; the provenance tells."""
    crystal, sandwich = (
        physics.multiple_scattering(Detector.load(name)) for name in ("pbwo4-cylinder", "calogan-ecal")
    )
    assert sandwich == physics.ACCURATE_MSC
    assert set(crystal) - set(sandwich) == {physics.FOLDED_STEPS}
    assert physics.provenance(EM, crystal)["multiple_scattering"] == list(crystal)


def test_settings_survive_json_and_toml():
    """A worker gets them as JSON, a run's folder keeps them as TOML."""
    settings = physics.Physics(cut="1 mm", material_cuts={"G4_Si": "50 um"}, layer_cuts={"1": "2 mm"})
    for text in (json.loads(json.dumps(settings.identity)), tomllib.loads(tomli_w.dumps(settings.identity))):
        assert physics.Physics.model_validate(text) == settings
    assert settings.describe() == (
        "FTFP_BERT (option1, safe multiple scattering, cut 1 mm, G4_Si 0.05 mm, layer table 1 2 mm)"
    )
    assert physics.provenance(settings)["layer_cuts_mm"] == {"1": 2.0}


@pytest.mark.usefixtures("bare")
def test_without_geant4_no_list_is_usable(monkeypatch):
    monkeypatch.setattr(physics, "find_spec", lambda _: None)
    lists = available()["lists"]
    assert len(lists) > 1
    assert all("geant4_pybind" in entry["missing"][0] for entry in lists)
