"""Speed-up of training on two processes, of a search on two workers, and of a production on two workers or on Dask.

    python benchmarks/scaling.py training [--run caloflow-eplus gan-3d] [--steps 6] [--rounds 3] [--batch 512]
    python benchmarks/scaling.py search [--trials 4]
    python benchmarks/scaling.py production [-n 400]

Training: two processes of one thread each take turns. One trains alone on a whole batch; both train alone, each on half
of a batch, which is the most that the machine allows; both train together on a whole batch; and the first trains alone
with two threads. Showers are random numbers, since times do not depend on them. The gradients' bytes, and the seconds
of one message of that size, are printed beside.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from caloforge.config import read_file
from caloforge.detector import Detector
from caloforge.named_runs import config_file
from caloforge.production import Order, Source, SourceConfig, produce
from caloforge.runs.config import RunConfig
from caloforge.showers import Showers
from caloforge.showers.stored import AnyShowers
from caloforge.simulators import create

CORES = (0, 1)
SEARCH = """
name = "small"
detector = "calogan-ecal"
[showers]
train = "{showers}"
shares = [0.6, 0.2, 0.2]
[model]
kind = "vae"
hidden = [100, 50]
[training]
steps = 250
[search]
objectives = ["auc", "ms"]
sampler = "random"
[search.space]
"training.learning_rate" = {{ low = 1e-3, high = 5e-3, log = true }}
"""


def random_showers(config: RunConfig, n: int) -> Showers:
    """Showers of random cells for the incidents of a run."""
    detector = Detector.load(config.detector)
    incidents = Source.from_config(config.beam, detector).draw(0, n, 1)
    dice = np.random.default_rng(1)
    cells = dice.gamma(0.3, size=(n, detector.n_cells)) * (dice.random((n, detector.n_cells)) < 0.5)
    cells *= (0.9 * incidents.energy / cells.sum(1))[:, None]
    return Showers(detector, incidents, cells.astype(np.float32), {"simulator": "random"})


def trainer_of(
    config: RunConfig,
    training: AnyShowers,
    selection: Showers,
    folder: Path,
    batch: int,
    group: Any,
    buffer: int | None = None,
) -> Any:
    """A trainer that has begun."""
    from caloforge.showers.domain import Domain
    from caloforge.training.allocation import keep_freed_memory
    from caloforge.training.run import TrainingFolder
    from caloforge.training.trainer import Trainer

    learning = config.learning()
    schedule = learning.training.model_copy(update={"batch": batch, "buffer": buffer, "minutes": None})
    learning = learning.model_copy(update={"training": schedule})
    folder.mkdir(parents=True)
    TrainingFolder(folder).describe(learning, Domain.of_showers(training), training, selection)
    trainer = Trainer(learning, training, selection, TrainingFolder(folder), None, group)
    keep_freed_memory()
    trainer._train_step()
    return trainer


def training_member(run: str, steps: int, rounds: int, batch: int | None) -> None:
    """One of the two processes; the first prints a row."""
    import torch

    from caloforge.training.devices import SINGLE, joined_group

    torch.set_num_threads(1)
    config: RunConfig = read_file(RunConfig, config_file(run))
    config = config.model_copy(update={"teacher": None})
    batch = batch or config.learning().training.batch
    showers = random_showers(config, 2 * batch + 100)
    samples = showers[:-100], showers[-100:]
    with joined_group() as group, tempfile.TemporaryDirectory() as name:
        made = {
            "alone": trainer_of(config, *samples, Path(name) / "alone", batch, SINGLE),
            "apart": trainer_of(config, *samples, Path(name) / "apart", batch // 2, SINGLE),
            "together": trainer_of(config, *samples, Path(name) / "together", batch, group),
        }

        def timed(trainer: Any, *, both: bool, threads: int = 1) -> float:
            """Seconds per step."""
            torch.set_num_threads(threads)
            group.broadcast(0)
            begin = time.perf_counter()
            if both or group.is_leader:
                for _ in range(steps):
                    trainer._train_step()
            spent = (time.perf_counter() - begin) / steps
            group.broadcast(0)
            torch.set_num_threads(1)
            return spent

        values = [
            torch.zeros_like(parameter)
            for step in made["together"].optimiser_steps
            for _ in range(step.repeat)
            for parameter in step.parameters
        ]
        spent: dict[str, list[float]] = {name: [] for name in (*made, "threads", "message")}
        for _ in range(rounds):
            for name in made:
                spent[name].append(timed(made[name], both=name != "alone"))
            spent["threads"].append(timed(made["alone"], both=False, threads=2))
            group.broadcast(0)
            spent["message"].append(seconds_of(lambda: group.sum_over_processes(values)))
        if group.is_leader:
            megabytes = 4e-6 * sum(value.numel() for value in values)
            print(row(run, batch, {name: median(times) for name, times in spent.items()}, megabytes), flush=True)


def row(run: str, batch: int, seconds: dict[str, float], megabytes: float) -> str:
    """One line on a training."""
    gain = {name: seconds["alone"] / seconds[name] for name in ("threads", "apart", "together")}
    return (
        f"{run}, batch {batch}: one process {1e3 * seconds['alone']:.0f} ms per step, with two threads "
        f"{gain['threads']:.2f} times as fast; two apart {gain['apart']:.2f}, two together {gain['together']:.2f}; "
        f"gradients {megabytes:.1f} MB, one message {1e3 * seconds['message']:.0f} ms"
    )


def training(runs: list[str], steps: int, rounds: int, batch: int | None) -> None:
    """Print one row for each run."""
    for run in runs:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = str(found.getsockname()[1])
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_WAIT_POLICY": "PASSIVE"}
        words = [sys.executable, __file__, "member", "--run", run, "--steps", str(steps), "--rounds", str(rounds)]
        words += ["--batch", str(batch)] if batch else []
        both = [subprocess.Popen(words, env=os.environ | place | {"RANK": str(rank)}) for rank in range(2)]
        codes = [process.wait() for process in both]
        if any(codes):
            raise SystemExit(f"{run}: a process failed")


@contextmanager
def on_cores(*cores: int) -> Iterator[None]:
    """Use these cores alone, in this process and in those that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def seconds_of(work: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def search(trials: int) -> None:
    """Print the speed-up of two workers, and the journal's writes per trial."""
    from caloforge.search.search import Search
    from caloforge.search.worker import work_in_processes

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        detector = Detector.load("calogan-ecal")
        source = Source.from_config(SourceConfig(particle="e+", energy="1 GeV:20 GeV"), detector)
        produce(order_of(detector, "gflash", source, 3000), folder / "showers.h5", quiet=True)
        (folder / "search.toml").write_text(SEARCH.format(showers=folder / "showers.h5"))

        def spent(label: str, cores: tuple[int, ...], workers: int) -> float:
            whole = Search.load(folder / "search.toml", folder / label)
            whole.open(resume=False)
            with on_cores(*cores):
                return seconds_of(lambda: work_in_processes(replace(whole), trials, np.inf, workers, lambda _: None))

        one = spent("one", CORES[:1], 1)
        threads = spent("threads", CORES, 1)
        two = spent("two", CORES, 2)
        journal = folder / "two" / "study.journal"
        lines = len(journal.read_text().splitlines())
        print(f"search, {trials} trials: one worker on one core {one / trials:.1f} s per trial, on two cores "
              f"{one / threads:.2f} times as fast; two workers {one / two:.2f}; the journal gets {lines / trials:.0f} "
              f"lines and {journal.stat().st_size / trials / 1000:.1f} kB per trial")  # fmt: skip


def order_of(detector: Detector, simulator: str, source: Source, n: int) -> Order:
    """Order of showers."""
    return Order(detector, simulator, partial(create, simulator, detector), source, n, seed=1)


def production(n: int) -> None:
    """Print the speed-up of two workers and of a Dask cluster of two, and the bytes per shower."""
    from distributed import LocalCluster

    detector = Detector.load("calogan-ecal")
    source = Source.from_config(SourceConfig(particle="e+", energy="1 GeV:20 GeV"), detector)
    order = order_of(detector, "geant4", source, n)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = seconds_of(lambda: produce(order, folder / "one.h5", workers=1, quiet=True))
        two = seconds_of(lambda: produce(order, folder / "two.h5", workers=2, quiet=True))
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=name) as cluster:
            address = cluster.scheduler_address
            dask = seconds_of(lambda: produce(order, folder / "dask.h5", workers=2, cluster=address, quiet=True))
        size = (folder / "one.h5").stat().st_size / n
    print(f"production, {n} showers: one worker {n / one:.1f} / s; two workers {one / two:.2f} times as fast; a Dask "
          f"cluster of two {one / dask:.2f}; {size:.0f} bytes per shower")  # fmt: skip


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["training", "search", "production", "member"])
    parser.add_argument("--run", nargs="+", default=["caloflow-eplus", "gan-3d"])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, help="showers per step; by default the run's")
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("-n", type=int, default=400)
    asked = parser.parse_args()
    works = {
        "training": lambda: training(asked.run, asked.steps, asked.rounds, asked.batch),
        "member": lambda: training_member(asked.run[0], asked.steps, asked.rounds, asked.batch),
        "search": lambda: search(asked.trials),
        "production": lambda: production(asked.n),
    }
    works[asked.what]()


if __name__ == "__main__":
    main()
