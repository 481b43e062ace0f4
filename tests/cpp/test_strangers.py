"""ONNX files from strangers in C++: the same rules as in Python, before a runtime sees them; reasons, never crashes."""

import ctypes
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from tests.attack import graphs, mutations

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.simulators.model_card import ModelCard
from caloforge.simulators.onnx_file import OnnxFile, sealed


@pytest.fixture
def reason(library: ctypes.CDLL) -> Callable[[Path], str]:
    """Why a file does not open, or an empty text."""

    def open_file(path: Path) -> str:
        model = library.caloforge_open(str(path).encode(), b"")
        if model:
            library.caloforge_close(model)
            return ""
        return str(library.caloforge_last_error().decode())

    return open_file


def save(path: Path, parts: tuple[list, list]) -> Path:
    path.write_bytes(graphs.model(Detector.load("calogan-ecal"), *parts).SerializeToString())
    return path


def test_a_harmless_graph_opens(reason: Callable[[Path], str], tmp_path: Path) -> None:
    assert reason(save(tmp_path / "good.onnx", graphs.good())) == ""


@pytest.mark.parametrize("name", graphs.REFUSED)
def test_rules_are_those_of_python(reason: Callable[[Path], str], tmp_path: Path, name: str) -> None:
    make, message = graphs.REFUSED[name]
    path = save(tmp_path / "hostile.onnx", make())
    said = reason(path)
    assert message in said
    with pytest.raises(InputError) as python:
        OnnxFile.read(path)
    assert said == str(python.value).replace(" is not a usable ONNX model", "")


LIMITED = """
import ctypes, resource, sys
library = ctypes.CDLL(sys.argv[1])
library.caloforge_open.restype = ctypes.c_void_p
library.caloforge_last_error.restype = ctypes.c_char_p
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30,) * 2)
assert not library.caloforge_open(sys.argv[2].encode(), b"") , "it opens"
print(library.caloforge_last_error().decode())
"""


def test_memory_beyond_the_rules_is_an_error_string(
    build: Path, run_program: Callable[..., str], tmp_path: Path
) -> None:
    """40 GB by a shape that is computed: the allocator's exception does not leave the C interface."""
    path = save(tmp_path / "big.onnx", graphs.computed_shape())
    said = run_program(sys.executable, "-c", LIMITED, build / "libcaloforge.so", path)
    assert "big.onnx" in said or "memory" in said


def test_digests_are_checked(reason: Callable[[Path], str], model: Path, tmp_path: Path) -> None:
    proto = onnx.load(model)
    card = ModelCard.parse(proto.metadata_props[0].value, "model")
    del proto.metadata_props[:]
    whole = sealed(proto.SerializeToString(), card)
    path = tmp_path / "sealed.onnx"
    path.write_bytes(whole)
    assert reason(path) == ""
    for place in (whole.index(proto.graph.initializer[0].raw_data) + 40, whole.index(b'"threshold":') + 14):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert "does not match the digest" in reason(path)


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000])
def test_digests_are_those_of_python(build: Path, run_program: Callable[..., str], tmp_path: Path, size: int) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(k % 251 for k in range(size)))
    assert (
        run_program(build / "tests" / "caloforge_digest", path).strip() == hashlib.sha256(path.read_bytes()).hexdigest()
    )


def test_mutations_break_nothing(build: Path) -> None:  # noqa: ARG001
    """The short form; `make attack` runs the long one, under the sanitizers where they were built."""
    figures = mutations.run("onnx-cpp", 40, seed=4)
    assert not figures["said"], figures
    assert figures["refused"] > 8
    assert figures["memory_MB"] < 500
