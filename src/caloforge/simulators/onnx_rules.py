"""The rules that an ONNX file must keep before a runtime sees it; `cpp/src/onnx_rules.cpp` has the same rules.

Field numbers are those of onnx.proto3.
"""

import math
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass

from caloforge.errors import InputError
from caloforge.simulators.protobuf import Message

MAX_NODES = 10_000
MAX_DEPTH = 8  # levels of graphs inside graphs
MAX_TRIPS = 10_000  # trips of one loop
MAX_WORK = 10_000_000  # nodes that one call runs, with loops unrolled
MAX_ELEMENTS = 2**26  # elements of a tensor whose shape is a constant
GRAPH, METADATA, OPSETS = 7, 14, 8
MODEL_FIELDS = {1, 2, 3, 4, 5, 6, GRAPH, OPSETS, METADATA, 26}
DOMAINS = (b"", b"ai.onnx")
RANDOM = {b"RandomNormal", b"RandomNormalLike", b"RandomUniform", b"RandomUniformLike", b"Bernoulli", b"Multinomial"}
SHAPED = {b"ConstantOfShape": 0, b"Expand": 1, b"Tile": 1, b"OneHot": 1, b"Pad": 1}  # number of the input with sizes
TWO = frozenset(
    b"""
    Add Sub Mul Div Pow Mod PRelu And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual BitShift BitwiseAnd
    BitwiseOr BitwiseXor MatMul Gather GatherElements GatherND Expand Reshape Tile CastLike CumSum TopK Compress
    Gemm Conv ConvTranspose Pad Unsqueeze
    """.split()
)
THREE = frozenset(b"Where OneHot Range Slice ScatterElements ScatterND InstanceNormalization".split())
NONE = {b"Constant", b"SequenceEmpty", b"Optional"}
ANY = {b"Min", b"Max", b"Sum", b"Mean", b"Concat"}  # take any number of inputs, none of which may be empty
DATA = (4, 5, 6, 7, 9, 10, 11)  # fields of a tensor that hold its elements
PER_BYTE = 4  # largest number of elements in a byte
INT32, INT64 = 6, 7
HUGE = 2**62
MOST = 64  # largest number of elements of a constant whose values are checked


def check(content: bytes | memoryview) -> Message:
    """Check a model: one file, standard operators, bounded nodes, loops, tensors and depth, sorted nodes.

    Returns:
        The outermost message.

    Raises:
        InputError: the model breaks a rule, which the message names.
    """
    model = Message(memoryview(content))
    graph = model.one(GRAPH)
    if graph is None or not MODEL_FIELDS.issuperset(model.fields):
        raise InputError("it is not an ONNX model, or defines functions or training graphs")
    for opset in model.all(OPSETS):
        _check_domain(Message(opset).text(1))
    _Walk().graph(Message(graph), ChainMap(), 1, 1)
    return model


def metadata(model: Message, key: str) -> str | None:
    """Text under a key of the metadata.

    Raises:
        InputError: the text is not UTF-8.
    """
    entries = [Message(entry) for entry in model.all(METADATA)]
    found = [entry.text(2) for entry in entries if entry.text(1) == key.encode()]
    try:
        return found[-1].decode() if found else None
    except UnicodeDecodeError:
        raise InputError(f"its metadata '{key}' are not UTF-8 text") from None


Names = ChainMap[bytes, list[int] | None]  # names in scope, with the numbers of small constants


@dataclass
class _Walk:
    """Counts of nodes over the visited part of the graph."""

    nodes: int = 0
    work: int = 0

    def graph(self, graph: Message, names: Names, depth: int, trips: int) -> None:
        """Check a graph that runs `trips` times per call; `names` are those of the enclosing graphs."""
        if depth > MAX_DEPTH:
            raise InputError(f"its graphs are nested over {MAX_DEPTH} deep")
        if graph.all(15):
            raise InputError("it has sparse tensors")
        for entry in graph.all(11):
            names[Message(entry).text(1)] = None
        for tensor in map(Message, graph.all(5)):
            names[tensor.text(8)] = _numbers(check_tensor(tensor))
        for node in map(Message, graph.all(1)):
            self.node(node, names, depth, trips)
        for entry in graph.all(12):
            _check_known(Message(entry).text(1), names)

    def node(self, node: Message, names: Names, depth: int, trips: int) -> None:
        """Check a node and add its outputs to the names."""
        self.nodes, self.work = self.nodes + 1, self.work + trips
        if self.nodes > MAX_NODES or self.work > MAX_WORK:
            raise InputError(f"it has over {MAX_NODES} nodes, or runs over {MAX_WORK} in a call")
        kind, inputs = node.text(4), [bytes(name) for name in node.all(1)]
        _check_domain(node.text(7))
        if kind in RANDOM:
            raise InputError(f"its operator {kind.decode()} draws random numbers; noise is an input")
        for name in inputs:
            _check_known(name, names)
        _check_inputs(kind, inputs)
        _check_sizes(kind, inputs, names)
        inner = trips * _trip_count(inputs, names) if kind == b"Loop" else trips
        value = None
        for attribute in map(Message, node.all(5)):
            for tensor in map(Message, _singles(attribute, 5, 10)):
                value = _numbers(check_tensor(tensor))
            if attribute.text(1) in (b"value_int", b"value_ints"):
                value = [*attribute.numbers(3), *attribute.numbers(8)][:MOST]
            if attribute.fields.keys() & {21, 22, 23}:
                raise InputError("it has sparse tensors or attributes of functions")
            for body in _singles(attribute, 6, 11):
                self.graph(Message(body), names.new_child(), depth + 1, inner)
        for made in node.all(2):
            names[bytes(made)] = value if kind == b"Constant" else None


def _singles(attribute: Message, one: int, many: int) -> Iterator[memoryview]:
    """Values of an attribute that may hold one or several."""
    found = attribute.one(one)
    yield from [] if found is None else [found]
    yield from attribute.all(many)


def _check_domain(domain: bytes) -> None:
    if domain not in DOMAINS:
        raise InputError(f"it uses operators outside the ONNX standard, of '{domain.decode(errors='replace')[:60]}'")


def _check_known(name: bytes, names: Names) -> None:
    if name and name not in names:
        shown = name.decode(errors="replace")[:60]
        raise InputError(f"'{shown}' is used before it is made: its nodes form a cycle, or are not sorted")


def _check_inputs(kind: bytes, inputs: list[bytes]) -> None:
    """Reject nodes that lack a required input, since some runtimes do not check."""
    needed = 3 if kind in THREE else 2 if kind in TWO else kind not in NONE
    if len(inputs) < needed or not all(inputs if kind in ANY else inputs[:needed]):
        raise InputError(f"a node of type {kind.decode(errors='replace')[:60]} lacks an input")


def check_tensor(tensor: Message) -> Message:
    """Check that the elements of a tensor are in the file, and that its shape claims no more.

    Raises:
        InputError: the data are outside the file, or the shape does not fit them.
    """
    if tensor.all(13) or any(tensor.numbers(14)):
        raise InputError("it keeps its weights in other files; save it as one file")
    stored = sum(9 if isinstance(value, int) else len(value) + 1 for k in DATA for value in tensor.fields.get(k, []))
    claimed = HUGE if any(n < 0 for n in tensor.numbers(1)) else min(math.prod(tensor.numbers(1)), HUGE)
    if claimed > PER_BYTE * stored:
        raise InputError(f"a tensor claims {claimed} elements and stores {stored} bytes")
    return tensor


def _numbers(tensor: Message) -> list[int] | None:
    """The elements of a tensor of few integers; None for other tensors."""
    kind, count = tensor.number(2), math.prod(tensor.numbers(1))
    if kind not in (INT32, INT64) or count > MOST:
        return None
    raw, size = tensor.one(9), 4 if kind == INT32 else 8
    if raw is None:
        return list(tensor.numbers(5 if kind == INT32 else 7))[:MOST]
    return [int.from_bytes(raw[i : i + size], "little", signed=True) for i in range(0, len(raw) - size + 1, size)][
        :MOST
    ]


def _known(inputs: list[bytes], place: int, names: Names) -> list[int] | None:
    return names.get(inputs[place]) if place < len(inputs) else None


def _trip_count(inputs: list[bytes], names: Names) -> int:
    found = _known(inputs, 0, names)
    if not found or len(found) != 1 or found[0] > MAX_TRIPS:
        raise InputError(f"a Loop needs a trip count that is a constant of the file, at most {MAX_TRIPS}")
    return max(found[0], 1)


def _check_sizes(kind: bytes, inputs: list[bytes], names: Names) -> None:
    """Reject operators whose result is huge because of constant sizes, or of the three constants of `Range`."""
    sizes = _known(inputs, SHAPED[kind], names) if kind in SHAPED else None
    size = math.prod(max(abs(n), 1) for n in sizes) if sizes else 0
    if kind == b"Range":
        start, stop, step = ((_known(inputs, place, names) or [0])[0] for place in range(3))
        size = abs(stop - start) // max(abs(step), 1)
    if size > MAX_ELEMENTS:
        raise InputError(f"its operator {kind.decode()} makes over {MAX_ELEMENTS} elements")
