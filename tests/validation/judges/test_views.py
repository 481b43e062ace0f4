import re
from dataclasses import replace

import numpy as np
import pytest

from caloforge.detector import Detector, preset_names
from caloforge.validation.judges.hits import hit_edges
from caloforge.validation.judges.inputs import VIEWS, make_inputs
from caloforge.validation.judges.where import FAMILIES, family_of

ONE_CELL = """
name = "one-cell"
[[layer]]
plates = [{material = "G4_PbWO4", thickness = "50 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [1, 1], size = ["40 mm", "40 mm"]}
"""
MANY = """
name = "many"
[[layer]]
copies = 90
plates = [{material = "G4_PbWO4", thickness = "5 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cylindrical", n = [6, 3], r_max = "40 mm"}
"""


@pytest.fixture(scope="module")
def columns(small, sparse):
    """Column of a view by name, of sparse showers in the small detector."""
    showers = sparse(small, 50, 1)
    inputs = make_inputs(showers)
    found = {n: c for v in VIEWS for n, c in zip(inputs.columns[v].names, inputs.view(v).T, strict=True)}
    return showers.thresholded(), showers, found


@pytest.mark.parametrize("toml", [ONE_CELL, MANY, *preset_names()])
def test_every_detector_has_finite_columns_with_a_name_each(toml, sparse):
    detector = Detector.from_toml(toml) if "layer" in toml else Detector.load(toml)
    inputs = make_inputs(sparse(detector, 20, 1), sparse(detector, 20, 2))
    matrix = inputs.matrix(VIEWS)
    names = inputs.names(VIEWS)
    assert matrix.shape == (40, len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(matrix).all()
    assert {family_of(name) for name in names} <= set(FAMILIES)


def test_features_hold_the_ratios(columns, small):
    cells, showers, found = columns
    layers = small.sum_layers(cells)
    energy = showers.incidents.energy
    np.testing.assert_allclose(found["E_tot / E_inc"], layers.sum(1) / energy, rtol=1e-5)
    np.testing.assert_allclose(found["layer 1: E / E_inc"], layers[:, 1] / energy, rtol=1e-5)
    np.testing.assert_allclose(found["layer 2: E / E_tot"][1:], layers[1:, 2] / layers[1:].sum(1), rtol=1e-5)
    ordered = np.sort(cells[:, small.layers[0].slice], axis=1)
    np.testing.assert_allclose(found["layer 0: third-hottest cell / E_inc"], ordered[:, -3] / energy, rtol=1e-5)


def test_hits_between_energies_add_up_to_all(columns, small):
    cells, _, found = columns
    own = cells[:, small.layers[1].slice]
    between = [c for name, c in found.items() if re.match("layer 1: (faint )?hits between", name)]
    last = [c for name, c in found.items() if name.startswith("layer 1: hits from")][-1]
    assert len(between) > 3
    np.testing.assert_array_equal(sum(between) + last, (own > 0).sum(axis=1))


def test_hits_of_the_whole_shower_are_counted_above_and_below(columns):
    cells, _, found = columns
    below = {n: c for n, c in found.items() if re.match("(faint )?hits below", n)}
    assert len(below) > 3
    for name, count in below.items():
        edge = float(name.split()[-2])
        np.testing.assert_array_equal(count, ((cells > 0) & (cells < np.float32(edge))).sum(axis=1))
        np.testing.assert_array_equal(found[f"hits above {edge:g} MeV"], (cells >= np.float32(edge)).sum(axis=1))


def test_isolated_hits(small, with_energies, sparse):
    showers = sparse(small, 4, 1)
    cells = np.zeros_like(showers.energies)
    first = small.layers[1].start
    cells[0, first] = cells[1, first] = cells[1, first + 1] = cells[2, first] = cells[2, first + 4] = 1
    inputs = make_inputs(with_energies(showers, cells))
    column = inputs.columns["shapes"].names.index("layer 1: isolated hits")
    assert inputs.view("shapes")[:, column].tolist() == [1, 0, 2, 0]


def test_conditions_are_those_that_vary(small, sparse):
    theta = np.linspace(0.1, 0.2, 30)
    inputs = make_inputs(sparse(small, 30, 1, theta=theta), sparse(small, 30, 2, theta=theta))
    assert inputs.columns["conditions"].names == ("log E_inc", "theta")
    assert len(inputs.symmetries) == 1
    assert len(make_inputs(sparse(small, 30, 1)).symmetries) == 4


def test_particles_are_conditions(small, sparse):
    showers = sparse(small, 30, 1)
    pdg = np.where(np.arange(30) % 2, 11, 22).astype(np.int32)
    mixed = replace(showers, incidents=replace(showers.incidents, pdg=pdg))
    assert make_inputs(mixed).columns["conditions"].names == ("log E_inc", "is e-", "is gamma")


def test_rows_are_rows_of_every_view(small, sparse):
    inputs = make_inputs(sparse(small, 30, 1), sparse(small, 20, 2))
    rows = np.array([3, 40, 7])
    np.testing.assert_array_equal(inputs[rows][1:].matrix(VIEWS), inputs.matrix(VIEWS)[[40, 7]])


def test_energies_that_hits_are_counted_at(small, sparse):
    edges = hit_edges(sparse(small, 200, 1))
    assert edges[0] == 0.01
    assert 3 <= len(edges) <= 7
    assert (np.diff(edges) > 0).all()
