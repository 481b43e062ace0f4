"""Exported models of older versions: they open as they are, and `upgrade` writes today's metadata."""

import json

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from caloforge.cli import app
from caloforge.showers import Incidents
from caloforge.simulators.cell_table import CellTable
from caloforge.simulators.learned import LearnedSimulator


def with_card(model, path, change):
    """The model with changed metadata, without a digest."""
    proto = onnx.load(model)
    values = json.loads(proto.metadata_props[0].value) | {"digest": None}
    proto.metadata_props[0].value = json.dumps(change(values))
    path.write_bytes(proto.SerializeToString())
    return path


def as_before(values):
    later = ("units", "limits", "cells")
    return {k: v for k, v in values.items() if k not in later} | {"schema": "caloforge-model-1", "python_only": False}


def upgrade(*paths):
    return CliRunner().invoke(app, ["upgrade", str(paths[0]), "-o", str(paths[1])])


def test_old_models_open_and_are_upgraded(toy_onnx, tmp_path, small):
    old, new = with_card(toy_onnx, tmp_path / "old.onnx", as_before), tmp_path / "new.onnx"
    assert upgrade(old, new).exit_code == 0
    models = [LearnedSimulator(path, outside=True) for path in (toy_onnx, old, new)]
    incidents = Incidents.make("e+", np.linspace(2e3, 1e4, 20))
    today, before, after = (model.simulate(incidents, 3).energies for model in models)
    np.testing.assert_array_equal(before, today)
    np.testing.assert_array_equal(after, today)
    assert models[1].card.cells is None
    assert models[2].card.cells == CellTable.of(small)
    assert models[2].card.model_copy(update={"digest": None}) == models[0].card.model_copy(update={"digest": None})
    assert models[2].card.digest


def test_metadata_of_others_are_not_upgraded(toy_onnx, tmp_path):
    double, new = with_card(toy_onnx, tmp_path / "double.onnx", as_before), tmp_path / "new.onnx"
    proto = onnx.load(double)
    proto.metadata_props.append(proto.metadata_props[0])
    double.write_bytes(proto.SerializeToString())
    result = upgrade(double, new)
    assert result.exit_code != 0
    assert "were not written by caloforge" in str(result.exception)
    assert not new.exists()


@pytest.mark.parametrize("change", [{"cells": {"frame": 3}}, {"limits": []}, {"units": {"energy": "GeV"}}])
def test_tables_of_another_form_are_refused(toy_onnx, tmp_path, change):
    path = with_card(toy_onnx, tmp_path / "bad.onnx", lambda values: values | change)
    with pytest.raises(Exception, match=f"metadata of .*{next(iter(change))}"):
        LearnedSimulator(path)
