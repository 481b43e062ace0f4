import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from caloforge.errors import InputError
from caloforge.validation.classifier import area_under_curve, classify, classify_trees, make_split
from caloforge.validation.classifier_threads import single_threaded
from caloforge.validation.recipes import RECIPES, Recipe, find_recipe
from caloforge.validation.views import auc_error, classifier_scores

VIEWS = ("low", "low_normed", "high", "log", "fixed", "high_trees")


def test_area_is_the_share_of_pairs_in_the_right_order_ties_counting_half():
    rng = np.random.default_rng(0)
    target = (rng.random(500) < 0.4).astype(float)
    scores = np.round(rng.normal(size=500) + target, 1)
    gaps = scores[target == 1][:, None] - scores[target == 0]
    assert area_under_curve(scores, target) == pytest.approx((np.sign(gaps) / 2 + 0.5).mean(), abs=1e-12)


def test_training_selection_and_test_share_no_shower():
    a, b = np.arange(1000.0)[:, None], 5000 + np.arange(1200.0)[:, None]
    split = make_split(a, b, RECIPES["default"], seed=4)
    parts = [set(part.inputs[:, 0].tolist()) for part in (split.train, split.select, split.test)]
    assert [len(part) for part in parts] == [1200, 400, 400]
    assert len(parts[0] | parts[1] | parts[2]) == 2000
    for part in (split.train, split.select, split.test):
        np.testing.assert_array_equal(part.targets, part.inputs[:, 0] >= 5000)


def test_published_splits():
    recipe = RECIPES["calochallenge"]
    assert recipe.split(100_000) == (60_000, 20_000, 20_000)
    assert recipe.split(121_000) == (80_000, 20_000, 21_000)
    assert sum(recipe.split(1234)) == 1234
    assert replace(recipe, learn=5000).split(6301) == (5000, 650, 651)
    assert replace(recipe, learn=2000).split(3334) == recipe.split(3334) == (2000, 666, 668)


def test_published_recipe_is_the_published_network():
    recipe = RECIPES["calochallenge"]
    assert (recipe.hidden, recipe.learning_rate, recipe.batch, recipe.epochs) == ((2048,) * 3, 2e-4, 1000, 50)
    assert recipe.precise
    assert recipe.calibrated
    assert recipe.select == "accuracy"
    assert not recipe.standardise


def test_unknown_recipe():
    with pytest.raises(InputError, match="did you mean 'default'"):
        find_recipe("defualt")


def test_error_of_the_area_is_its_spread():
    """Spread of 2000 areas of equal samples against the formula, within 10 %: 6 sigma of the spread's 1.6 %."""
    rng = np.random.default_rng(1)
    target = np.repeat([0.0, 1.0], 50)
    areas = [area_under_curve(rng.random(100), target) for _ in range(2000)]
    assert auc_error(0.5, 50) == pytest.approx(np.std(areas), rel=0.1)
    assert auc_error(0.5, 50) == pytest.approx(np.sqrt(101 / 12) / 50, rel=0.01)


@pytest.mark.parametrize("judge", [classify, classify_trees])
def test_known_separation_is_reached(judge, small_recipe):
    """Gaussians one deviation apart: at best the area is Phi(1 / sqrt 2) = 0.760 and the JSD 0.16 bit."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, (3000, 3)), rng.normal(0, 1, (3000, 3))
    b[:, 0] += 1
    with single_threaded():
        score = judge(a, b, small_recipe, 0)
    assert score.auc == pytest.approx(0.760, abs=0.05)
    assert 0.06 < score.jsd < 0.2
    assert (score.n_train, score.n_test) == (1800, 600)


def test_same_seed_same_score(small_recipe):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 500, 4))
    with single_threaded():
        scores = [classify(a, b, small_recipe, seed) for seed in (1, 1, 2)]
    assert scores[0] == scores[1]
    assert scores[0] != scores[2]


def test_published_arithmetic_runs_in_double(small_recipe):
    recipe = Recipe(**{**vars(RECIPES["calochallenge"]), "hidden": (16,), "epochs": 3, "batch": 100})
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 400, 2)) + np.array([0, 3])[:, None, None]
    with single_threaded():
        assert classify(a, b, recipe, 0).auc > 0.9
    assert small_recipe.precise is False


def test_equal_samples_score_one_half(toy, small):
    """Twenty pairs of one simulator in all views: no pull beyond 4.5 (1e-3 false alarms in 120), and honest errors."""
    recipe = Recipe(name="test", hidden=(24,), epochs=5, patience=2)
    pulls = []
    with single_threaded():
        for seed in range(20):
            pair = [toy(small, 300, seed=100 + 2 * seed + k) for k in range(2)]
            scores = classifier_scores(*pair, recipe, [seed], lambda _: None)
            pulls.append([(scores[f"auc_{v}"]["mean"] - 0.5) / scores[f"auc_{v}"]["error"] for v in VIEWS])
    pulls = np.array(pulls)
    assert np.abs(pulls).max() < 4.5
    assert 0.7 < np.sqrt((pulls**2).mean()) < 1.3


def test_views_without_torch_name_the_extra():
    code = """
import sys
sys.modules["torch"] = None
from caloforge.errors import InputError
from caloforge.validation.classifier_threads import single_threaded
try:
    with single_threaded(): pass
except InputError as error:
    assert "caloforge[train" in str(error), error
else:
    raise SystemExit("torch was found")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_validation_loads_no_heavy_package():
    code = """
import sys
import caloforge.validation
heavy = {"torch", "sklearn", "scipy", "matplotlib", "jinja2", "geant4_pybind"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
