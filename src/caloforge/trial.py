"""Open files of others in a child process first, under limits of time and memory.

Libraries that read binary files (HDF5, ONNX Runtime) crash on some damaged or hostile files and hang on others. A child
process opens each file first. The parent then opens files that passed. The child serves one trial after another, and
ends with its parent or after a time without work.
"""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from caloforge.errors import InputError, RunError
from caloforge.processes import end_with_writer

WALL = 120.0  # [s] of wall time of a trial, which may wait for a disk
IDLE = 20.0  # [s] without a trial after which the child ends
SENT = {-signal.SIGTERM, -signal.SIGHUP, -signal.SIGKILL}  # what others send, not what a file does
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

_lock = threading.Lock()
_children: dict[int, "_Child"] = {}  # by process id of the parent, since a forked parent needs its own child


class _Child:
    """The child and the two ends of a pipe."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        lifeline, held = os.pipe()
        command = [sys.executable, "-P", "-m", "caloforge.trial", str(theirs.fileno()), str(lifeline)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | ONE_THREAD, pass_fds=[theirs.fileno(), lifeline],
        )  # fmt: skip
        theirs.close()
        os.close(lifeline)
        self.close = weakref.finalize(self, _end, self.connection, self.process, held)

    def begin(self, request: dict[str, Any]) -> bool:
        """Send a request; False if the child has ended before."""
        try:
            self.connection.send_bytes(json.dumps(request).encode())
            return self.connection.poll(WALL) and self.connection.recv_bytes() == b"begun"
        except (EOFError, OSError):
            return False

    def answer(self) -> dict[str, Any]:
        """Outcome of the request.

        Raises:
            EOFError, OSError, TimeoutError: the child has died or does not answer.
        """
        if not self.connection.poll(WALL):
            raise TimeoutError
        outcome: dict[str, Any] = json.loads(self.connection.recv_bytes())
        return outcome


def _end(connection: Connection, process: subprocess.Popen[bytes], held: int) -> None:
    connection.close()
    process.kill()
    process.wait()
    os.close(held)


def attempt(task: str, path: Path, *, seconds: int, memory: int) -> Any:
    """Call `task`, "module:function", in the child with the path of a file.

    Args:
        task: called with the path; raises InputError to refuse the file.
        path: the file.
        seconds: CPU time of the call.
        memory: bytes that the call may use.

    Returns:
        The function's result, of types that JSON knows.

    Raises:
        InputError: the function refuses the file, fails, crashes, or passes a limit.
        RunError: no child can be started.
    """
    request = {"task": task, "path": os.path.abspath(path), "seconds": seconds, "memory": memory}  # noqa: PTH100
    with _lock:
        outcome, code = _once(request)
        if outcome is None and code in SENT:
            outcome, code = _once(request)
    if outcome is None:
        raise InputError(f"{path} is damaged: {_reason(code, seconds)}")
    if "refused" in outcome:
        raise InputError(outcome["refused"].replace(request["path"], str(path)))
    return outcome["result"]


def _once(request: dict[str, Any]) -> tuple[dict[str, Any] | None, int | None]:
    """Outcome of a request, or the exit code of a child that died or was killed; None if it hung."""
    child = _begun(request)
    try:
        return child.answer(), None
    except BaseException as error:
        del _children[os.getpid()]
        code = None if isinstance(error, TimeoutError) else _code(child)
        child.close()
        if not isinstance(error, EOFError | OSError):
            raise
        return None, code


def _begun(request: dict[str, Any]) -> _Child:
    """Send a request to a child; replace a child that has ended without work."""
    for _ in range(3):
        child = _children.get(os.getpid())
        if child is None:
            try:
                child = _children[os.getpid()] = _Child()
            except OSError as error:
                raise RunError(f"no process can be started to try files in: {error.strerror}") from None
        if child.begin(request):
            return child
        del _children[os.getpid()]
        child.close()
    raise RunError("the process that tries files of others does not start")


def _code(child: _Child) -> int | None:
    try:
        return child.process.wait(5)
    except subprocess.TimeoutExpired:
        return None


def _reason(code: int | None, seconds: int) -> str:
    if code is None:
        return f"opening it takes over {WALL:.0f} s"
    if code == -signal.SIGXCPU:
        return f"opening it takes over {seconds} s"
    return (
        f"the library that reads it crashes on it ({signal.Signals(-code).name})" if code < 0 else "it cannot be read"
    )


def main(descriptor: int, lifeline: int) -> None:
    """Answer requests until the parent ends or sends none for a while."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_writer(lifeline)
    connection = Connection(descriptor)
    try:
        while connection.poll(IDLE):
            request = json.loads(connection.recv_bytes())
            connection.send_bytes(b"begun")
            connection.send_bytes(json.dumps(_try(request)).encode())
    except (EOFError, OSError):
        pass


def _try(request: dict[str, Any]) -> dict[str, Any]:
    module, _, name = request["task"].partition(":")
    call: Callable[[Path], Any] = getattr(importlib.import_module(module), name)
    path = Path(request["path"])
    try:
        _limit(request["seconds"], request["memory"])
        return {"result": call(path)}
    except InputError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": f"{path} needs over {request['memory'] >> 20} MiB of memory to be opened"}
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        return {"refused": f"{path} cannot be read: {said or type(error).__name__}"}
    finally:
        _limit(None, None)


def _limit(seconds: int | None, memory: int | None) -> None:
    """Limit CPU time and memory from now on; None removes the limit."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    times = None if seconds is None else int(used.ru_utime + used.ru_stime) + 1 + seconds
    pages = Path("/proc/self/statm")
    held = int(pages.read_text().split()[0]) * resource.getpagesize() if pages.exists() else None
    space = None if memory is None or held is None else held + memory
    for kind, value in ((resource.RLIMIT_CPU, times), (resource.RLIMIT_AS, space)):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or (value is not None and value < hard):
            resource.setrlimit(kind, (resource.RLIM_INFINITY if value is None else value, hard))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
