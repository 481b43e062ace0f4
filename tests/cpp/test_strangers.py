"""ONNX files from strangers in C++: the same rules as in Python, before a runtime sees them; reasons, never crashes."""

import ctypes
import gzip
import hashlib
import shutil
import signal
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

FILES = Path(__file__).parents[1] / "attack" / "files"


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


def test_memory_beyond_the_rules_is_an_error_string(reason: Callable[[Path], str], tmp_path: Path) -> None:
    """40 GB by a shape that is computed, which only the process that tries files asks for."""
    assert "it needs over 512 MiB of memory" in reason(save(tmp_path / "big.onnx", graphs.computed_shape()))


@pytest.fixture
def crashing(tmp_path: Path) -> Path:
    """A network in which a `Conv` stands for a `Clip`: OpenVINO 2026.4 crashes while it compiles it."""
    path = tmp_path / "crashing.onnx"
    path.write_bytes(gzip.decompress((FILES / "crashes.onnx.gz").read_bytes()))
    return path


OPEN = """
import ctypes, resource, signal, sys
library = ctypes.CDLL(sys.argv[1])
library.caloforge_open.restype = ctypes.c_void_p
library.caloforge_last_error.restype = ctypes.c_char_p
{}
print("opens" if library.caloforge_open(*map(str.encode, sys.argv[2:4])) else library.caloforge_last_error().decode())
"""


@pytest.fixture
def opened_by(build: Path, run_program: Callable[..., str]) -> Callable[..., str]:
    """Message of a host that runs some lines first and then opens a file."""

    def start(path: Path, *, before: str = "", options: str = "", library: Path | None = None, expect: int = 0) -> str:
        library = library or build / "libcaloforge.so"
        return run_program(sys.executable, "-c", OPEN.format(before), library, path, options, expect=expect)

    return start


def test_a_runtime_that_crashes_is_an_error_string(
    reason: Callable[[Path], str], opened_by: Callable[..., str], crashing: Path
) -> None:
    assert "the library that runs it crashes on it (Segmentation fault)" in reason(crashing)
    assert not opened_by(crashing, options="trial=skip", expect=-signal.SIGSEGV)


def test_hosts_may_ignore_and_block_signals(opened_by: Callable[..., str], crashing: Path, model: Path) -> None:
    """Without SIGCHLD nothing tells how a child ended; blocked signals would be blocked in it, too."""
    before = "signal.signal(signal.SIGCHLD, signal.SIG_IGN); signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))"
    assert "the library that runs it crashes on it" in opened_by(crashing, before=before)
    assert opened_by(model, before=before) == "opens\n"


def test_time_is_limited(opened_by: Callable[..., str], tmp_path: Path) -> None:
    """Matrix products for minutes; the host's own limit of 2 s stands for the ten seconds of a trial."""
    path = save(tmp_path / "slow.onnx", graphs.slow())
    before = "resource.setrlimit(resource.RLIMIT_CPU, (2, resource.RLIM_INFINITY))"
    assert "opening it takes over 10 seconds" in opened_by(path, before=before)


def test_without_its_program_the_library_opens_trusted_files_only(
    opened_by: Callable[..., str], build: Path, model: Path, tmp_path: Path
) -> None:
    alone = shutil.copy(build / "libcaloforge.so", tmp_path / "libcaloforge.so")
    said = opened_by(model, library=alone)
    assert f"{tmp_path}/caloforge/caloforge_trial, cannot be started (No such file or directory)" in said
    assert opened_by(model, library=alone, options="trial=skip") == "opens\n"


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
