from dataclasses import replace

import pytest

from caloforge.errors import InputError
from caloforge.files import digest
from caloforge.showers.lineage import drawn_ranges, learned_from, with_file
from caloforge.showers.share import in_share
from caloforge.validation.samples import check_unseen

ORDER = {"detector": "d", "simulator": "geant4", "source": {"pdg": 11, "energy": [1e3, 1e4]}, "seed": 1}


def made(order=ORDER, first=0, n=100):
    return {"order": order, "first_id": first, "n": n}


@pytest.fixture
def reference(small, toy):
    return replace(toy(small, 50, seed=1, first_id=80), provenance=made(first=80, n=50))


@pytest.mark.parametrize(
    ("candidate", "seen"),
    [
        ({"training": {"showers": made()}}, 20),
        ({"training": {"showers": made(n=80), "selection": made(first=80, n=10)}}, 10),
        ({"library": {"provenance": made()}}, 20),
        ({"replayed": {"training": {"showers": made()}}}, 20),
        ({"hook": {"fast": {"training": {"showers": made()}}}}, 20),
        ({"training": {"showers": made(n=80)}}, 0),
        ({"training": {"showers": made(ORDER | {"seed": 2})}}, 0),
        ({"training": {"showers": made(ORDER | {"source": {"pdg": 22}})}}, 0),
        ({"training": {"showers": {"order": ORDER, "first_id": "0", "n": None}}}, 0),
        ({}, 0),
    ],
)
def test_showers_that_a_model_has_seen_are_counted(reference, candidate, seen):
    assert learned_from(candidate, reference) == seen


def test_shares_of_one_file_share_no_showers(reference):
    """A run splits a file of ours by the hash of ids: what the model has seen are the showers of its share alone."""
    ids = reference.incidents.shower_id
    for share in ((0.0, 0.4), (0.4, 1.0)):
        model = {"training": {"showers": made(n=200) | {"source_file": {"share": list(share)}}}}
        other = reference[~in_share(ids, share)]
        assert 5 < len(other) < 45
        assert learned_from(model, other) == 0
        assert learned_from(model, reference) == 50 - len(other)
    for broken in ("all", [0.1], [None, 1.0]):
        model = {"training": {"showers": made(n=200) | {"source_file": {"share": broken}}}}
        assert learned_from(model, reference) == 50


def test_showers_of_files_are_known_by_the_digest(reference, tmp_path):
    """A run on files that tell no order knows the file, its share and the ids."""
    path = tmp_path / "theirs.hdf5"
    path.write_bytes(b"showers")
    ids = reference.incidents.shower_id
    plain = with_file(replace(reference, provenance={"simulator": "file"}), path)
    file = plain.provenance["source_file"]
    assert file == {"file": "theirs.hdf5", "sha256": digest(path)}
    model = {"training": {"showers": {"source_file": file | {"share": [0.0, 0.8]}}}}
    learned = in_share(ids, (0.0, 0.8))
    assert 5 < learned.sum() < 45
    assert learned_from(model, plain) == learned.sum()
    assert learned_from(model, plain[~learned]) == 0
    assert learned_from({"training": {"showers": {"source_file": file | {"sha256": "other"}}}}, plain) == 0
    assert learned_from({"training": {"showers": {}}}, replace(reference, provenance={})) == 0
    candidate = replace(reference, provenance=model)
    with pytest.raises(InputError, match=r"of the 50 reference showers \(of theirs\.hdf5\); take showers of another"):
        check_unseen(plain, {"model": candidate})
    assert with_file(reference, path) is reference


def test_showers_of_unknown_origin_are_no_training_showers(reference):
    assert learned_from({"training": {"showers": made()}}, replace(reference, provenance={})) == 0


def test_a_reference_that_was_learned_from_is_refused(reference, small, toy):
    candidate = replace(toy(small, 50, seed=2), provenance={"training": {"showers": made()}})
    with pytest.raises(InputError, match=r"'model' has learned from 20 of the 50 reference showers \(seed 1\); make"):
        check_unseen(reference, {"model": candidate})


def test_ranges_are_found_where_files_have_them():
    """Under their own name; in files of earlier versions, in the order of the production."""
    new, old = {"energy": [1.0, 2.0]}, {"energy": [3.0, 4.0]}
    assert drawn_ranges({"ranges": new, "order": {"source": old}}) == [new, old]
    assert drawn_ranges({"source_file": {"ranges": old}}) == [old]
    assert drawn_ranges({"ranges": "none", "order": None}) == []
