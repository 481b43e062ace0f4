"""Cross-validation: no shower is scored by a member that has seen it; the same figures on any number of cores."""

import numpy as np
import pytest

from caloforge.errors import InputError
from caloforge.validation.judges import MEMBERS, judge
from caloforge.validation.judges.cross import make_problem
from caloforge.validation.judges.members import Member


class Memory:
    """A member that knows the labels of the showers it has seen, in training or selection, and nothing else."""

    def __init__(self, parts):
        self.parts = parts
        self.known = {row.tobytes(): label for part in parts for row, label in
                      zip(part.inputs.matrix(["features"]), part.labels, strict=True)}  # fmt: skip

    def __call__(self, inputs):
        return np.array([self.known.get(row.tobytes(), 0.5) for row in inputs.matrix(["features"])])


MEMORY = Member("memory", ("features",), lambda _views, train, select, _seed: Memory([train, select]), fits=4)


def test_no_shower_is_scored_by_a_member_that_has_seen_it(gflash, monkeypatch):
    monkeypatch.setitem(MEMBERS, "memory", MEMORY)
    verdict = judge(gflash(200, 1), gflash(200, 2), seed=1, members=["memory"], curve=(1 / 2,))
    assert verdict.auc.mean == 0.5
    assert verdict.members["memory"].strength == 1  # of parts that stop the training
    assert [mean for _, mean, _ in verdict.auc.curve] == [0.5, 0.5]


def test_every_shower_is_tested_once_and_further_ones_of_the_candidate_only_train(gflash):
    problem = make_problem(gflash(120, 1), gflash(300, 2), 3, seed=1)
    for label, spare in ((1, 0), (0, 180)):
        folds = problem.folds[problem.labels == label]
        assert np.bincount(folds + 1).tolist() == [spare, 40, 40, 40]
    fitted = problem.train("memory", MEMORY, 0).fitted
    for one in fitted:
        train, select = one.parts
        assert len(train.labels) + len(select.labels) == 80 + 260
        assert train.weights[train.labels == 1].sum() == pytest.approx(train.weights[train.labels == 0].sum())
    held = [frozenset(row.tobytes() for row in one.parts[1].inputs.matrix(["features"])) for one in fitted]
    assert len(frozenset.union(*held)) == sum(map(len, held)) == 80 + 260


def test_same_figures_on_one_and_two_cores(gflash, monkeypatch):
    verdicts = []
    members = ["trees_shapes", "trees_pairs", "network", "network_cells"]
    for cores in (1, 2):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        verdicts.append(judge(gflash(120, 3), gflash(120, 4), seed=5, folds=2, members=members, curve=()))
    assert verdicts[0].members == verdicts[1].members
    assert verdicts[0].auc == verdicts[1].auc
    assert verdicts[0].where.columns == verdicts[1].where.columns


def test_showers_of_one_incident_share_a_fold(gflash):
    problem = make_problem(gflash(120, 1), gflash(120, 1), 3, seed=1)
    np.testing.assert_array_equal(problem.folds[:120], problem.folds[120:])
    other = make_problem(gflash(120, 1), gflash(120, 2), 3, seed=1)
    assert not np.array_equal(other.folds[:120], other.folds[120:])


def test_fewer_than_two_folds_are_refused(gflash):
    with pytest.raises(InputError, match="folds must be 2 or more"):
        make_problem(gflash(120, 1), gflash(120, 2), 1, seed=1)
