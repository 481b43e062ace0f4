"""Claims ensure that one process at a time writes an output or fills a folder, and tell others which process does.

A claim is a file, made by linking, that holds its owner's name. Its time of change is the owner's heartbeat. It needs
no locks of the file system. An owner on this machine is looked up. An owner elsewhere counts as dead after two
minutes without a heartbeat.
"""

import json
import os
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from caloforge.errors import InputError, RunError
from caloforge.files import check_regular, check_writable, lock_name, new_beside, remove_leftovers
from caloforge.processes import Process

HEARTBEAT = 10.0  # [s]
SILENCE = 120.0  # [s] without a heartbeat; network file systems may show changes a minute late
POLL_SECONDS = 0.5  # [s] between looks at another's claim


@dataclass(frozen=True)
class Owner:
    """Owner of a claim, as its file tells, and the identity of that file.

    Attributes:
        process: the owner; None if the file does not tell it.
        since: local time of the claim.
        inode: number of the file.
        beat: time of the last heartbeat, by the file system's clock [s].
    """

    process: Process | None
    since: str
    inode: int
    beat: float

    def __str__(self) -> str:
        if self.process is None:
            return "a process that does not tell its name"
        return f"process {self.process.pid} on {self.process.host} since {self.since}"


class Claim:
    """Exclusive right to write an output or to fill a folder, until it is released or the process ends."""

    def __init__(self, path: Path, lock: Path, descriptor: int) -> None:
        self._path, self._lock, self._descriptor = path, lock, descriptor
        stop = threading.Event()
        threading.Thread(target=_beat, args=(os.dup(descriptor), stop), daemon=True, name="heartbeat").start()
        self._release = weakref.finalize(self, _release, lock, descriptor, stop, os.getpid())

    def check(self) -> None:
        """Check that no other process has taken over, which happens when this one was stopped for minutes.

        Raises:
            RunError: another process has taken over.
        """
        if not _is_same(self._lock, self._descriptor):
            raise RunError(f"{self._path} was taken over by another process, since this one gave no sign of life; "
                           "it writes no more")  # fmt: skip

    def release(self) -> None:
        """Give the output or folder free."""
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _to_stderr(text: str) -> None:
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def claim(path: Path, *, wait: bool = False, say: Callable[[str], None] = _to_stderr) -> Claim:
    """Claim an output or an existing folder, and remove files that dead processes left beside it or in it.

    Args:
        path: the file to be written or the folder to be filled.
        wait: wait while a living process holds it, instead of refusing.
        say: called with messages to the user.

    Raises:
        InputError: a living process holds it, or the folder cannot be written.
    """
    path = path.absolute()
    path = path.parent.resolve() / path.name
    if not path.is_dir():
        check_regular(path)
    lock = lock_name(path)
    check_writable(lock.parent)
    try:
        descriptor = _acquire(path, lock, wait, say)
    except OSError as error:
        raise InputError(f"cannot write into folder {lock.parent}: {error.strerror}") from None
    remove_leftovers(lock.parent, None if path.is_dir() else path.name)
    _remove_old(_guard(lock))
    return Claim(path, lock, descriptor)


def is_held(path: Path) -> bool:
    """Whether a process that is not known to be dead has claimed an output or a folder."""
    path = path.absolute()
    lock = lock_name(path.parent.resolve() / path.name)
    owner = _owner(lock)
    return owner is not None and not _is_gone(owner, lock)


def _acquire(path: Path, lock: Path, wait: bool, say: Callable[[str], None]) -> int:
    told, first_beat = False, None
    while (descriptor := _create(path, lock)) is None:
        owner = _owner(lock)
        if owner is None:
            continue
        if _is_gone(owner, lock):
            say(f"{path} was left by {owner}, which has ended; it is taken over")
            _remove_stale(lock, owner)
            continue
        near = owner.process is not None and owner.process.is_near
        first_beat = owner.beat if first_beat is None else first_beat
        if not wait and (near or owner.beat != first_beat):
            raise InputError(f"{path} is being written by {owner}; wait for its end, or give another name")
        if not told:
            say(f"{path} is being written by {owner}; waiting" + ("" if near else " for a sign of its life"))
            told = True
        time.sleep(POLL_SECONDS)
    return descriptor


def _create(path: Path, lock: Path) -> int | None:
    """Create the lock file with its content; return the open file, or None if a lock exists."""
    text = json.dumps({**asdict(Process.current()), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}).encode()
    beside, descriptor = new_beside(path / "claim" if path.is_dir() else path)
    try:
        os.write(descriptor, text)
        os.link(beside, lock)
    except OSError as error:
        os.close(descriptor)
        return None if isinstance(error, FileExistsError) else _create_plainly(lock, text)
    finally:
        beside.unlink(missing_ok=True)
    return descriptor


def _create_plainly(lock: Path, text: bytes) -> int | None:
    """Do the same on file systems that cannot link."""
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return None
    os.write(descriptor, text)
    return descriptor


def _owner(lock: Path) -> Owner | None:
    """Owner of the lock; None if it has been released meanwhile."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        found, text = os.fstat(descriptor), os.read(descriptor, 2**12)
    finally:
        os.close(descriptor)
    try:
        values = json.loads(text)
        since = str(values["since"])[:40]
        process = Process(str(values["host"]), str(values["machine"]), int(values["pid"]), int(values["start"]))
    except (ValueError, KeyError, TypeError):
        return Owner(None, "", found.st_ino, found.st_mtime)
    return Owner(process, since, found.st_ino, found.st_mtime)


def _is_gone(owner: Owner, lock: Path) -> bool:
    if owner.process is not None and owner.process.is_near:
        return owner.process.is_dead
    return _now(lock.parent) - owner.beat > SILENCE


def _now(folder: Path) -> float:
    """Time by the file system's clock, which may be another machine's [s]."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def _remove_stale(lock: Path, owner: Owner) -> None:
    """Remove the lock of a dead owner. One of several processes does it, and none removes a newer lock."""
    guard = _guard(lock)
    try:
        os.close(os.open(guard, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC))
    except FileExistsError:
        _remove_old(guard)
        time.sleep(POLL_SECONDS)
        return
    try:
        found = _owner(lock)
        if found == owner:  # file systems reuse inode numbers, so a newer lock may have the same one
            lock.unlink(missing_ok=True)
    finally:
        guard.unlink(missing_ok=True)


def _guard(lock: Path) -> Path:
    return lock.with_suffix(".takeover")


def _remove_old(guard: Path) -> None:
    """Remove the guard file of a process that was killed while it removed a lock."""
    with suppress(FileNotFoundError):
        if _now(guard.parent) - guard.lstat().st_mtime > HEARTBEAT:
            guard.unlink()


def _is_same(lock: Path, descriptor: int) -> bool:
    try:
        found = lock.lstat()
    except OSError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _beat(descriptor: int, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT):
        with suppress(OSError):
            os.utime(descriptor)
    os.close(descriptor)


def _release(lock: Path, descriptor: int, stop: threading.Event, pid: int) -> None:
    if os.getpid() != pid:  # a forked child inherits the claim and must not release it
        return
    stop.set()
    with suppress(OSError):
        if _is_same(lock, descriptor):
            lock.unlink()
    os.close(descriptor)
