import numpy as np

from caloforge.validation.judges.scaling import fit_scaling, spread


def test_columns_become_normal_whatever_their_tails():
    rng = np.random.default_rng(1)
    matrix = np.column_stack([rng.exponential(size=5000), rng.standard_cauchy(5000), np.full(5000, 3.0)])
    scores = fit_scaling(matrix)(matrix)
    np.testing.assert_allclose(scores[:, :2].mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(scores[:, :2].std(axis=0), 1, atol=0.05)
    assert not scores[:, 2].any()
    assert np.abs(scores).max() <= 3


def test_empty_cells_share_one_score_and_hits_keep_their_order():
    rng = np.random.default_rng(2)
    cell = np.where(rng.random(2000) < 0.7, 0.0, rng.exponential(size=2000))
    scores = fit_scaling(cell[:, None])(cell[:, None])[:, 0]
    assert len(np.unique(scores[cell == 0])) == 1
    order = np.argsort(cell)
    assert np.all(np.diff(scores[order]) >= 0)


def test_rows_are_taken_from_both_classes():
    matrix = np.repeat([0.0, 1.0], [60, 40])[:, None]
    taken = spread(matrix, 10)
    assert len(taken) == 10
    assert taken.mean() == 0.4
    assert len(spread(matrix, 1000)) == 100
