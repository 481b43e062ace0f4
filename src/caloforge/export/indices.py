"""Indices of exported graphs in 32 bits, which ONNX Runtime adds and reads in half the time.

Where whole numbers are also clamped, 32 bits are slower: these indices stay as they are.
"""

from collections import defaultdict

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from caloforge.export.graph import outer_names

Users = dict[str, list[onnx.NodeProto]]


def narrow_indices(model: onnx.ModelProto) -> None:
    """Turn indices of `GatherElements` into 32 bits where they are sums of a constant and a conversion, of any shape.

    The graph must carry no shapes between its nodes, which would have the former type.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    users: Users = defaultdict(list)
    for node in graph.node:
        for name in {*node.input, *outer_names(node)}:
            users[name].append(node)
    for cast in graph.node:
        if cast.op_type != "Cast" or cast.attribute[0].i != TensorProto.INT64:
            continue
        sums = users[cast.output[0]]
        if not all(_is_index(node, users, constants) for node in sums):
            continue
        cast.attribute[0].i = TensorProto.INT32
        for node in sums:
            for k, name in enumerate(node.input):
                if name in constants:
                    node.input[k] = _narrowed(graph, constants, name)
    used = {name for node in graph.node for name in {*node.input, *outer_names(node)}}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def _is_index(node: onnx.NodeProto, users: Users, constants: dict[str, TensorProto]) -> bool:
    """Whether a node adds a constant, and the sum is an index alone."""
    known = [given in constants for given in node.input]
    return node.op_type == "Add" and sum(known) == 1 and _only_index(node.output[0], users)


def _only_index(name: str, users: Users) -> bool:
    """Whether a number is an index of `GatherElements` and nothing else, perhaps in another shape."""
    return bool(users[name]) and all(
        (user.op_type == "GatherElements" and user.input[0] != name)
        or (user.op_type == "Reshape" and user.input[0] == name and _only_index(user.output[0], users))
        for user in users[name]
    )


def _narrowed(graph: onnx.GraphProto, constants: dict[str, TensorProto], name: str) -> str:
    """Name of the constant in 32 bits."""
    narrow = f"{name}.int32"
    if narrow not in constants:
        tensor = numpy_helper.from_array(numpy_helper.to_array(constants[name]).astype(np.int32), narrow)
        graph.initializer.append(tensor)
        constants[narrow] = tensor
    return narrow
