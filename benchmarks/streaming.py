"""Trainings on showers that stay in their files: seconds per step against showers in memory, and peak memory.

    python benchmarks/streaming.py cost [--run quickstart vae-small] [--rounds 8]
    python benchmarks/streaming.py memory [--gigabytes 5] [--files 5] [--folder FOLDER]

Cost: steps with and without `buffer` take turns, so that other work of the machine slows both. Memory: random showers
are written into several files, and a child process trains on them; its peak resident memory is the kernel's VmHWM.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from caloforge.config import read_file
from caloforge.named_runs import config_file
from caloforge.production import Source
from caloforge.runs.config import RunConfig
from caloforge.showers import Showers, read, write
from caloforge.showers.stored import StoredShowers
from scaling import random_showers, trainer_of

PART = 20_000  # showers that are written at a time
SELECTION = 500
STEPS = 10  # of one turn


def config_of(run: str) -> RunConfig:
    """Config of a named run."""
    config: RunConfig = read_file(RunConfig, config_file(run))
    return config


def cost(run: str, rounds: int, n: int, buffer: int) -> float:
    """Print and return the seconds per step with `buffer` over those in memory."""
    from caloforge.training.devices import SINGLE

    config = config_of(run)
    batch = config.learning().training.batch
    showers = random_showers(config, n)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "train.h5", showers[:-SELECTION])
        with StoredShowers([folder / "train.h5"], showers.detector) as stored:
            memory = trainer_of(config, showers[:-SELECTION], showers[-SELECTION:], folder / "a", batch, SINGLE)
            files = trainer_of(config, stored, showers[-SELECTION:], folder / "b", batch, SINGLE, buffer)
            ratios, spent = [], []
            for _ in range(rounds):
                one, two = (seconds(trainer) for trainer in (memory, files))
                ratios.append(two / one)
                spent.append(one / STEPS)
            files.batches.close()
    ratio = median(ratios)
    error = np.std(ratios) / np.sqrt(rounds)
    print(f"{run}: {1e3 * median(spent):.1f} ms per step of {batch} showers in memory; from a file {ratio:.3f} +- "
          f"{error:.3f} times that, buffer of {buffer} of {n} showers", flush=True)  # fmt: skip
    return ratio


def seconds(trainer: object) -> float:
    """Wall seconds of some steps."""
    begin = time.perf_counter()
    for _ in range(STEPS):
        trainer._train_step()  # type: ignore[attr-defined]
    return time.perf_counter() - begin


def write_many(config: RunConfig, folder: Path, gigabytes: float, files: int) -> None:
    """Write random showers, whose cells take so many bytes in memory, into files; and a few for the selection."""
    some = random_showers(config, PART + SELECTION)
    n = int(gigabytes * 1e9 / 4 / some.detector.n_cells / files)
    source, dice = Source.from_config(config.beam, some.detector), np.random.default_rng(1)
    for number in range(files):
        scales = dice.uniform(0.8, 1.0, (n, 1)).astype(np.float32)
        cells = some.energies[np.arange(n) % PART] * scales
        write(folder / f"train-{number}.h5", Showers(some.detector, source.draw(number * n, n, 1), cells, {}))
    write(folder / "select.h5", some[PART:])


def train_on(run: str, folder: Path, steps: int, buffer: int) -> None:
    """Train on the files of a folder, and print the peak resident memory of this process."""
    from caloforge.training import train

    learning = config_of(run).learning()
    schedule = learning.training.model_copy(update={"buffer": buffer, "steps": steps, "evaluate_every": steps})
    learning = learning.model_copy(update={"training": schedule})
    begin = time.perf_counter()
    with StoredShowers(sorted(folder.glob("train-*.h5"))) as stored:
        n, size = len(stored), 4e-9 * len(stored) * stored.detector.n_cells
        print(f"opened after {time.perf_counter() - begin:.0f} s, peak {peak():.0f} MiB", flush=True)
        train(learning, stored, read(folder / "select.h5"), folder / "training", quiet=True)
    print(f"{run}, {steps} steps on {n} showers in files, {size:.2f} GB of cells, buffer {buffer}: "
          f"{time.perf_counter() - begin:.0f} s, peak resident memory {peak():.0f} MiB", flush=True)  # fmt: skip


def peak() -> float:
    """Peak resident memory of this process [MiB]."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def memory(run: str, gigabytes: float, files: int, steps: int, buffer: int, folder: Path) -> None:
    """Write files of showers, and train on them in another process."""
    write_many(config_of(run), folder, gigabytes, files)
    words = [sys.executable, __file__, "train", "--run", run, "--steps", str(steps), "--folder", str(folder)]
    words += ["--buffer", str(buffer)]
    subprocess.run(words, check=True)


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cost", "memory", "train"])
    parser.add_argument("--run", nargs="+", default=["quickstart"])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("-n", type=int, default=40_000, help="showers of the cost")
    parser.add_argument("--buffer", type=int, default=10_000, help="showers in memory")
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--files", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.what == "cost":
        for run in asked.run:
            cost(run, asked.rounds, asked.n, asked.buffer)
    elif asked.what == "train":
        train_on(asked.run[0], asked.folder, asked.steps, asked.buffer)
    else:
        with tempfile.TemporaryDirectory(dir=asked.folder) as name:
            memory(asked.run[0], asked.gigabytes, asked.files, asked.steps, asked.buffer, Path(name))


if __name__ == "__main__":
    main()
