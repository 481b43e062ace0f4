from dataclasses import replace

import numpy as np
import pytest

from caloforge.errors import InputError
from caloforge.validation.judges import MEMBERS, judge, record

CHEAP = ["trees_features", "trees_shapes"]


@pytest.fixture(scope="module")
def sides(gflash):
    """Reference and independent sample of 400 showers."""
    return gflash(400, 21), gflash(400, 22)


def test_a_response_off_by_a_sixth_is_found(sides):
    shifted = replace(sides[1], energies=sides[1].energies * np.float32(7 / 6))
    verdict = judge(sides[0], shifted, seed=1, folds=3, members=CHEAP, curve=())
    same = judge(*sides, seed=1, folds=3, members=CHEAP, curve=())
    assert verdict.auc.mean > 0.9
    assert verdict.auc.member == "trees_features"
    assert next(iter(verdict.where.families)) == "the response"
    assert abs(same.auc.mean - 0.5) < 5 * same.auc.error  # one chance in a million
    assert same.told_apart_at is None


def test_the_particle_that_is_told_is_named(sides):
    """Of two particles, only the second's showers are altered: its own figure rises, the other's stays at 0.5."""
    pdg = np.resize(np.array([11, 22], np.int32), 400)
    reference, candidate = (replace(s, incidents=replace(s.incidents, pdg=pdg)) for s in sides)
    factor = np.where(pdg == 22, 7 / 6, 1).astype(np.float32)[:, None]
    verdict = judge(reference, replace(candidate, energies=candidate.energies * factor), seed=1, folds=3,
                    members=CHEAP, curve=())  # fmt: skip
    found = record(verdict)["auc"]["particles"]
    assert found["gamma"]["mean"] > 0.9
    assert abs(found["e-"]["mean"] - 0.5) < 5 * found["e-"]["error"]  # one chance in a million
    assert [found[name]["n"] for name in ("e-", "gamma")] == [200, 200]
    assert not judge(*sides, seed=1, folds=3, members=CHEAP, curve=()).auc.particles


def test_too_few_showers_for_the_folds(sides):
    with pytest.raises(InputError, match="too few for 5 folds"):
        judge(sides[0][:150], sides[1], seed=1)


def test_unknown_members(sides):
    with pytest.raises(InputError, match="unknown judge 'tree_features'"):
        judge(*sides, seed=1, members=["tree_features"])


def test_a_member_that_needs_a_grid(sides, monkeypatch):
    monkeypatch.setitem(MEMBERS, "boxes", replace(MEMBERS["trees_cells"], needs_grid=True))
    with pytest.raises(InputError, match="same cells"):
        judge(*sides, seed=1, members=["boxes"])
