"""Showers of different physics are told apart by their provenance."""

import pytest

from caloforge.errors import InputError
from caloforge.showers.physics import check_like, describe, tracked_with

GEANT4 = {
    "list": "FTFP_BERT",
    "cut_mm": 0.7,
    "multiple_scattering": ["UseSafety"],
    "tables": {"G4LEDATA": "computed a"},
}


def file_of(**changes):
    return {"simulator": "geant4", "physics": [GEANT4 | changes]}


def model_of(**changes):
    """Provenance of a model that learned from such a file."""
    return {"simulator": "learned", "training": {"n_showers": 2000, "showers": file_of(**changes)}}


def test_files_and_models_of_the_same_physics_are_alike():
    """Notes on the tables may differ; the lists, cuts and tables that are compared agree."""
    file, noted, model = file_of(), file_of(approximate="other words"), model_of()
    assert tracked_with(model) == tracked_with(file) == [GEANT4]
    assert tracked_with(noted) != tracked_with(file)
    assert check_like(file, {"floor": noted, "model": model}) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"list": "em"}, "b is of other physics than the reference: list em, not FTFP_BERT"),
        ({"cut_mm": 2.0}, r"cut \[mm\] 2.0, not 0.7"),
        ({"material_cuts_mm": {"G4_Si": 0.05}}, r"cuts of materials \[mm\] {G4_Si: 0.05}, not null"),
        ({"tables": {"G4LEDATA": "official G4EMLOW8.8"}}, "official G4EMLOW8.8}, not .*computed a"),
        ({"multiple_scattering": []}, "multiple scattering"),
    ],
)
@pytest.mark.parametrize("made", [file_of, model_of])
def test_other_physics_is_named(changes, said, made):
    with pytest.raises(InputError, match=said + ".*; --other-physics"):
        check_like(file_of(), {"b": made(**changes)})


def test_who_does_not_tell_passes():
    for unknown in ({}, {"simulator": "gflash", "physics": "parametrised"}, {"physics": [3]}):
        check_like(file_of(), {"b": unknown})
        check_like(unknown, {"b": file_of()})
        assert describe(unknown) == ""


def test_a_file_s_own_physics_goes_before_its_model_s():
    """Geant4 with an older model inside tracked with its own list."""
    hooked = file_of() | {"hook": {"fast": model_of(list="em")}}
    assert [one["list"] for one in tracked_with(hooked)] == ["FTFP_BERT"]
    assert describe(hooked) == "FTFP_BERT (cut 0.7 mm)"
    assert describe(model_of(list="em")) == "em (cut 0.7 mm)"
