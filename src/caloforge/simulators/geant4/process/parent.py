"""The parent's side of a Geant4 process: start, requests, and crash reports."""

import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from caloforge.errors import InputError, RunError
from caloforge.processes import is_stopped
from caloforge.simulators.geant4 import datasets
from caloforge.simulators.geant4.process import wire

LOG = logging.getLogger("caloforge")
POLL_SECONDS = 2.0  # [s] between checks of a silent process
STOPPED = 60.0  # [s] for which a process may be stopped
PATIENCE = 5.0  # [s] for which a process may take to end
_EXCEPTION = re.compile(r"\*\*\* G4Exception : (\S+)\s+issued by : ([^\n]*)\n(.*?)\n\*\*\*", re.DOTALL)


class Process:
    """A child process that runs a module of this package, which answers messages of `wire`.

    It is a plain subprocess, which works below daemonic workers and without a guarded main module, as multiprocessing
    does not. Its output goes to a temporary file, whose end is quoted after a crash.
    """

    def __init__(self, module: str, setup: dict[str, Any]) -> None:
        environment = os.environ | datasets.environment()
        with tempfile.TemporaryFile() as log:
            self._log = os.dup(log.fileno())
        self._connection, child = Pipe()
        lifeline, held = os.pipe()
        command = [sys.executable, "-P", "-m", module, str(child.fileno()), str(lifeline)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=environment,
            pass_fds=[child.fileno(), lifeline],
        )  # fmt: skip
        child.close()
        os.close(lifeline)
        self._end = weakref.finalize(self, _end, self._connection, self._process, [self._log, held])
        try:
            wire.send(self._connection, setup)
            self._receive()  # the child answers once it is ready
        except BaseException:
            self.close()
            raise

    def ask(self, header: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Send a request, and yield the messages that answer it up to the one with the key "end".

        Raises:
            InputError: the child rejects the request.
            RunError: the child failed or died, and must be replaced.
        """
        finished = False
        try:
            self._send(header, payload)
            while not finished:
                answer, data = self._receive()
                finished = "end" in answer
                yield answer, data
        finally:
            if not finished:
                self.close()

    @property
    def alive(self) -> bool:
        """Whether the process can answer requests."""
        return self._end.alive and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._end()

    def _send(self, header: dict[str, Any], payload: bytes) -> None:
        try:
            wire.send(self._connection, header, payload)
        except OSError:
            raise RunError(self._post_mortem()) from None

    def _receive(self) -> tuple[dict[str, Any], bytes]:
        try:
            self._wait()
            header, payload = wire.receive(self._connection)
        except (EOFError, OSError):
            raise RunError(self._post_mortem()) from None
        if header.get("error") == "input":
            raise InputError(header["message"])
        if header.get("error"):
            raise RunError(f"Geant4 process failed: {header['message']}")
        return header, payload

    def _wait(self) -> None:
        """Wait for a message, without limit as long as the process runs.

        Raises:
            RunError: the process was stopped for a minute, and is ended.
        """
        stopped = None
        while not self._connection.poll(POLL_SECONDS):
            if not is_stopped(self.pid):
                stopped = None
            elif stopped is None:
                stopped = time.monotonic()
                LOG.warning("the Geant4 process %d is stopped (SIGSTOP); it is ended unless it goes on within %.0f s: "
                            "kill -CONT %d", self.pid, STOPPED, self.pid)  # fmt: skip
            elif time.monotonic() - stopped > STOPPED:
                self.close()
                raise RunError(f"the Geant4 process {self.pid} was stopped (SIGSTOP) for {STOPPED:.0f} s and was ended")

    def _post_mortem(self) -> str:
        """Description of how a process died."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return "the Geant4 process does not answer"
        said = explain(_tail(self._log))
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"the Geant4 process {how}" + (f": {said}" if said else "")


def explain(text: str) -> str:
    """The last Geant4 exception in a log as one line, or the last line that mentions an error."""
    found = _EXCEPTION.findall(text)
    if found:
        code, source, message = found[-1]
        return f"{code} in {source.strip()}: {' '.join(message.split())}"
    lines = [line.strip() for line in text.splitlines() if re.search("error|terminate", line, re.IGNORECASE)]
    return lines[-1] if lines else ""


def _tail(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, 2**16, max(0, size - 2**16)).decode(errors="replace")


def _end(connection: Connection, process: subprocess.Popen[bytes], descriptors: list[int]) -> None:
    """Close the connection, which ends an idle child at once, and kill a busy one."""
    connection.close()
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for descriptor in descriptors:
        os.close(descriptor)
