import numpy as np
import pytest

from caloforge.validation.classifier import area_under_curve
from caloforge.validation.judges.areas import area, area_over_folds, placements, told_apart


def test_area_is_the_chance_to_rank_right_with_ties():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400).astype(float)
    scores = np.round(rng.normal(0, 1, 400) + labels, 1)
    assert area(scores, labels) == pytest.approx(area_under_curve(scores, labels), abs=1e-12)
    found = placements(scores, labels)
    assert found[labels == 0].mean() == pytest.approx(found[labels == 1].mean(), abs=1e-12)


def test_error_is_the_spread_of_repeated_samples():
    """400 repetitions, whose spread is known to 3.5 %: within 15 % but for one run in 50 000."""
    rng = np.random.default_rng(2)
    labels = np.repeat([1.0, 0.0], 60)
    found = [area_over_folds([rng.normal(0, 1, 120) + labels for _ in range(3)], 3 * [labels]) for _ in range(400)]
    areas, errors = np.array(found).T
    assert errors.mean() == pytest.approx(areas.std(), rel=0.15)


def test_scores_of_folds_are_not_compared_with_each_other():
    labels = np.array([1.0, 0.0])
    mean, _ = area_over_folds([np.array([1.0, 0.0]), np.array([11.0, 10.0])], [labels, labels])
    assert mean == 1


def test_error_does_not_vanish_where_all_are_told_apart():
    labels = np.repeat([1.0, 0.0], 50)
    assert area_over_folds([labels], [labels]) == (1.0, 0.01)


def test_told_apart_is_interpolated():
    """An area of 0.55 at every size, with an error of 0.01 at 1600 showers: three errors at 1600 (0.03 / 0.05)^2."""
    curve = [(100, 0.55, 0.01), (200, 0.55, 0.01), (800, 0.55, 0.01), (1600, 0.55, 0.01)]
    assert told_apart(curve) == pytest.approx(576, rel=0.05)
    assert told_apart([(n, 0.51, 0.01) for n, _, _ in curve]) is None
    assert told_apart([(n, 0.9, 0.01) for n, _, _ in curve]) == 100
