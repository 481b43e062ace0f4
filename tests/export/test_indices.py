"""Indices of exported graphs in 32 bits give the same values; indices that are used otherwise stay as they are."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from caloforge.export.graph import check_graph
from caloforge.export.indices import narrow_indices

COLUMNS = np.array([[4, 0, 3, 1, 1, 2]], np.int64)


def picking(*more):
    """A graph that picks columns of x, as exported flows do, and nodes `more`."""
    nodes = [
        helper.make_node("Slice", ["x", "zero", "one", "one"], ["first"]),
        helper.make_node("Greater", ["first", "huge"], ["never"]),
        helper.make_node("Cast", ["never"], ["start"], to=TensorProto.INT64),
        helper.make_node("Add", ["start", "columns"], ["index"]),
        helper.make_node("GatherElements", ["x", "index"], ["y"], axis=1),
        *more,
    ]
    constants = {"zero": np.array([0]), "one": np.array([1]), "huge": np.float32(np.inf), "columns": COLUMNS}
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [port("x", TensorProto.FLOAT, ["N", 5])], [port("y", TensorProto.FLOAT, ["N", 6])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def types(model):
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


@pytest.mark.parametrize("n", [1, 7])
def test_picked_columns_stay_the_same(n):
    model, x = picking(), np.random.default_rng(1).normal(size=(n, 5)).astype(np.float32)
    narrow_indices(model)
    check_graph(model)
    assert types(model)["columns.int32"] == TensorProto.INT32
    assert "columns" not in types(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], x[:, COLUMNS[0]])


@pytest.mark.parametrize(
    "more",
    [
        [helper.make_node("Cast", ["index"], ["number"], to=TensorProto.FLOAT)],
        [helper.make_node("Mul", ["start", "one"], ["number"])],
        [helper.make_node("GatherElements", ["index", "index"], ["number"], axis=1)],
    ],
)
def test_indices_that_are_numbers_too_stay_as_they_are(more):
    model = picking(*more)
    before = model.SerializeToString()
    narrow_indices(model)
    assert model.SerializeToString() == before


def test_exported_flows_have_narrow_indices(toy_onnx):
    """No 64-bit table remains but those behind a clamp, and no shape between nodes."""
    model = onnx.load(toy_onnx)
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    constants = types(model)
    picked = [makers[node.input[1]] for node in graph.node
              if node.op_type == "GatherElements" and makers[node.input[1]].op_type == "Add"]  # fmt: skip
    tables = [constants[name] for node in picked for name in node.input if name in constants]
    assert set(tables) == {TensorProto.INT32}
    assert len(tables) >= 4
    assert not graph.value_info
