"""The C++ half, built once, and small ONNX models with the operators of the real ones."""

import ctypes
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from caloforge.detector import Detector
from caloforge.simulators.model_card import METADATA_KEY, DetectorCard, ModelCard

ROOT = Path(__file__).parents[2]
BINS, NOISE = 8, 16


def run(*command: str | Path, expect: int = 0) -> str:
    """Output of a command that must end with `expect`."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=500)
    assert done.returncode == expect, f"{command[0]}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout if expect == 0 else done.stderr


def configure(source: Path, build: Path, *options: str) -> None:
    """Configure and build a CMake project."""
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    build.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(build.parent / f"{build.name}.lock"):  # test processes share the folder
        run("cmake", "-S", source, "-B", build, *generator, f"-DPython3_EXECUTABLE={sys.executable}", *options)
        run("cmake", "--build", build, "--parallel", "2")


@pytest.fixture(scope="session")
def run_program() -> Callable[..., str]:
    """Run a command that must end with a given code."""
    return run


@pytest.fixture(scope="session")
def build_project(tools: None) -> Callable[..., None]:  # noqa: ARG001
    """Configure and build a CMake project."""
    return configure


@pytest.fixture(scope="session")
def tools() -> None:
    """A compiler, CMake and a runtime, or the reason why the C++ half is not tested."""
    pytest.importorskip("openvino", reason="the extra 'cpp' (OpenVINO) is not installed")
    if not shutil.which("cmake"):
        pytest.skip("no CMake: the C++ library is not built")
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        pytest.skip("no C++ compiler: the C++ library is not built")


@pytest.fixture(scope="session")
def build(tools: None) -> Path:  # noqa: ARG001
    """Folder of the built library; kept between runs, so that only the first one compiles."""
    folder = ROOT / "build" / "cpp"
    configure(ROOT / "cpp", folder, "-DCALOFORGE_WITH_GEANT4=OFF")
    return folder


class Incident(ctypes.Structure):
    """caloforge_incident."""

    _fields_ = [(name, ctypes.c_double) for name in ("energy", "theta", "phi", "x", "y", "z")] + [
        (name, ctypes.c_int64) for name in ("pdg", "shower_id")
    ]


@pytest.fixture(scope="session")
def library(build: Path) -> ctypes.CDLL:
    """The C interface."""
    lib = ctypes.CDLL(str(build / "libcaloforge.so"))
    lib.caloforge_open.restype = ctypes.c_void_p
    lib.caloforge_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    lib.caloforge_info.restype = lib.caloforge_last_error.restype = ctypes.c_char_p
    lib.caloforge_info.argtypes = lib.caloforge_close.argtypes = [ctypes.c_void_p]
    lib.caloforge_simulate.restype = ctypes.c_int64
    lib.caloforge_simulate.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(Incident), ctypes.c_uint64, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_size_t,
    ]  # fmt: skip
    return lib


@pytest.fixture(scope="session")
def incident_type() -> type[Incident]:
    """The C struct."""
    return Incident


@pytest.fixture(scope="session")
def card() -> Callable[..., ModelCard]:
    """Metadata of a model of the CaloGAN calorimeter."""
    detector = Detector.load("calogan-ecal")

    def make(**changes: object) -> ModelCard:
        whole = {
            "name": "test",
            "detector": DetectorCard(name=detector.name, hash=detector.hash, toml=detector.toml),
            "n_cells": detector.n_cells,
            "pdgs": (11, 22),
            "noise": NOISE,
            "threshold": 0.01,
            "ranges": {"energy": (1e3, 1e5), "theta": (0.0, 0.3), "phi": (0.0, 6.2), "position": ((-5, 5),) * 3},
        }
        known = ModelCard(**(whole | changes))
        return known.completed(known.built_detector("test"))

    return make


@pytest.fixture(scope="session")
def old_card(card: Callable[..., ModelCard]) -> str:
    """The same metadata as files of schema 1 have them."""
    values = json.loads(card().to_json()) | {"schema": "caloforge-model-1", "python_only": False}
    return json.dumps({name: value for name, value in values.items() if name not in ("units", "limits", "cells")})


@pytest.fixture(scope="session")
def write_model(card: Callable[..., ModelCard]) -> Callable[..., Path]:
    """Write a network with the operators of a spline flow (CumSum, comparisons, GatherElements) and its metadata."""
    import onnx
    from onnx import helper

    def write(path: Path, inputs: tuple[str, ...] = ("energy", "noise"), metadata: str | None = None) -> Path:
        model = helper.make_model(spline_graph(inputs), opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        entry = model.metadata_props.add()
        entry.key, entry.value = METADATA_KEY, metadata or card().to_json()
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())
        return path

    return write


SPLINE = """
scores = MatMul(noise, weights)
cube = Reshape(scores, cells_bins)
shares = Softmax(cube)
edges = CumSum(shares, last)
inner = MatMul(noise, shifts)
level = Sigmoid(inner)
column = Unsqueeze(level, last)
above = GreaterOrEqual(column, edges)
counted = Cast(above)
bin = ReduceSum(counted, last)
capped = Min(bin, most)
upper = GatherElements(edges, capped)
width = GatherElements(shares, capped)
lower = Sub(upper, width)
gap = Sub(column, lower)
part = Div(gap, width)
whole = CastLike(capped, part)
place = Add(whole, part)
height = Squeeze(place, last)
scaled = Mul(height, energy)
raw = Mul(scaled, share)
conditioned = Add(raw, condition)
kept = GreaterOrEqual(conditioned, threshold)
showers = Where(kept, conditioned, nothing)
"""
ATTRIBUTES = {"Softmax": {"axis": -1}, "Cast": {"to": 7}, "ReduceSum": {"keepdims": 1}, "GatherElements": {"axis": 2}}


def spline_graph(inputs: tuple[str, ...]):
    """Graph of `SPLINE`; every input but energy and noise adds its sum to the condition."""
    from onnx import helper, numpy_helper

    random, cells = np.random.default_rng(5), 504
    constants = {
        "weights": random.normal(0, 0.2, (NOISE, cells * BINS)).astype(np.float32),
        "shifts": random.standard_normal((NOISE, cells)).astype(np.float32),
        "share": (random.pareto(1.5, cells) / 10000).astype(np.float32),
        "cells_bins": np.array([-1, cells, BINS]), "last": np.array([-1]), "most": np.array([[[BINS - 1]]]),
        "threshold": np.array([0.01], np.float32), "nothing": np.zeros(1, np.float32),
        "zero": np.zeros(1, np.float32),
    }  # fmt: skip
    nodes = [node_of(line) for line in SPLINE.strip().splitlines()]
    terms, nodes_before = ["zero"], []
    for name in inputs:
        if name in {"energy", "noise"}:
            continue
        nodes_before += [
            helper.make_node("Cast", [name], [f"{name}_f"], to=1),
            helper.make_node("ReduceSum", [f"{name}_f", "last"], [f"{name}_sum"], keepdims=1),
            helper.make_node("Abs", [f"{name}_sum"], [f"{name}_abs"]),
        ]
        terms.append(f"{name}_abs")
    nodes_before.append(helper.make_node("Sum", terms, ["condition"]))
    columns = {"position": 3, "noise": NOISE}
    ports = [helper.make_tensor_value_info(n, 7 if n == "pdg" else 1, ["N", columns.get(n, 1)]) for n in inputs]
    out = [helper.make_tensor_value_info("showers", 1, ["N", cells])]
    initial = [numpy_helper.from_array(v, n) for n, v in constants.items()]
    return helper.make_graph(nodes_before + nodes, "spline", ports, out, initial)


def node_of(line: str):
    from onnx import helper

    output, call = line.split(" = ")
    kind, arguments = call.rstrip(")").split("(")
    return helper.make_node(kind, arguments.split(", "), [output], **ATTRIBUTES.get(kind, {}))


@pytest.fixture(scope="session")
def model(write_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that asks for energy and noise."""
    return write_model(tmp_path_factory.mktemp("models") / "spline.onnx")


@pytest.fixture(scope="session")
def model_of_the_axis(
    card: Callable[..., ModelCard], write_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Write a model of cells in a given frame, which has learned from particles along the axis alone."""
    folder = tmp_path_factory.mktemp("axis")

    def write(frame: str) -> Path:
        toml = Detector.load("calogan-ecal").toml
        detector = Detector.from_toml(toml.replace("[readout]", f'[readout]\nframe = "{frame}"'))
        ranges = {"energy": (1e3, 1e5), "theta": (0.0, 0.0), "phi": (0.0, 0.0), "position": ((0.0, 0.0),) * 3}
        own = DetectorCard(name=detector.name, hash=detector.hash, toml=detector.toml)
        metadata = card(detector=own, n_cells=detector.n_cells, pdgs=(0,), ranges=ranges).to_json()
        return write_model(folder / f"{frame}.onnx", ("energy", "position", "noise"), metadata)

    return write


def _bad_files(folder: Path, good: Path, card: Callable[..., Any], write_model: Callable[..., Path]) -> dict[str, Path]:
    """Files that are no model of ours, each in its own way."""
    import onnx

    whole = good.read_bytes()
    random = np.random.default_rng(3).bytes(5000)
    foreign = onnx.load(good)
    del foreign.metadata_props[:]
    contents = {
        "empty": b"",
        "random": random,
        "half": whole[: len(whole) // 2],
        "almost whole": whole[:-3],
        "foreign": foreign.SerializeToString(),
        "text": b"not a model at all\n",
    }
    paths = {"missing": folder / "missing.onnx", "folder": folder}
    for name, content in contents.items():
        paths[name] = folder / f"{name}.onnx"
        paths[name].write_bytes(content)
    own = json.loads(card().to_json())
    changes = {
        "other schema": {"schema": "caloforge-model-9"},
        "other units": {"units": {"energy": "GeV", "length": "mm", "angle": "rad"}},
        "cells": {"n_cells": 503},
        "noise": {"noise": 17},
        "not a number": {"threshold": "x"},
    }
    texts = {name: json.dumps(own | change) for name, change in changes.items()}
    for name, metadata in ({"no json": "{", "deep json": "[" * 10**5} | texts).items():
        paths[name] = write_model(folder / f"{name}.onnx", metadata=metadata)
    return paths


@pytest.fixture(scope="session")
def bad(tmp_path_factory, model, card, write_model) -> dict[str, Path]:
    """Files that are no model of ours, each in its own way."""
    return _bad_files(tmp_path_factory.mktemp("bad"), model, card, write_model)
