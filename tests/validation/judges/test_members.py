"""Every member: what it finds, what it leaves alone, same seed same scores, refusals.

Floors are within 4 standard errors of 0.5: a false alarm once in 16 000 runs of each.
"""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.errors import InputError
from caloforge.showers import Incidents
from caloforge.simulators.gflash import GFlash
from caloforge.validation.judges import MEMBERS
from caloforge.validation.judges.areas import area_over_folds
from caloforge.validation.judges.cross import make_problem

NETWORKS = ["network", "network_cells", "resnet3d"]
NEW = ["trees_pairs", *NETWORKS]


@pytest.fixture(scope="module")
def boxes(uniform):
    """Maker of GFlash showers of e-, 1-10 GeV, in layers of one grid."""
    simulator = GFlash(uniform)

    def make(n, seed):
        energy = np.random.default_rng(seed).uniform(1e3, 1e4, n)
        return simulator.simulate(Incidents.make("e-", energy), seed)

    return make


@pytest.fixture(scope="module")
def sides(boxes):
    return boxes(500, 31), boxes(500, 32)


def verdict(name, reference, candidate, folds=2):
    """Area under the curve and its error on the first fold, and the scores."""
    problem = make_problem(reference, candidate, folds, seed=3)
    scores = problem.train(name, MEMBERS[name], 0).test
    return area_over_folds([scores], [problem.labels[problem.tested(0)]]), scores


def first_layer_scaled(showers, factor):
    energies = showers.energies.copy()
    energies[:, showers.detector.layers[0].slice] *= np.float32(factor)
    return replace(showers, energies=energies)


@pytest.mark.parametrize("name", NEW)
def test_a_hot_first_layer_is_found_and_equal_samples_are_not_told_apart(name, sides):
    (found, _), _ = verdict(name, sides[0], first_layer_scaled(sides[1], 1.5))
    (same, error), _ = verdict(name, *sides)
    assert found > 0.75
    assert abs(same - 0.5) < 4 * error


def test_pairs_find_a_correlation_that_single_columns_do_not_show(sides, boxes):
    """Showers are kept by the product of two layers' shares of energy: each layer's own spectrum stays."""
    reference, pool = sides[0], boxes(1500, 33)
    layers = pool.detector.sum_layers(pool.energies) / pool.incidents.energy[:, None]
    score = (layers - layers.mean(axis=0)) / layers.std(axis=0)
    candidate = pool[score[:, 0] * score[:, 3] < np.median(score[:, 0] * score[:, 3])][:600]
    (pairs, error), _ = verdict("trees_pairs", reference, candidate)
    assert pairs > 0.5 + 5 * error


@pytest.mark.parametrize("name", NEW)
def test_same_seed_same_scores(name, boxes):
    sides = boxes(120, 41), boxes(120, 42)
    (_, first), (_, second) = (verdict(name, *sides) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["network_cells", "resnet3d"])
def test_scores_do_not_change_under_the_symmetries(name, boxes):
    problem = make_problem(boxes(120, 43), boxes(120, 44), 2, seed=3)
    fitted = problem.train(name, MEMBERS[name], 0).fitted[0]
    inputs, permutation = problem.inputs, problem.inputs.symmetries[-1]
    cells = replace(inputs.columns["cells"], values=inputs.columns["cells"].values[:, permutation])
    mirrored = replace(inputs, columns=inputs.columns | {"cells": cells})
    np.testing.assert_allclose(fitted(mirrored), fitted(inputs), atol=1e-4)
    assert not np.array_equal(cells.values, inputs.columns["cells"].values)


def test_a_grid_is_needed(gflash):
    problem = make_problem(gflash(100, 1), gflash(100, 2), 2, seed=1)
    with pytest.raises(InputError, match="same cells"):
        problem.train("resnet3d", MEMBERS["resnet3d"], 0)


def test_a_three_dimensional_network_sees_cells_only(boxes):
    problem = make_problem(boxes(100, 1), boxes(100, 2), 2, seed=1)
    with pytest.raises(InputError, match="not features"):
        problem.train("resnet3d", replace(MEMBERS["resnet3d"], views=("features",)), 0)
