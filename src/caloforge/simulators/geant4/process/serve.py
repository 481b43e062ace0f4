"""The main loop of every Geant4 process: it sets Geant4 up and answers requests until the parent has ended.

It imports geant4_pybind and is for child processes only.
"""

import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NoReturn, Protocol

import geant4_pybind as g4

from caloforge.errors import InputError
from caloforge.processes import end_with_writer
from caloforge.simulators.geant4.process import kernel, wire

POLL = 2.0  # [s] between checks that the parent lives


class Application(Protocol):
    """Geant4 after its setup."""

    def run(self, header: dict[str, Any], data: bytes) -> None:
        """Answer one request."""
        ...


def serve(make: Callable[[Connection, dict[str, Any]], Application], descriptor: int, lifeline: int) -> NoReturn:
    """Set Geant4 up by the first message on a connection, answer the others, and never return.

    A failure is reported in one message. The parent holds the other end of the pipe `lifeline`; when the parent ends,
    this process ends at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_writer(lifeline)
    connection = Connection(descriptor)
    kernel.silence()
    try:
        _answer(make, connection)
    except (EOFError, OSError):
        kernel.leave(0)
    except InputError as error:
        wire.send(connection, {"error": "input", "message": str(error)})
    except BaseException as error:
        traceback.print_exc()
        wire.send(connection, {"error": "run", "message": f"{type(error).__name__}: {error}"})
    kernel.leave(1)


def _answer(make: Callable[[Connection, dict[str, Any]], Application], connection: Connection) -> None:
    setup, _ = wire.receive(connection)
    application = make(connection, setup)
    wire.send(connection, {"geant4": g4.G4Version.strip("$").removeprefix("Name: ").strip()})
    parent = os.getppid()
    while os.getppid() == parent:
        if connection.poll(POLL):
            application.run(*wire.receive(connection))
