"""Hexagonal pads: geometry against slow twins, then the whole way: Geant4, GFlash, a model, pictures."""

import contextlib
import io
import itertools
from importlib.util import find_spec

import numpy as np
import pytest

from caloforge.detector import Detector, symmetries
from caloforge.detector.cells import HexagonalCells
from caloforge.detector.neighbours import neighbours
from caloforge.errors import InputError
from caloforge.showers import Incidents
from caloforge.simulators import create

PADS = """
name = "pads"
half_width = "150 mm"
[readout]
threshold = "0.01 MeV"
[[layer]]
copies = 3
repeat = 5
plates = [{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}]
counts = ["G4_Pb", "G4_lAr"]
cells = {kind = "hexagonal", size = "12 mm", width = "280 mm"}
"""
ONE_CELL = 'cells = {kind = "cartesian", n = [1, 1], size = ["280 mm", "280 mm"]}'


@pytest.fixture(scope="module")
def pads():
    return Detector.from_toml(PADS)


def cells(size, width):
    return HexagonalCells.build({"kind": "hexagonal", "size": f"{size} mm", "width": f"{width} mm"}, "cells")


@pytest.mark.parametrize(
    ("size", "width", "rows"), [(10, 12, [1]), (10, 20, [1]), (10, 30, [2, 3, 2]), (12, 280, None)]
)
def test_all_pads_that_lie_whole_in_the_square_are_there(size, width, rows):
    """Against a loop over the lattice."""
    grid, reach, step = cells(size, width), 40, size * np.sqrt(3) / 2
    lattice = [(size * (i + j % 2 / 2), step * j) for j in range(-reach, reach + 1) for i in range(-reach, reach + 1)]
    inside = [(x, y) for x, y in lattice
              if abs(x) + size / 2 <= width / 2 + 1e-6 and abs(y) + size / np.sqrt(3) <= width / 2 + 1e-6]  # fmt: skip
    np.testing.assert_allclose(grid.centres, sorted(inside, key=lambda p: (round(p[1], 6), p[0])), atol=1e-9)
    assert grid.n_cells == len(grid.areas) == len(inside)
    corners = np.array(grid.corners())
    assert np.abs(corners).max() <= width / 2 + 1e-6
    np.testing.assert_allclose(np.abs(corners).max(axis=(0, 1)), grid.half_widths)
    if rows:
        assert np.unique(grid.centres[:, 1].round(6), return_counts=True)[1].tolist() == rows


def test_points_belong_to_the_hexagon_around_them(pads):
    grid = pads.layers[0].cells
    points = np.random.default_rng(1).uniform(-160, 160, (3000, 2))
    normals = [(np.cos(a), np.sin(a)) for a in (0, np.pi / 3, 2 * np.pi / 3)]
    away = np.abs((points[:, None] - grid.centres[None]) @ np.array(normals).T).max(axis=2)
    expected = np.where(away.min(axis=1) <= 6, away.argmin(axis=1), -1)
    found = grid.locate(*points.T)
    np.testing.assert_array_equal(found, expected)
    assert (found >= 0).sum() > 1500
    assert (found < 0).sum() > 200
    np.testing.assert_array_equal(pads.locate(pads.cell_centres), np.arange(pads.n_cells))


def test_neighbours_are_mutual_and_a_pad_away(pads):
    table = neighbours(pads)
    assert table.shape == (pads.n_cells, 6)
    cell, column = np.nonzero(table < pads.n_cells)
    other = table[cell, column]
    np.testing.assert_allclose(np.linalg.norm(pads.cell_centres[cell] - pads.cell_centres[other], axis=1), 12)
    np.testing.assert_array_equal(table[other, column ^ 1], cell)
    rim = np.concatenate([layer.cells.rim() for layer in pads.layers])
    np.testing.assert_array_equal(rim, (table == pads.n_cells).any(axis=1))


def test_symmetries_are_the_reflections(pads):
    found = symmetries(pads)
    assert len(found) == 4
    x, y = pads.cell_centres[:, :2].T
    for (sx, sy), move in zip(itertools.product((1, -1), (1, -1)), found, strict=True):
        np.testing.assert_allclose(x[move], sx * x, atol=1e-9)
        np.testing.assert_allclose(y[move], sy * y, atol=1e-9)


@pytest.mark.parametrize(("size", "width", "said"), [(10, 11, "width must hold one pad"), (0.01, 200, "10000 rows")])
def test_widths_without_pads_or_with_too_many_are_refused(size, width, said):
    with pytest.raises(InputError, match=said):
        cells(size, width)


def test_windows_do_not_move_on_pads():
    with pytest.raises(InputError, match="frame 'window' needs cartesian cells"):
        Detector.from_toml(PADS.replace("[readout]", '[readout]\nframe = "window"\ncentre_layer = 0'))


def test_gflash_fills_pads(pads):
    incidents = Incidents.make("e-", np.full(30, 1000.0), position=(3.0, -2.0, 0.0))
    whole = Detector.from_toml(PADS.replace(PADS.splitlines()[-1], ONE_CELL))
    ours, one = (create("gflash", d).simulate(incidents, 1) for d in (pads, whole))
    np.testing.assert_allclose(pads.sum_layers(ours.energies).sum(), whole.sum_layers(one.energies).sum(), rtol=5e-3)
    centre = ours.energies.sum(0) @ pads.cell_centres / ours.energies.sum()
    np.testing.assert_allclose(centre[:2], (3, -2), atol=1.5)


@pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="needs the extra geant4")
def test_geant4_shares_steps_among_pads(pads):
    """The same steps as in a mesh of one cell, whose plates are whole as well."""
    mesh = PADS.replace(PADS.splitlines()[-1], ONE_CELL).replace("[readout]", '[readout]\nframe = "shower"')
    incidents = Incidents.make("e-", [300.0] * 3, position=(3.0, -2.0, 0.0))
    showers = []
    for detector in (pads, Detector.from_toml(mesh)):
        with create("geant4", detector) as geant4:
            showers.append(detector.sum_layers(geant4.simulate(incidents, 5).energies))
    np.testing.assert_allclose(showers[0].sum(1), showers[1].sum(1), rtol=0.02)
    assert (showers[0] <= showers[1] * (1 + 1e-5)).all()


def test_a_model_learns_pads_and_travels_as_onnx(pads, toy, tmp_path):
    pytest.importorskip("torch")
    from caloforge.export import export
    from caloforge.simulators.learned import LearnedSimulator
    from caloforge.training import TrainingConfig, train

    showers = toy(pads, 200, seed=1)
    config = {"model": {"kind": "vae", "latent": 4, "hidden": [16, 8]},
              "training": {"steps": 2, "batch": 32, "evaluate_every": 2}}  # fmt: skip
    train(TrainingConfig.build(config, "pads"), showers[:150], showers[150:], tmp_path / "run", quiet=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        export(tmp_path / "run", tmp_path / "pads.onnx")  # which compares with PyTorch
    with LearnedSimulator(tmp_path / "pads.onnx", outside=True) as simulator:
        assert simulator.detector == pads
        assert (simulator.simulate(showers.incidents[:5], 1).energies.sum(1) > 0).all()


def test_models_of_arrays_say_that_pads_are_none(pads):
    pytest.importorskip("torch")
    from caloforge.models.base import shared_grid

    with pytest.raises(InputError, match="'gan-3d' needs cells in rows and columns"):
        shared_grid(pads, "gan-3d")


def test_pads_are_judged_and_drawn(pads, toy):
    pytest.importorskip("matplotlib")
    from caloforge.report.maps import average_showers
    from caloforge.report.style import REFERENCE
    from caloforge.validation.judges.inputs import make_inputs
    from caloforge.validation.table import observable_table

    showers = toy(pads, 60, seed=2)
    inputs = make_inputs(showers[:30], showers[30:])
    assert inputs.grid is None
    assert "layer 0: cell row 0, pad 0" in inputs.columns["cells"].names
    assert len(observable_table(showers)) > 20
    average_showers(pads, {REFERENCE: showers.energies.mean(0)})
