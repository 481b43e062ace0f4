"""Milliseconds per shower of an exported model: the C++ library (OpenVINO) and ONNX Runtime in Python, one thread.

    OMP_NUM_THREADS=1 python benchmarks/cpp.py MODEL.onnx [build/cpp/libcaloforge.so]

The time is CPU time of the process, including noise. Both sides run in turns, for two seconds per batch size, and the
smallest time counts, since other programs can only increase it.
"""

import ctypes
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from caloforge.showers import Incidents
from caloforge.simulators.learned import LearnedSimulator
from caloforge.simulators.model_card import ModelCard

BATCHES = (1, 10, 100, 1000)
SECONDS = 2.0


class Incident(ctypes.Structure):
    """caloforge_incident of cpp/include/caloforge/caloforge.h."""

    _fields_ = [(name, ctypes.c_double) for name in ("energy", "theta", "phi", "x", "y", "z")] + [
        (name, ctypes.c_int64) for name in ("pdg", "shower_id")
    ]


def open_library(path: Path) -> ctypes.CDLL:
    """The C interface with its argument types."""
    library = ctypes.CDLL(str(path))
    library.caloforge_open.restype, library.caloforge_last_error.restype = ctypes.c_void_p, ctypes.c_char_p
    library.caloforge_simulate.restype = ctypes.c_int64
    library.caloforge_simulate.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(Incident), ctypes.c_uint64, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_size_t,
    ]  # fmt: skip
    return library


def open_model(library: ctypes.CDLL, model: Path, options: str) -> int:
    """Handle of a model that stays open until the program ends."""
    handle = library.caloforge_open(str(model).encode(), options.encode())
    if not handle:
        raise SystemExit(library.caloforge_last_error().decode())
    return int(handle)


def cpp_caller(library: ctypes.CDLL, handle: int, incidents: Incidents, n_cells: int) -> Callable[[], np.ndarray]:
    """A call that simulates the incidents through the C interface."""
    columns = (incidents.energy, incidents.theta, incidents.phi, *incidents.position.T, incidents.pdg)
    rows = [Incident(*map(float, values[:6]), int(values[6]), i) for i, values in enumerate(zip(*columns, strict=True))]
    array, out = (Incident * len(rows))(*rows), np.empty((len(rows), n_cells), np.float32)

    def call() -> np.ndarray:
        if library.caloforge_simulate(handle, len(rows), array, 7, None, out.ctypes.data, out.size) < 0:
            raise SystemExit(library.caloforge_last_error().decode())
        return out

    return call


def fastest(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Smallest CPU time [s] of each call, in turns."""
    best = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()
    end = time.perf_counter() + SECONDS * len(calls)
    while time.perf_counter() < end:
        for name, call in calls.items():
            start = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - start)
    return best


def main() -> None:
    """Print the table."""
    model = Path(sys.argv[1])
    library = open_library(Path(sys.argv[2] if len(sys.argv) > 2 else "build/cpp/libcaloforge.so"))
    python = LearnedSimulator(model)
    card = python.card
    handles = {p: open_model(library, model, f"precision={p}") for p in ("f32", "bf16")}
    print(
        f"{'batch':>6} {'C++ f32':>9} {'C++ bf16':>9} {'Python':>9}   ms per shower; C++ against Python, f32 and bf16"
    )
    for batch in BATCHES:
        incidents = draw(python.card, batch)
        calls = {p: cpp_caller(library, handle, incidents, card.n_cells) for p, handle in handles.items()}
        best = fastest({**calls, "python": partial(python.simulate, incidents, 7)})
        print(f"{batch:6d}" + "".join(f"{1e3 * t / batch:10.4f}" for t in best.values()), end="   ")
        wanted = python.simulate(incidents, 7).energies
        print("; ".join(difference(call(), wanted) for call in calls.values()))


def draw(card: ModelCard, n: int) -> Incidents:
    """Incidents drawn uniformly from the range of a model."""
    random, ranges = np.random.default_rng(n), card.ranges
    return Incidents.make(
        random.choice(card.pdgs, n),
        random.uniform(*ranges.energy, n),
        theta=random.uniform(*ranges.theta, n),
        phi=random.uniform(*ranges.phi, n),
        position=np.stack([random.uniform(low, high, n) for low, high in ranges.position], 1),
    )


def difference(ours: np.ndarray, wanted: np.ndarray) -> str:
    """Largest |a - b| in a cell, difference of the sums, and number of cells that cross the threshold."""
    flips = (ours > 0) != (wanted > 0)
    apart = np.where(flips, 0, np.abs(ours - wanted))
    beyond = int((apart > 1e-4 * wanted + 1e-3).sum())
    total = ours.sum(dtype=float) / wanted.sum(dtype=float) - 1
    share = np.sqrt(np.square(apart).mean() / np.square(wanted).mean())
    return f"max {apart.max():.2g} MeV, relative rms {share:.1e}, {beyond} off, {flips.sum()} flips, sum {total:+.0e}"


if __name__ == "__main__":
    main()
