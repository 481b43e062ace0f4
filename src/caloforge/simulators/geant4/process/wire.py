"""Messages between the parent and a Geant4 process: JSON headers, and arrays as bytes."""

import json
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.seeds import engine_seed
from caloforge.showers import Incidents

INCIDENT = np.dtype(
    [("pdg", "i4"), ("energy", "f8"), ("theta", "f8"), ("phi", "f8"), ("position", "f8", 3), ("shower_id", "i8"),
     ("engine_seed", "i8")]
)  # fmt: skip


def pack(incidents: Incidents, seed: int) -> bytes:
    """Pack incidents, each with the seed of Geant4's random engine, into bytes."""
    table = np.empty(len(incidents), INCIDENT)
    for name in INCIDENT.names or ():
        table[name] = getattr(incidents, name, 0)
    table["engine_seed"] = [engine_seed(seed, shower_id, "geant4") for shower_id in incidents.shower_id.tolist()]
    return table.tobytes()


def unpack(data: bytes) -> tuple[Incidents, NDArray[np.int64]]:
    """Unpack incidents and engine seeds (N,): the inverse of `pack`."""
    table = np.frombuffer(data, INCIDENT)
    *fields, seeds = (table[name].copy() for name in INCIDENT.names or ())
    return Incidents(*fields), seeds


def send(connection: Connection, header: dict[str, Any], payload: bytes = b"") -> None:
    """Send one message."""
    connection.send_bytes(json.dumps(header).encode())
    connection.send_bytes(payload)


def receive(connection: Connection) -> tuple[dict[str, Any], bytes]:
    """Receive the next message.

    Raises:
        EOFError: the other side has closed the connection.
        OSError: the connection is broken.
    """
    return json.loads(connection.recv_bytes()), connection.recv_bytes()
