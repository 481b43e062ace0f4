"""Identify the process that wrote a file or holds a lock, and tell whether it is dead."""

import fcntl
import os
import platform
import re
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Self

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """Identity of a process, distinct from past and later processes with the same number.

    Attributes:
        host: name of its machine, letters and digits and dashes only.
        machine: digest of the machine's boot and of the process's namespace of numbers.
        pid: its number.
        start: time of its start, in clock ticks after the boot; 0 if the system does not tell.
    """

    host: str
    machine: str
    pid: int
    start: int

    @classmethod
    def current(cls) -> Self:
        """Identity of the calling process."""
        return cls(_host(), _machine(), os.getpid(), _start_time(os.getpid()))

    @property
    def is_near(self) -> bool:
        """Whether its number can be looked up here: same boot, same namespace of numbers."""
        return self.machine == _machine()

    @property
    def is_dead(self) -> bool:
        """Whether it is known to have ended; false for a process elsewhere."""
        if not self.is_near:
            return False
        start = _start_time(self.pid)
        if start:
            return start != self.start
        if PROC.is_dir():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    @property
    def mark(self) -> str:
        """The process as part of a file's name."""
        return f"{self.host}-{self.machine}-{self.pid}-{self.start}"

    @classmethod
    def from_mark(cls, mark: str) -> Self | None:
        """Identity from a part of a file's name; None for other text."""
        parts = re.fullmatch(r"([A-Za-z0-9-]+)-([0-9a-f]{8})-(\d{1,10})-(\d{1,20})", mark)
        return cls(parts[1], parts[2], int(parts[3]), int(parts[4])) if parts else None


def _start_time(pid: int) -> int:
    """Start of a process in clock ticks after the boot; 0 if it has ended (zombies included) or is unknown."""
    try:
        state, *rest = (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError, ValueError):
        return 0
    return 0 if state in "ZX" else int(rest[18])


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, usually by SIGSTOP, and waits to be continued."""
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] in "Tt"
    except (OSError, IndexError):
        return False


def end_with_writer(descriptor: int) -> None:
    """Let the kernel end this process once nobody holds the other end of a pipe.

    A signal works while foreign code runs; a thread of Python would wait for that code to return.
    """
    if not hasattr(os, "O_ASYNC"):
        return
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([descriptor], [], [], 0)[0]:  # end of the pipe: the writer has ended already
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the block ends, since an exception in a callback can crash HDF5."""
    waiting: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        before = {number: handler for number, handler in found.items() if callable(handler)}
    for number in before:
        signal.signal(number, lambda number, _frame: waiting.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for caught in waiting[:1]:
            signal.raise_signal(caught)


@cache
def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:40] or "unknown"


@cache
def _machine() -> str:
    parts = [platform.node()]
    with suppress(OSError):
        parts.append((PROC / "sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        parts.append(str((PROC / "self/ns/pid").readlink()))
    return sha256("\n".join(parts).encode()).hexdigest()[:8]
