"""Memory that a training frees and takes again in every step."""

import ctypes
from contextlib import suppress

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # parameters of glibc's mallopt
NEVER = -1


def keep_freed_memory() -> None:
    """Let the C library keep what a step frees; large tensors otherwise cost page faults in every step.

    The kernel clears each page that it gives, and it does so for one thread of a process at a time. The setting holds
    until the process ends. Other C libraries than glibc keep their ways.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(MMAP_MAX, 0)
        mallopt(TRIM_THRESHOLD, NEVER)
