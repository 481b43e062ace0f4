"""Processes that train one model together, one device each; `--devices` or torchrun starts them."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from caloforge.errors import InputError, RunError
from caloforge.processes import end_with_writer

LIFELINE = "CALOFORGE_LIFELINE"
PATIENCE = timedelta(minutes=30)
POLL = 0.05  # [s] between looks at the other processes while they connect
SHOWER_PATIENCE = timedelta(days=30)  # longest wait of torchrun's processes while the first makes the showers
Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Group:
    """Place of this process among those that train together.

    Attributes:
        rank: number of this process; process 0 is the leader, which alone evaluates and writes.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_leader(self) -> bool:
        """Whether this process evaluates and writes."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        if not torch.cuda.is_available():
            return torch.device("cpu")
        return (
            torch.device("cuda", int(os.environ.get("LOCAL_RANK", self.rank)))
            if self.size > 1
            else torch.device("cuda")
        )

    def sum_over_processes(self, values: Sequence[Tensor]) -> None:
        """Replace tensors by their sums over all processes, all as one message.

        Raises:
            RunError: another process has ended.
        """
        if self.size == 1:
            return
        flat = torch.cat([value.flatten() for value in values])
        self._collective(lambda: dist.all_reduce(flat))
        for value, part in zip(values, flat.split([value.numel() for value in values]), strict=True):
            value.copy_(part.view_as(value))

    def mean(self, value: Tensor) -> Tensor:
        """Mean of a tensor over all processes, with its gradient."""
        total: Tensor = _SumOverProcesses.apply(value, self)
        return total / self.size

    def broadcast(self, value: int) -> int:
        """Give the leader's value to every process; all processes wait for it."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], device=self.device)
        self._collective(lambda: dist.broadcast(shared, 0))
        return int(shared)

    def _collective(self, work: Callable[[], object]) -> None:
        try:
            work()
        except RuntimeError as error:
            raise RunError("a process of the training has ended; the last checkpoint is kept, and --resume continues "
                           f"({str(error).splitlines()[0][:100]})") from None  # fmt: skip


class _SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over all processes, whose gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, group: Group) -> Tensor:
        """The sum."""
        ctx.group = group
        return _SumOverProcesses._sum(value, group)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The sum of the gradients."""
        return _SumOverProcesses._sum(gradient, ctx.group), None

    @staticmethod
    def _sum(value: Tensor, group: Group) -> Tensor:
        total = value.clone()
        group.sum_over_processes([total])
        return total


SINGLE = Group()


def available() -> int:
    """Number of GPUs of this machine, or of its cores if it has no GPU."""
    return torch.cuda.device_count() if torch.cuda.is_available() else len(os.sched_getaffinity(0))


def check_devices(devices: int) -> None:
    """Check that this machine has enough devices.

    Raises:
        InputError: it has fewer.
    """
    what = "GPUs" if torch.cuda.is_available() else "cores"
    if not 1 <= devices <= available():
        raise InputError(f"--devices {devices}: this machine has {available()} {what}")


def started_by_torchrun() -> bool:
    """Whether the environment names this process's place among others."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def processes(devices: int) -> int:
    """Number of processes that train together: those that torchrun has started, or one for each device."""
    return int(os.environ["WORLD_SIZE"]) if started_by_torchrun() else devices


def is_follower() -> bool:
    """Whether another process leads the training that this one takes part in."""
    return started_by_torchrun() and os.environ["RANK"] != "0"


@contextmanager
def process_group(devices: int, command: Sequence[str]) -> Iterator[Group]:
    """The group of this process and of the others, which `command` or torchrun starts."""
    if started_by_torchrun():
        with joined_group() as group:
            yield group
        return
    if devices == 1:
        yield SINGLE
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(devices)}
    lifeline, ours = os.pipe()
    others: list[Process] = []
    try:
        for rank in range(1, devices):
            own = place | {"RANK": str(rank), "LOCAL_RANK": str(rank), LIFELINE: str(lifeline)}
            others.append(
                subprocess.Popen(command, env=os.environ | own, pass_fds=[lifeline], stdin=subprocess.DEVNULL)
            )
        with _connected(0, devices, place, others) as group:
            yield group
        for process in others:
            process.wait()
    finally:
        os.close(ours)
        os.close(lifeline)
        for process in others:
            process.kill()
            process.wait()


@contextmanager
def joined_group() -> Iterator[Group]:
    """The group that the environment names; this process ends when the process that started it ends."""
    if lifeline := os.environ.get(LIFELINE):
        end_with_writer(int(lifeline))
    with _connected(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), {}) as group:
        yield group


@contextmanager
def _connected(rank: int, size: int, place: dict[str, str], others: Sequence[Process] = ()) -> Iterator[Group]:
    os.environ.update(place)
    group = Group(rank, size)
    _connect(group, PATIENCE if place or LIFELINE in os.environ else SHOWER_PATIENCE, others)
    try:
        yield group
    finally:
        dist.destroy_process_group()
        for name in place:
            os.environ.pop(name, None)


def _connect(group: Group, timeout: timedelta, others: Sequence[Process]) -> None:
    """Connect the processes in a thread, so that signals, and the end of one of the others, end the waiting."""
    failures: list[Exception] = []

    def connect() -> None:
        backend = "nccl" if group.device.type == "cuda" else "gloo"
        try:
            dist.init_process_group(backend, rank=group.rank, world_size=group.size, timeout=timeout)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=connect, name="connect", daemon=True)
    thread.start()
    while thread.is_alive():
        ended = [process.returncode for process in others if process.poll() is not None]
        thread.join(POLL)
        if ended and thread.is_alive():
            raise RunError(f"a process of the training ended with code {ended[0]} before step 1; --resume continues")
    if failures:
        raise failures[0]


def follower_command(config: Path, folder: Path) -> list[str]:
    """The command of the other processes of a run's training, with as many threads as this one."""
    words = ["train", config, "--out", folder, "--threads", torch.get_num_threads()]
    return [sys.executable, "-m", "caloforge", *map(str, words)]
