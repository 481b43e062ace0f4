"""Checksum at the end of shower files; HDF5 ignores it, and drops it when it changes a file."""

import fcntl
import os
import re
import zlib
from pathlib import Path
from typing import BinaryIO

from caloforge.errors import InputError

SEAL = re.compile(rb"caloforge-crc32 ([0-9a-f]{8})\n")
SEAL_SIZE = 25


def seal(file: BinaryIO) -> None:
    """Append a checksum to a file."""
    size = file.seek(0, os.SEEK_END)
    checksum = _checksum(file, size)
    file.seek(size)
    file.write(b"caloforge-crc32 %08x\n" % checksum)


def _checksum(file: BinaryIO, size: int) -> int:
    """CRC-32 of the first `size` bytes; the file position is then behind them."""
    checksum = 0
    file.seek(0)
    for start in range(0, size, 2**22):
        checksum = zlib.crc32(file.read(min(2**22, size - start)), checksum)
    return checksum


def check_seal(path: Path) -> None:
    """Refuse a file whose content differs from its checksum, or that another program is writing.

    Raises:
        InputError: the file is damaged or being written.
    """
    with path.open("rb") as file:
        size = max(file.seek(0, os.SEEK_END) - SEAL_SIZE, 0)
        file.seek(size)
        found = SEAL.fullmatch(file.read())
        if found and _checksum(file, size) == int(found[1], 16):
            return
        if _is_being_written(file):
            raise InputError(f"{path}: another program has it open for writing, close it there first; where that is "
                             "not so, set HDF5_USE_FILE_LOCKING=FALSE")  # fmt: skip
        if found:
            raise InputError(f"{path} is damaged: its content does not match its checksum")


def _is_being_written(file: BinaryIO) -> bool:
    """Whether another program holds HDF5's lock of writers; false if the file system has no locks."""
    if os.environ.get("HDF5_USE_FILE_LOCKING", "").upper() in ("FALSE", "0"):
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
