"""Mutations of files, opened in a process of their own: how many are read or refused, and that nothing breaks.

`run(kind, n, seed)` is the attack; `python -m tests.attack.mutations N [SEED] [KIND ...]` prints its figures.
"""

import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HANG = 10.0  # seconds of CPU time of the process and its children
WALL = 300.0  # seconds after which a process that waits for something is taken for hung
LOOK = 0.02  # seconds between looks at time and memory of the processes
EXTREMES = (0, 1, 255, 127, 128)
SUBJECT = "tests.attack.subject"
CAUGHT = ("crashes on it", "takes over", "of memory")  # what a trial says that ended badly
QUIET = {
    "OMP_NUM_THREADS": "1",
    "TBB_ENABLE_SANITIZERS": "1",  # for OpenVINO under the address sanitizer, whose own memory is no part of a file's
    "ASAN_OPTIONS": "quarantine_size_mb=8:malloc_context_size=2:hard_rss_limit_mb=500",
}
Figures = dict[str, Any]


def damaged(content: bytes, dice: random.Random) -> bytes:
    """Content with one to eight places changed: bytes, bits, words of extremes, cuts and doublings."""
    changed = bytearray(content)
    for _ in range(dice.choice([1, 1, 2, 4, 8])):
        if not changed:
            break
        at, kind = dice.randrange(len(changed)), dice.randrange(10)
        size = dice.choice([1, 2, 4, 8])
        if kind < 3:
            changed[at] = dice.randrange(256)
        elif kind < 6:
            changed[at] ^= 1 << dice.randrange(8)
        elif kind < 8:
            changed[at : at + size] = bytes([dice.choice(EXTREMES)]) * size
        elif kind == 8:
            changed[at:at] = changed[at : at + dice.randrange(1, 64)]
        elif dice.random() < 0.2:
            del changed[at : at + dice.randrange(1, len(changed) // 4 + 2)]
    return bytes(changed)


def _small() -> Any:
    from caloforge.detector import Detector

    text = 'name = "small"\n[readout]\nthreshold = "0.01 MeV"\n[[layer]]\ncopies = 3\n'
    text += 'plates = [{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}]\n'
    text += 'counts = ["G4_lAr"]\ncells = {kind = "cartesian", n = [3, 3], size = ["50 mm", "50 mm"]}\n'
    return Detector.from_toml(text)


def _toy(n: int) -> Any:
    import numpy as np

    from caloforge.showers import Incidents, Showers

    detector, dice = _small(), np.random.default_rng(1)
    energy = dice.uniform(1e3, 2e4, n)
    cells = dice.exponential(1.0, (n, detector.n_cells)) * (dice.random((n, detector.n_cells)) < 0.7)
    cells *= (energy / cells.sum(1))[:, None]
    return Showers(detector, Incidents.make("e+", energy), cells.astype(np.float32), {"simulator": "toy"})


def toml(folder: Path, dice: random.Random) -> Iterator[Path]:
    """Detectors and run configs; now and then a text with deep keys, long numbers or nested values."""
    presets = sorted((ROOT / "src/caloforge/detector/presets").glob("*.toml"))
    texts = [path.read_bytes() for path in presets]
    texts += [b"# run\n" + path.read_bytes() for path in sorted((ROOT / "configs").glob("*.toml"))]
    odd = (b".".join([b"a"] * 5000), b"a = " + b"[" * 3000, b"a = 1" + b"0" * 9000, b"a = " + b"{b = " * 3000,
           b"[" + b".".join([b'"x"'] * 900) + b"]")  # fmt: skip
    for index in range(10**9):
        path = folder / f"{index % 50}.toml"
        text = damaged(dice.choice(texts), dice)
        if dice.random() < 0.05:
            text = text + b"\n" + dice.choice(odd) + b" = 1\n"
        path.write_bytes(text)
        yield path


def showers(folder: Path, dice: random.Random) -> Iterator[Path]:
    """Files of showers whose checksum is made good again."""
    from caloforge.showers import write

    wholes = []
    for compression in ("lzf", "gzip", None):
        write(folder / "base.h5", _toy(40), compression=compression)
        wholes.append((folder / "base.h5").read_bytes()[:-25])
    for index in range(10**9):
        path, content = folder / f"{index % 50}.h5", damaged(dice.choice(wholes), dice)
        path.write_bytes(content + b"caloforge-crc32 %08x\n" % zlib.crc32(content))
        yield path


def onnx(folder: Path, dice: random.Random) -> Iterator[Path]:
    """Models without a digest: bytes outside the weights, and nodes, attributes, shapes and names of the graph."""
    import onnx as library
    from tests.attack import graphs

    from caloforge import zoo

    small = _small()
    parts = [graphs.good(), graphs.loop(["trips"], graphs.ADD, [graphs.TRIPS]), graphs.nested(3), graphs.chain(20)]
    models = [graphs.model(small, *part) for part in parts]
    for name in ("vae-small", "wgan-gp-calogan-small"):
        model = library.load(zoo.path_of(name))
        card = json.loads(model.metadata_props[0].value) | {"digest": None}
        model.metadata_props[0].value = json.dumps(card)
        models.append(model)
    kinds = ["Expand", "Loop", "Scan", "Concat", "Tile", "MatMul", "Reshape", "Gather", "Conv", "Range", "Pad", "If",
             "ConstantOfShape", "Resize", "Softmax", "OneHot", "Einsum", "NonZero", "TopK", "CumSum"]  # fmt: skip
    for index in range(10**9):
        path, model = folder / f"{index % 50}.onnx", library.ModelProto()
        model.CopyFrom(dice.choice(models))
        if dice.random() < 0.6:
            for _ in range(dice.choice([1, 1, 2, 3])):
                _change_graph(model, dice, kinds)
            path.write_bytes(model.SerializeToString())
        else:
            path.write_bytes(_damaged_outside_weights(model, dice))
        yield path


def _change_graph(model: Any, dice: random.Random, kinds: list[str]) -> None:
    graph = model.graph
    node, tensor = dice.choice(graph.node), dice.choice(graph.initializer)
    kind = dice.randrange(7)
    if kind == 0:
        node.op_type = dice.choice(kinds)
    elif kind == 1 and node.input:
        node.input[dice.randrange(len(node.input))] = dice.choice([t.name for t in graph.initializer] + ["", "energy"])
    elif kind == 2 and node.attribute:
        attribute = dice.choice(node.attribute)
        attribute.i = dice.choice([0, -1, 2**31, 2**62, 10])
        attribute.ints.append(dice.choice([0, -1, 2**40]))
    elif kind == 3:
        tensor.dims[:] = [dice.choice([0, 1, -1, 2**20, 2**40]) for _ in range(dice.randrange(4))]
    elif kind == 4 and tensor.raw_data:
        tensor.raw_data = damaged(tensor.raw_data, dice)
    elif kind == 5:
        tensor.data_type = dice.randrange(25)
    else:
        graph.node.insert(dice.randrange(len(graph.node)), node)


def _damaged_outside_weights(model: Any, dice: random.Random) -> bytes:
    """A few changed bytes among those that are no weights, which make the most of a file."""
    content = bytearray(model.SerializeToString())
    weights = [(content.index(t.raw_data), len(t.raw_data)) for t in model.graph.initializer if len(t.raw_data) > 256]
    for _ in range(dice.choice([1, 2, 4])):
        at = dice.randrange(len(content))
        while any(start <= at < start + size for start, size in weights):
            at = dice.randrange(len(content))
        content[at] = dice.choice([dice.randrange(256), content[at] ^ 1 << dice.randrange(8)])
    return bytes(content)


def _trained(folder: Path) -> Path:
    """A coupling flow, trained for a moment."""
    from caloforge.training import TrainingConfig, train

    text = '[model]\nkind = "coupling-flow"\nlayers = {blocks = 1, hidden = 4, bins = 2}\n'
    text += "cells = {blocks = 1, hidden = 4, bins = 2}\n[training]\nsteps = 2\nbatch = 32\nevaluate_every = 2\n"
    sample = _toy(200)
    train(TrainingConfig.read(text, "attack"), sample[:150], sample[150:], folder / "trained", quiet=True)
    return folder / "trained"


def checkpoints(folder: Path, dice: random.Random) -> Iterator[Path]:
    """Trainings of which one file of weights is damaged, emptied or cut."""
    yield from _folders(folder, dice, ("model.pt", "checkpoint.pt"))


def runs(folder: Path, dice: random.Random) -> Iterator[Path]:
    """Trainings of which any file is damaged, emptied, cut or gone."""
    yield from _folders(folder, dice, ("config.toml", "detector.toml", "domain.json", "provenance.json", "model.pt"))


def _folders(folder: Path, dice: random.Random, names: tuple[str, ...]) -> Iterator[Path]:
    whole = _trained(folder)
    for index in range(10**9):
        path, name = folder / str(index % 20), dice.choice(names)
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        content, kind = (whole / name).read_bytes(), dice.randrange(12)
        if kind == 0:
            (path / name).unlink()
        else:
            (path / name).write_bytes(
                b"" if kind == 1 else content[: len(content) // 2] if kind == 2 else damaged(content, dice)
            )
        yield path


KINDS: dict[str, Callable[[Path, random.Random], Iterator[Path]]] = {
    "onnx-cpp": onnx, "toml": toml, "showers": showers, "onnx": onnx, "checkpoints": checkpoints, "runs": runs,
}  # fmt: skip


def cpp_probe() -> Path:
    """The program that opens files in C++, the one built with sanitizers where there is one; see tests/cpp."""
    places = [ROOT / "build" / name / "tests" / "caloforge_host_probe" for name in ("cpp-sanitize", "cpp")]
    return next((place for place in places if place.is_file()), places[-1])


class Subject:
    """The process that opens files."""

    def __init__(self, kind: str) -> None:
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
        command = [str(cpp_probe()), "serve"] if kind == "onnx-cpp" else [sys.executable, "-m", SUBJECT, kind]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace", bufsize=1,
            env=os.environ | {"PYTHONPATH": paths} | QUIET,
        )  # fmt: skip
        self.memory = 0

    def open(self, path: Path) -> str:
        """How opening a file ends: read, refused, failed, broke, hang or crash."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        begin, used = time.monotonic(), self._cpu()
        try:
            self._process.stdin.write(f"{path}\n")
            while not select.select([self._process.stdout], [], [], LOOK)[0]:
                self._look_at_memory()
                if self._cpu() - used > HANG or time.monotonic() - begin > WALL:
                    return "hang"
            outcome = self._process.stdout.readline().strip()
        except OSError:
            outcome = ""
        self._look_at_memory()
        return outcome or "crash"

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _look_at_memory(self) -> None:
        self.memory = max(self.memory, *(_peak(pid) for pid in self._family()))

    def _family(self) -> list[int]:
        own = self._process.pid
        try:
            children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        except OSError:
            children = []
        return [own, *map(int, children)]

    def _cpu(self) -> float:
        ticks = 0
        for pid in self._family():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
            except (OSError, IndexError):
                continue
        return ticks / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> int:
    """Largest memory that a process has had, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def run(kind: str, n: int, seed: int, keep: Path | None = None) -> Figures:
    """Open n mutated files of a kind, one after the other.

    Args:
        kind: of KINDS.
        n: number of files.
        seed: of the mutations.
        keep: folder for files that broke something.

    Returns:
        Numbers of files read, refused (of them caught: the library crashed, hung or wanted memory in the process that
        tries files), failed while running, and of those that broke, hung or crashed; the largest memory of a process
        [MB]; what the broken ones said.
    """
    outcomes = ("read", "refused", "caught", "failed", "broke", "hang", "crash")
    figures: Figures = dict.fromkeys(outcomes, 0) | {"said": []}
    with tempfile.TemporaryDirectory(prefix="caloforge-attack-") as place:
        subject, memory = Subject(kind), 0
        try:
            for index, path in enumerate(KINDS[kind](Path(place), random.Random(seed))):
                if index == n:
                    break
                outcome, _, said = subject.open(path).partition(": ")
                figures[outcome] += 1
                figures["caught"] += outcome == "refused" and any(word in said for word in CAUGHT)
                if outcome in ("broke", "hang", "crash"):
                    figures["said"].append(f"{index}: {outcome} {said}")
                    if keep is not None:
                        (shutil.copytree if path.is_dir() else shutil.copy)(
                            path, keep / f"{kind}-{seed}-{index}{path.suffix}"
                        )
                memory = max(memory, subject.memory)
                if outcome in ("hang", "crash"):
                    subject.close()
                    subject = Subject(kind)
        finally:
            subject.close()
    return {"kind": kind, "n": n, "seed": seed} | figures | {"memory_MB": round(memory / 1e6)}


if __name__ == "__main__":
    number, first = int(sys.argv[1]), int((sys.argv[2:] or ["1"])[0])
    for name in sys.argv[3:] or KINDS:
        sys.stdout.write(json.dumps(run(name, number, first, Path.cwd() if "--keep" in sys.argv else None)) + "\n")
        sys.stdout.flush()
