"""Wrap networks trained elsewhere, by graph composition, into models in physical units."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from caloforge.config import read_file
from caloforge.detector import Detector
from caloforge.errors import InputError, RunError, nearest
from caloforge.export.foreign_spec import ForeignSpec, InputSpec, OutputSpec
from caloforge.export.graph import check_graph
from caloforge.files import replacing
from caloforge.particles import pdg_code
from caloforge.showers import Incidents
from caloforge.simulators.learned import LearnedSimulator, check_batch
from caloforge.simulators.model_card import DetectorCard, ModelCard, Ranges
from caloforge.simulators.onnx_file import read_onnx, sealed
from caloforge.units import counted
from caloforge.units import energy as read_energy

OPSET, IR_VERSION = 20, 10
PREFIX = "foreign_"
COLUMNS = {"energy": 1, "theta": 1, "phi": 1, "position": 3, "pdg": 1}
FUNCTIONS = {"log": "Log", "log10": "Log", "sqrt": "Sqrt", "exp": "Exp", "sin": "Sin", "cos": "Cos"}


def import_model(model: Path, spec: Path, output: Path) -> None:
    """Wrap a foreign ONNX network, as its spec describes it, into an exported model that every verb takes.

    Raises:
        InputError: an unusable file, or a spec that does not fit the network; nothing is written.
    """
    described = read_file(ForeignSpec, spec)
    where = str(spec.parent / described.detector) if described.detector.endswith(".toml") else described.detector
    detector = Detector.load(where)
    foreign = load(model)
    check_fit(described, foreign, detector, str(spec))
    wrapped = wrap(foreign, described, detector)
    with replacing(output) as beside:
        beside.write_bytes(sealed(wrapped.SerializeToString(), card(described, detector, model), trusted=False))
        _try_out(beside, model)


def load(path: Path) -> onnx.ModelProto:
    """Foreign network at caloforge's opset, with prefixed names.

    Raises:
        InputError: no such file, or one that breaks the rules of `onnx_rules`.
    """
    content, _ = read_onnx(path)
    try:
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model)
        model = onnx.version_converter.convert_version(model, OPSET)
    except Exception as error:
        raise InputError(f"{path} is not a usable ONNX model: {str(error).strip().splitlines()[0][:200]}") from None
    return onnx.compose.add_prefix(model, PREFIX)


def check_fit(spec: ForeignSpec, foreign: onnx.ModelProto, detector: Detector, source: str) -> None:
    """Refuse a spec whose names or numbers of cells do not fit the network and the detector.

    Raises:
        InputError: the message names the input, output or number.
    """
    fixed = {tensor.name for tensor in foreign.graph.initializer}
    asked = {i.name.removeprefix(PREFIX) for i in foreign.graph.input if i.name not in fixed}
    given = {o.name.removeprefix(PREFIX) for o in foreign.graph.output}
    named = [entry.name for entry in spec.input]
    for name in (n for n in named if n not in asked):
        raise InputError(f"{source}: '{name}' is not one input of the network; {nearest(name, asked)}")
    for tensor in (i for i in foreign.graph.input if i.name not in fixed):
        first = tensor.type.tensor_type.shape.dim[:1]
        check_batch(source, tensor.name.removeprefix(PREFIX), [d.dim_value for d in first if d.HasField("dim_value")])
    if asked - set(named):
        raise InputError(f"{source} does not describe the network's input '{min(asked - set(named))}'")
    if spec.output.name not in given:
        raise InputError(
            f"{source}: the network has no output '{spec.output.name}'; {nearest(spec.output.name, given)}"
        )
    cells = spec.output.size if spec.output.cells is None else len(spec.output.cells)
    if cells != detector.n_cells:
        raise InputError(
            f"{source}: the output fills {counted(cells, 'cell')}, detector '{detector.name}' has {detector.n_cells}"
        )


class Graph:
    """Collect nodes and constants of a graph; every method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Append a node."""
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"{name}_node", **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Append a constant."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def line(self, x: str, scale: float, offset: float) -> str:
        """Append scale * x + offset."""
        x = x if scale == 1 else self.node("Mul", x, self.constant([scale]))
        return x if offset == 0 else self.node("Add", x, self.constant([offset]))


def wrap(foreign: onnx.ModelProto, spec: ForeignSpec, detector: Detector) -> onnx.ModelProto:
    """Put the network between nodes that translate its inputs and outputs."""
    graph = Graph()
    _feed_all(graph, spec, foreign)
    graph.nodes.extend(foreign.graph.node)
    _collect(graph, spec.output, detector)
    needed = _prune(graph, foreign)
    sources = {entry.source for entry in spec.input} - {"constant"} | ({"energy"} if spec.output.per_energy else set())
    sizes = COLUMNS | {"noise": spec.noise}
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64 if name == "pdg" else TensorProto.FLOAT, ["N", size])
        for name, size in sizes.items()
        if name in sources
    ]
    output = helper.make_tensor_value_info("showers", TensorProto.FLOAT, ["N", detector.n_cells])
    whole = helper.make_graph(graph.nodes, spec.name, inputs, [output], needed)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    try:
        check_graph(model)
    except (RunError, onnx.checker.ValidationError) as error:
        raise InputError(f"the wrapped network breaks a rule: {str(error).strip().splitlines()[0]}") from None
    return model


def _feed_all(graph: Graph, spec: ForeignSpec, foreign: onnx.ModelProto) -> None:
    types = {i.name: i.type.tensor_type.elem_type for i in foreign.graph.input}
    taken = 0
    for name, entries in spec.packed.items():
        columns: list[str | None] = []
        width = 0
        for entry in entries:
            if entry.values is not None:
                value, more = None, len(entry.values)
            else:
                value, more = _labelled(graph, entry) if entry.labels else _number(graph, entry, taken)
            taken += entry.noise
            columns.append(value)
            width += more
        row = _packed(graph, entries, columns)
        shape = entries[0].shape if len(entries) == 1 and entries[0].shape else (width,)
        shaped = graph.node("Reshape", row, graph.constant([-1, *shape], np.int64))
        graph.node("Cast", shaped, output=PREFIX + name, to=types[PREFIX + name])


def _packed(graph: Graph, entries: Sequence[InputSpec], columns: Sequence[str | None]) -> str:
    """Join columns into one row; constants take the number of showers from the first other column."""
    first = next(value for value in columns if value is not None)
    if len(columns) == 1:
        return first
    if None in columns:
        zero = graph.line(graph.node("ReduceMean", first, graph.constant([1], np.int64), keepdims=1), 0.0, 0.0)
    flat = []
    for entry, value in zip(entries, columns, strict=True):
        if entry.values is not None:
            flat.append(graph.node("Add", zero, graph.constant([entry.values])))
        else:
            assert value is not None
            flat.append(graph.node("Cast", value, to=TensorProto.FLOAT))
    return graph.node("Concat", *flat, axis=1)


def _number(graph: Graph, entry: InputSpec, taken: int) -> tuple[str, int]:
    """Append scale * function(source) + offset; return its name and columns. Noise starts at column `taken`."""
    value: str = entry.source
    if entry.source == "noise":
        ends = (graph.constant([end], np.int64) for end in (taken, taken + entry.noise, 1))
        value = graph.node("Slice", value, *ends)
        if entry.distribution == "uniform":
            value = _normal_cdf(graph, value)
    if entry.function != "identity":
        value = graph.node(FUNCTIONS[entry.function], value)
    scale = entry.scale / math.log(10) if entry.function == "log10" else entry.scale
    return graph.line(value, scale, entry.offset), entry.noise or COLUMNS[entry.source]


def _normal_cdf(graph: Graph, value: str) -> str:
    erf = graph.node("Erf", graph.line(value, math.sqrt(0.5), 0))
    return graph.line(erf, 0.5, 0.5)


def _labelled(graph: Graph, entry: InputSpec) -> tuple[str, int]:
    """Number of the nearest label, or its one-hot row; and the number of columns."""
    labels = entry.labels or ()
    values = [pdg_code(label) if entry.source == "pdg" else read_energy(label) for label in labels]
    kind = np.int64 if entry.source == "pdg" else np.float32
    distance = graph.node("Abs", graph.node("Sub", entry.source, graph.constant([values], kind)))
    index = graph.node("ArgMin", distance, axis=1, keepdims=1)
    if not entry.one_hot:
        return graph.line(graph.node("Cast", index, to=TensorProto.FLOAT), entry.scale, entry.offset), 1
    same = graph.node("Equal", index, graph.constant([range(len(values))], np.int64))
    return graph.node("Cast", same, to=TensorProto.FLOAT), len(values)


def _collect(graph: Graph, entry: OutputSpec, detector: Detector) -> None:
    """Thresholded cells [MeV] of the detector from the network's output."""
    value = graph.node("Cast", PREFIX + entry.name, to=TensorProto.FLOAT)
    if entry.axes is not None:
        shaped = graph.node("Reshape", value, graph.constant([-1, *entry.shape], np.int64))
        value = graph.node("Transpose", shaped, perm=[0, *(axis + 1 for axis in entry.axes)])
    value = graph.node("Reshape", value, graph.constant([-1, entry.size], np.int64))
    if entry.function == "square":
        value = graph.node("Mul", value, value)
    elif entry.function != "identity":
        value = graph.node(FUNCTIONS[entry.function], value)
    value = graph.line(value, entry.scale, entry.offset)
    if entry.per_energy:
        value = graph.node("Mul", value, "energy")
    if entry.cells is not None:
        value = _picked(graph, value, np.array(entry.cells))
    limits = [detector.threshold] if detector.has_one_threshold else detector.thresholds
    below = graph.node("Less", value, graph.constant(limits))
    graph.node("Where", below, graph.constant([0.0]), value, output="showers")  # NaN passes and is seen later


def _picked(graph: Graph, value: str, cells: NDArray[np.int64]) -> str:
    """Columns `cells` of the output; zero for cells that it lacks."""
    picked = graph.node("Gather", value, graph.constant(np.maximum(cells, 0), np.int64), axis=1)
    return picked if (cells >= 0).all() else graph.node("Mul", picked, graph.constant([cells >= 0]))


def _prune(graph: Graph, foreign: onnx.ModelProto) -> list[TensorProto]:
    """Remove nodes that reach no cell, such as those of other outputs, and unused tensors."""
    needed = {"showers"}
    kept = []
    for node in reversed(graph.nodes):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input) | {n for a in node.attribute for n in _outer(a)}
    graph.nodes = kept[::-1]
    return [tensor for tensor in (*graph.constants, *foreign.graph.initializer) if tensor.name in needed]


def _outer(attribute: onnx.AttributeProto) -> Iterator[str]:
    """Names that the bodies of a loop or branch use."""
    for body in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
        yield from (output.name for output in body.output)
        for node in body.node:
            yield from node.input
            for inner in node.attribute:
                yield from _outer(inner)


def card(spec: ForeignSpec, detector: Detector, model: Path) -> ModelCard:
    """Metadata of the wrapped network."""
    return ModelCard(
        name=spec.name,
        detector=DetectorCard(name=detector.name, hash=detector.hash, toml=detector.toml),
        n_cells=detector.n_cells,
        pdgs=tuple(sorted(pdg_code(name) for name in spec.particles)),
        noise=max(spec.noise, 1),
        threshold=detector.threshold,
        ranges=Ranges(**dict(spec.ranges)),
        versions={"onnx": onnx.__version__, "opset": str(OPSET)},
        training={"foreign": model.name},
    ).completed(detector)


def _try_out(path: Path, model: Path) -> None:
    """Simulate both ends of the energy range, so that a failing network is refused before its file gets its name."""
    try:
        with LearnedSimulator(path) as simulator:
            ranges = simulator.card.ranges
            centre = [sum(side) / 2 for side in ranges.position]
            ends = Incidents.make(
                simulator.card.pdgs[0], list(ranges.energy), theta=ranges.theta[0], phi=ranges.phi[0], position=centre
            )
            simulator.simulate(ends, 0)
    except (InputError, RunError) as error:
        reason = str(error).replace(str(path), "the wrapped network")
        raise InputError(f"{model} does not work as described: {reason}") from None
