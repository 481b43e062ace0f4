import json

import numpy as np
import pytest

from caloforge.validation.benchmark import finite
from caloforge.validation.judges import judge, record


@pytest.fixture(scope="module")
def cut(sparse, small, with_energies):
    """Record of a candidate without its faint hits."""
    candidate = sparse(small, 300, 2, share=0.6)
    energies = np.where(candidate.energies < 0.1, 0, candidate.energies)
    sides = sparse(small, 300, 1, share=0.6), with_energies(candidate, energies)
    verdict = judge(*sides, seed=1, folds=2, members=["trees_shapes"], curve=(1 / 2,))
    return json.loads(json.dumps(finite(record(verdict))))


def test_the_headline_has_its_keys_and_ends_its_curve(cut):
    assert set(cut["auc"]) >= {"mean", "error", "member", "n", "curve", "told_apart_at"}
    assert cut["auc"]["member"] == "trees_shapes"
    assert cut["auc"]["n"] == 300
    assert cut["auc"]["curve"][-1] == [300, cut["auc"]["mean"], cut["auc"]["error"]]
    assert cut["auc"]["mean"] > 0.9
    assert cut["auc_trees_shapes"]["mean"] == pytest.approx(cut["auc"]["mean"])


def test_the_curve_goes_on_while_few_showers_are_enough(cut):
    sizes = [n for n, _, _ in cut["auc"]["curve"]]
    assert sizes == sorted(sizes)
    assert sizes[0] < 75
    assert sizes[0] <= cut["auc"]["told_apart_at"] < 75


def test_where_it_shows_names_the_faint_hits(cut):
    assert cut["where"]["families"][0]["name"] == "faint hits"
    assert cut["where"]["sentence"].startswith("It is told from Geant4 mostly by faint hits")
    assert "against" in cut["where"]["sentence"]
    assert cut["where"]["cells"] is None


def test_equal_samples_have_nothing_to_show(gflash):
    """A false alarm once in 700 seeds; this one raises none."""
    verdict = judge(gflash(120, 5), gflash(120, 6), seed=1, folds=2, members=["trees_shapes"], curve=())
    assert record(verdict)["where"]["sentence"] == "Nothing tells it from Geant4 with 120 showers per class."
