"""Where the microseconds of one shower go in an exported model, beside the limit of this machine; one thread.

    python benchmarks/microseconds.py MODEL.onnx [--against OLD.onnx] [--geant4 "10 GeV,50 GeV"]

All times are CPU time of the process, and the smallest of many calls, since other programs can only increase it. The
limit is the larger of two times: that in which one plain product for one shower reads as many weights as the model has,
and that of the model's floating-point operations at the rate of a plain product for many showers. ONNX Runtime's
profile gives the time of each node. The profiler's own cost per node, chosen so that the sum is the time without a
profile, is subtracted. Where it is more than half of the sum, the parts have no time.
"""

import argparse
import json
import math
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from caloforge import provenance
from caloforge.bench import bench
from caloforge.production import Source, SourceConfig
from caloforge.seeds import normal_noise
from caloforge.showers.domain import network_inputs
from caloforge.simulators.learned import NOISE_STREAM, LearnedSimulator

SEED = 2026
WIDTH = 128  # rows of the plain product
MANY = 100  # showers of the plain product whose rate counts
PRODUCTS = ("Gemm", "MatMul", "FusedMatMul")


class Node(NamedTuple):
    """A node that ONNX Runtime runs: part of the model, time [us] with the profiler's, floating-point operations."""

    part: str
    time: float
    operations: int


class Timed(NamedTuple):
    """Times [us] of one batch."""

    nodes: list[Node]
    network: float
    noise: float
    python: float
    limit: float


def session_of(content: bytes, profile: str = "") -> onnxruntime.InferenceSession:
    """The model on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def smallest(calls: list[Callable[[], Any]], seconds: float) -> list[float]:
    """Smallest CPU time [us] of each call; the calls take turns."""
    times: list[list[int]] = [[] for _ in calls]
    end = time.perf_counter() + seconds * len(calls)
    while time.perf_counter() < end or len(times[0]) < 2:
        for call, own in zip(calls, times, strict=True):
            call()
            for _ in range(5):
                begin = time.process_time_ns()
                call()
                own.append(time.process_time_ns() - begin)
    return [min(own) / 1e3 for own in times]


def profiled(content: bytes, feeds: dict[str, np.ndarray], calls: int) -> list[Node]:
    """The nodes that ONNX Runtime runs for these inputs."""
    with tempfile.TemporaryDirectory() as folder:
        session = session_of(content, str(Path(folder, "profile")))
        for _ in range(calls):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text())
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            found[event["name"]].append(event)
    return [_node(name, rows) for name, rows in found.items()]


def _node(name: str, events: list[dict[str, Any]]) -> Node:
    what = events[0]["args"]
    part = re.sub(r"\.\d+", "", name.split("/node_")[0]) if "/node_" in name else ""
    operations = 0
    if what["op_name"] in PRODUCTS:
        made, first = (_shape(what[key][0]) for key in ("output_type_shape", "input_type_shape"))
        operations = 2 * prod(made) * first[-1]
    return Node(part, float(np.percentile([event["dur"] for event in events], 10)), operations)


def _shape(entry: dict[str, list[int]]) -> list[int]:
    return next(iter(entry.values()))


def plain(weights: int) -> bytes:
    """One product of matrices with this number of weights."""
    values = np.random.default_rng(0).standard_normal((WIDTH, max(weights // WIDTH, 1)), dtype=np.float32)
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", s]) for n, s in (("x", WIDTH), ("y", None)))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "plain", [x], [y],
                              [numpy_helper.from_array(values, "w")])  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


def weights_of(content: bytes) -> int:
    """Weights of the model's matrices."""
    return sum(prod(one.dims) for one in onnx.load_from_string(content).graph.initializer
               if one.data_type == TensorProto.FLOAT and len(one.dims) == 2)  # fmt: skip


def limit_of(weights: int, operations: int, seconds: float) -> float:
    """Least time [us] in which this machine reads the weights once, and does the operations."""
    bare = session_of(plain(weights))
    one, many = (np.ones((n, WIDTH), np.float32) for n in (1, MANY))
    (read,) = smallest([lambda: bare.run(None, {"x": one})], seconds)
    (busy,) = smallest([lambda: bare.run(None, {"x": many})], seconds)
    return max(read, operations * busy / (2 * MANY * weights))


def feeds_of(model: LearnedSimulator, source: Source, batch: int) -> tuple[Any, dict[str, np.ndarray]]:
    """Incidents, and the inputs of the network for them."""
    incidents = source.draw(0, batch, SEED)
    known = network_inputs(incidents)
    noise = normal_noise(SEED, incidents.shower_id, model.card.noise, NOISE_STREAM)
    return incidents, {name: known.get(name, noise) for name in model._checked_inputs()}


class _Silent:
    """Takes the place of a network, to time what is around it."""

    def __init__(self, cells: np.ndarray) -> None:
        self.cells = cells

    def run(self, *_: Any) -> np.ndarray:
        """The same cells each time."""
        return self.cells

    def close(self) -> None:
        """Do nothing."""


def timed(path: Path, source: Source, batch: int, seconds: float) -> Timed:
    """Times of the model's parts and of what is around it, for one batch."""
    model = LearnedSimulator(path)
    incidents, feeds = feeds_of(model, source, batch)
    content = path.read_bytes()
    session = session_of(content)
    nodes = profiled(content, feeds, max(5, 300 // batch))
    (network,) = smallest([lambda: session.run(None, feeds)], seconds)
    limit = limit_of(weights_of(content), sum(node.operations for node in nodes), seconds)
    model._session = _Silent(np.ones((batch, model.detector.n_cells), np.float32))  # type: ignore[assignment]
    noise, all_but = smallest(
        [lambda: normal_noise(SEED, incidents.shower_id, model.card.noise, NOISE_STREAM),
         lambda: model.simulate(incidents, SEED)], seconds / 4,
    )  # fmt: skip
    return Timed(nodes, network, noise, all_but - noise, limit)


def without_profiler(nodes: list[Node], total: float) -> list[float]:
    """Times [us] of the nodes less the profiler's own, so that the sum is the total; NaN if that is more than half."""
    times = np.array([node.time for node in nodes])
    if times.sum() > 2 * total:
        return [math.nan] * len(nodes)
    low, high = 0.0, float(times.max())
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(times - middle, 0).sum() > total else (low, middle)
    return [float(own) for own in np.maximum(times - low, 0)]


def table(batches: dict[int, Timed]) -> str:
    """Microseconds per shower of each part, as Markdown."""
    parts: dict[str, list[float]] = defaultdict(lambda: [0.0] * (1 + len(batches)))
    for column, (batch, found) in enumerate(batches.items(), 1):
        for node, own in zip(found.nodes, without_profiler(found.nodes, found.network), strict=True):
            parts[node.part or "rest of the graph"][column] += own / batch
            parts[node.part or "rest of the graph"][0] += column == 1
    lines = [f"| part | nodes | {' | '.join(f'batch {b}' for b in batches)} |", "|---" * (2 + len(batches)) + "|"]
    for part, (nodes, *times) in sorted(parts.items(), key=lambda row: -row[1][-1]):
        shown = ("-" if math.isnan(t) else f"{t:.1f}" for t in times)
        lines.append(f"| {part} | {nodes:.0f} | {' | '.join(shown)} |")
    for name, values in (
        ("**network**", [t.network for t in batches.values()]),
        ("noise", [t.noise for t in batches.values()]),
        ("checks and conversions", [t.python for t in batches.values()]),
        ("**limit of the network**", [t.limit for t in batches.values()]),
    ):
        count = str(len(next(iter(batches.values())).nodes)) if name == "**network**" else ""
        per_shower = (f"{v / b:.1f}" for v, b in zip(values, batches, strict=True))
        lines.append(f"| {name} | {count} | {' | '.join(per_shower)} |")
    return "\n".join(lines)


def compared(paths: list[Path], source: Source, batch: int, seconds: float) -> str:
    """CPU time per shower of several models, which take turns."""
    calls: list[Callable[[], Any]] = []
    for path in paths:
        feeds, session = feeds_of(LearnedSimulator(path), source, batch)[1], session_of(path.read_bytes())
        calls.append(partial(session.run, None, feeds))
    alone = [smallest([call], seconds)[0] / batch for call in calls]
    turns = [value / batch for value in smallest(calls, seconds)]
    return " | ".join(f"{a:.1f}, {t:.1f}" for a, t in zip(alone, turns, strict=True))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--batches", default="1,10,100")
    parser.add_argument("--energy", default="50 GeV")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--geant4", default="", help="energies at which Geant4 is timed, too")
    given = parser.parse_args()
    model = LearnedSimulator(given.model)
    particle = str(model.card.pdgs[0])
    source = Source.from_config(SourceConfig(particle=particle, energy=given.energy), model.detector)
    batches = [int(b) for b in given.batches.split(",")]
    print(f"{given.model.name} on {provenance.cpu()}, {given.energy}, one thread; us of CPU time per shower\n")
    print(table({b: timed(given.model, source, b, given.seconds) for b in batches}))
    if given.against:
        print(
            f"\n| batch | {given.against.name}: alone, in turns | {given.model.name}: alone, in turns |\n|---|---|---|"
        )
        for batch in batches:
            print(f"| {batch} | {compared([given.against, given.model], source, batch, given.seconds)} |")
    if given.geant4:
        energies = given.geant4.split(",")
        report = bench(model.detector, {}, SourceConfig(particle=particle), energies, lambda _: None)
        print(
            "\nGeant4, ms per shower: "
            + ", ".join(f"{ms:.0f} at {energy}" for energy, ms in report["geant4_ms"].items())
        )


if __name__ == "__main__":
    main()
