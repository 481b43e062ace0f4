"""File for HDF5 that never fails, since the library crashes Python when a disk fails."""

import io
from typing import Any


class Stream(io.RawIOBase):
    """Pass HDF5's reads and writes to a file; after a failure, keep further writes in memory.

    The library can therefore read all it has written, until its caller calls `check` and stops.
    """

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self._kept: list[tuple[int, bytes]] = []
        self._error: OSError | None = None
        self._at = 0

    def check(self) -> None:
        """Raise the failure, if there was one.

        Raises:
            OSError: the disk is full or fails.
        """
        if self._error is not None:
            raise self._error

    def seekable(self) -> bool:
        """Whether the stream can seek: always."""
        return True

    def readable(self) -> bool:
        """Whether the stream can be read: always."""
        return True

    def writable(self) -> bool:
        """Whether the stream can be written: always."""
        return True

    def tell(self) -> int:
        """Position [bytes]."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position [bytes] from the begin, the present position or the end."""
        begin = (0, self._at, self._size())[whence]
        self._at = begin + offset
        return self._at

    def _size(self) -> int:
        try:
            size = self._raw.seek(0, io.SEEK_END)
        except OSError as error:
            size = self._fail(error)
        return max([size, *(at + len(data) for at, data in self._kept)])

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the file and the data kept in memory; missing bytes are zero."""
        view = memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        try:
            self._raw.seek(self._at)
            self._raw.readinto(view)
        except OSError as error:
            self._fail(error)
        for at, data in self._kept:
            begin, end = max(at, self._at), min(at + len(data), self._at + len(view))
            if begin < end:
                view[begin - self._at : end - self._at] = data[begin - at : end - at]
        self._at += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Write at the position, into memory after the file has failed."""
        view = memoryview(data).cast("B")
        if self._error is None:
            try:
                self._write(view)
            except OSError as error:
                self._fail(error)
        if self._error is not None:
            self._kept.append((self._at, bytes(view)))
        self._at += len(view)
        return len(view)

    def _write(self, view: memoryview) -> None:
        self._raw.seek(self._at)
        done = 0
        while done < len(view):
            done += self._raw.write(view[done:]) or 0

    def truncate(self, size: int | None = None) -> int:
        """Cut or extend the file."""
        size = self._at if size is None else size
        try:
            self._raw.truncate(size)
        except OSError as error:
            self._fail(error)
        return size

    def flush(self) -> None:
        """Do nothing, since nothing is buffered."""

    def _fail(self, error: OSError) -> int:
        self._error = self._error or error
        return 0
