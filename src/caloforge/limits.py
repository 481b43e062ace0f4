"""Bounds of users' numbers, beyond which no sensible result is possible in reasonable time."""

import math
import os

from caloforge import units
from caloforge.errors import InputError

MIN_ENERGY = 1e-9  # MeV: 1 meV, for cold neutrons
MAX_ENERGY = 1e9  # MeV, 1 PeV
MAX_ANGLE = 4 * math.pi  # rad, two turns
MAX_SHOWERS = 10_000_000  # in one file
MAX_BYTES = 32 * 2**30  # of the showers in one file
INCIDENT = 96  # most bytes of a shower beside its cells
MAX_LABELS = 100_000
MAX_BATCH = 1_000_000  # events whose showers are simulated together
WORKERS_PER_CORE = 4


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def check_energy(energy: float) -> float:
    """Return a kinetic energy [MeV] if it lies between 1 meV and 1 PeV.

    Raises:
        InputError: it is outside.
    """
    if not MIN_ENERGY <= energy <= MAX_ENERGY:
        raise InputError(f"energy {units.show_energy(energy)} is outside {units.show_energy(MIN_ENERGY)} .. "
                         f"{units.show_energy(MAX_ENERGY)}")  # fmt: skip
    return energy


def check_angle(angle: float) -> float:
    """Return an angle [rad] if it lies within two turns.

    Raises:
        InputError: it is beyond.
    """
    if not abs(angle) <= MAX_ANGLE:
        raise InputError(f"angle {angle:g} rad is beyond two turns, +-{MAX_ANGLE:.4g} rad")
    return angle


def check_showers(n: int, cells: int) -> None:
    """Check that a file can hold n showers with that number of cells.

    Raises:
        InputError: there are none, or too many for one file.
    """
    if not isinstance(n, int):
        raise InputError(f"the number of showers must be a whole number, not {n!r}")
    if n < 1:
        raise InputError(f"-n {n}: the number of showers must be at least 1")
    most = min(MAX_SHOWERS, MAX_BYTES // (4 * cells + INCIDENT))
    if n > most:
        raise InputError(f"-n {n}: one file can hold {most} showers of {cells} cells; make several, the next with "
                         f"--first-id {most}")  # fmt: skip


def check_workers(workers: int) -> None:
    """Check that a number of workers fits this machine.

    Raises:
        InputError: there are none, or more than a few per core.
    """
    if workers < 1:
        raise InputError(f"--workers {workers}: at least 1 worker is needed")
    if workers > (most := WORKERS_PER_CORE * cores()):
        raise InputError(f"--workers {workers}: at most {most} make sense here, {WORKERS_PER_CORE} per core")


def check_batch(events: int) -> None:
    """Check that a number of events can be simulated together.

    Raises:
        InputError: there are none, or too many.
    """
    if not 1 <= events <= MAX_BATCH:
        raise InputError(f"--batch-events {events}: 1 to {MAX_BATCH} events can be simulated together")
