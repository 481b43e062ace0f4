"""Hostile ONNX graphs of a model that would otherwise be exported: energy and noise in, showers out."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from caloforge.detector import Detector
from caloforge.simulators.model_card import METADATA_KEY, DetectorCard, ModelCard

INT, FLOAT, BOOL = TensorProto.INT64, TensorProto.FLOAT, TensorProto.BOOL
NOISE = 4


def card(detector: Detector) -> ModelCard:
    """Metadata without a digest."""
    return ModelCard(
        name="hostile",
        detector=DetectorCard(name=detector.name, hash=detector.hash, toml=detector.toml),
        n_cells=detector.n_cells,
        pdgs=(11,),
        noise=NOISE,
        threshold=0.01,
        ranges={"energy": (1e3, 1e5), "theta": (0.0, 0.0), "phi": (0.0, 0.0), "position": ((0.0, 0.0),) * 3},
    ).completed(detector)


def constant(name: str, value: object, dtype: object = np.int64) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def model(detector: Detector, nodes: list, tensors: list, opsets: tuple[str, ...] = ("",)) -> onnx.ModelProto:
    """A model whose nodes make "amount" (N, 1) or (1,) from "energy"; every cell gets it."""
    spread = constant("spread", np.full(detector.n_cells, 1 / detector.n_cells), np.float32)
    nodes = [*nodes, helper.make_node("Mul", ["energy", "amount"], ["total"]),
             helper.make_node("ReduceMean", ["noise", "last"], ["level"], keepdims=1),
             helper.make_node("Exp", ["level"], ["factor"]), helper.make_node("Mul", ["total", "factor"], ["drawn"]),
             helper.make_node("Mul", ["drawn", "spread"], ["showers"])]  # fmt: skip
    ports = [helper.make_tensor_value_info(name, FLOAT, ["N", n]) for name, n in (("energy", 1), ("noise", NOISE))]
    out = [helper.make_tensor_value_info("showers", FLOAT, ["N", detector.n_cells])]
    graph = helper.make_graph(nodes, "g", ports, out, [*tensors, spread, constant("last", [-1])])
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, 20) for d in opsets], ir_version=10)
    entry = found.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card(detector).to_json()
    return found


def node(kind: str, inputs: list[str], outputs: list[str], **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, outputs, **attributes)


ONE = [constant("one", [1.0], np.float32)]


def good() -> tuple[list, list]:
    return [node("Identity", ["one"], ["amount"])], ONE


def loop(trips: list[str], body: list, tensors: list, condition: str = "yes") -> tuple[list, list]:
    """A loop that carries "x" and starts from one."""
    info = helper.make_tensor_value_info
    inner = helper.make_graph(
        [*body, node("Identity", ["go_in"], ["go_out"])], "body",
        [info("i", INT, []), info("go_in", BOOL, []), info("x_in", FLOAT, None)],
        [info("go_out", BOOL, []), info("x_out", FLOAT, None)],
    )  # fmt: skip
    nodes = [node("Loop", [*trips, condition, "one"], ["x"], body=inner), node("ReduceMean", ["x"], ["amount"])]
    return nodes, [*ONE, constant("yes", True, bool), *tensors]


ADD = [node("Add", ["x_in", "one"], ["x_out"])]
DOUBLE = [node("Concat", ["x_in", "x_in"], ["x_out"], axis=0)]


def chain(n: int) -> tuple[list, list]:
    nodes = [node("Add", [f"a{k}", "one"], [f"a{k + 1}"]) for k in range(n)]
    return [node("Identity", ["one"], ["a0"]), *nodes, node("Identity", [f"a{n}"], ["amount"])], ONE


def nested(depth: int) -> tuple[list, list]:
    inner = [node("Identity", ["one"], ["r"])]
    for _ in range(depth):
        branch = helper.make_graph(inner, "b", [], [helper.make_tensor_value_info("r", FLOAT, None)])
        inner = [node("If", ["yes"], ["r"], then_branch=branch, else_branch=branch)]
    return [*inner, node("Identity", ["r"], ["amount"])], [*ONE, constant("yes", True, bool)]


def cycle() -> tuple[list, list]:
    return [
        node("Add", ["b", "one"], ["a"]),
        node("Add", ["a", "one"], ["b"]),
        node("Identity", ["a"], ["amount"]),
    ], ONE


def shaped(kind: str, **attributes: object) -> tuple[list, list]:
    shape = constant("shape", [10_000_000, 100_000])
    inputs = ["shape"] if kind == "ConstantOfShape" else ["one", "shape"]
    return [node(kind, inputs, ["big"], **attributes), node("ReduceMean", ["big"], ["amount"], keepdims=0)], [
        *ONE,
        shape,
    ]


def computed_shape() -> tuple[list, list]:
    """40 GB by a shape that no constant tells."""
    tensors = [*ONE, constant("half", [100_000])]
    return [node("Concat", ["half", "half"], ["shape"], axis=0), node("Expand", ["one", "shape"], ["big"]),
            node("ReduceMean", ["big"], ["amount"], keepdims=0)], tensors  # fmt: skip


def claimed() -> tuple[list, list]:
    tensor = constant("one", [1.0], np.float32)
    tensor.dims[:] = [10_000_000_000]
    return [node("Identity", ["one"], ["amount"])], [tensor]


def external(location: str) -> Callable[[], tuple[list, list]]:
    def make() -> tuple[list, list]:
        tensor = TensorProto(name="one", data_type=FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
        for key, value in (("location", location), ("offset", "4096"), ("length", "4")):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        return [node("Identity", ["one"], ["amount"])], [tensor]

    return make


def external_constant() -> tuple[list, list]:
    _, (tensor,) = external("weights.bin")()
    return [node("Constant", [], ["hidden"], value=tensor), node("Identity", ["hidden"], ["amount"])], []


def random_node() -> tuple[list, list]:
    return [node("RandomUniform", [], ["amount"], shape=[1])], []


def missing_input(kind: str, *inputs: str) -> tuple[list, list]:
    return [node(kind, list(inputs), ["amount"])], ONE


def foreign_domain() -> tuple[list, list]:
    return [node("Gelu", ["one"], ["amount"], domain="com.microsoft")], ONE


TRIPS = constant("trips", 50)
REFUSED: dict[str, tuple[Callable[[], tuple[list, list]], str]] = {
    "memory address": (external("*/_ORT_MEM_ADDR_/*"), "keeps its weights in other files"),
    "absolute path": (external("/etc/passwd"), "keeps its weights in other files"),
    "inside location": (external("weights.bin"), "keeps its weights in other files"),
    "external constant": (external_constant, "keeps its weights in other files"),
    "endless loop": (lambda: loop([""], ADD, []), "a node of type Loop lacks an input"),
    "long loop": (lambda: loop(["trips"], ADD, [constant("trips", 10**9)]), "trip count that is a constant"),
    "computed trips": (lambda: (lambda n, t: ([node("Add", ["a", "a"], ["trips"]), *n], t))(
        *loop(["trips"], ADD, [constant("a", 2**40)])), "trip count that is a constant"),
    "20 000 nodes": (lambda: chain(20_000), "over 10000 nodes"),
    "deep branches": (lambda: nested(12), "nested over 8 deep"),
    "cycle": (cycle, "form a cycle, or are not sorted"),
    "Expand": (lambda: shaped("Expand"), "Expand makes over"),
    "Tile": (lambda: shaped("Tile"), "Tile makes over"),
    "ConstantOfShape": (lambda: shaped("ConstantOfShape"), "ConstantOfShape makes over"),
    "claimed constant": (claimed, "claims 10000000000 elements and stores 5 bytes"),
    "random node": (random_node, "draws random numbers"),
    "missing input": (lambda: missing_input("Min", "one", ""), "a node of type Min lacks an input"),
    "too few inputs": (lambda: missing_input("Add", "one"), "a node of type Add lacks an input"),
    "no input": (lambda: missing_input("Exp"), "a node of type Exp lacks an input"),
    "foreign operator": (foreign_domain, "outside the ONNX standard"),
}  # fmt: skip
CAUGHT: dict[str, tuple[Callable[[], tuple[list, list]], str]] = {
    "doubling loop": (lambda: loop(["trips"], DOUBLE, [TRIPS]), "of memory"),
    "computed shape": (computed_shape, "of memory"),
}  # by the trial in a child, not by the rules


def slow() -> tuple[list, list]:
    """Matrix products for minutes, within every rule: a call that only a time limit ends."""
    body = [node("MatMul", ["x_in", "big"], ["x_out"])]
    square = [constant("side", [1, 700, 700]), constant("full", [1, 1, 1])]
    nodes, tensors = loop(["trips"], body, [constant("trips", 9_000), *square])
    nodes[0].input[2] = "big"
    return [node("Expand", ["one", "side"], ["big"]), *nodes], tensors
