"""Standard output and error that never fail, even if they are full, closed or limited to ASCII."""

import codecs
import errno
import io
import os
import sys
import unicodedata
from typing import Any

PLAIN = {
    "±": "+-", "…": "...", "–": "-", "—": "-", "·": "*", "µ": "u", "μ": "u", "→": "->", "×": "x", "≤": "<=",
    "≥": ">=", "°": "deg", "≈": "~", "−": "-", "²": "^2", "³": "^3", "‘": "'", "’": "'", "“": '"', "”": '"',
}  # fmt: skip


class Descriptor(io.RawIOBase):
    """Raw stream that accepts all data, drops what it cannot write, and keeps the first reason.

    Attributes:
        error: reason of the first loss; None if nothing was lost.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Whether it can be written to."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write all of the data, or as much as possible."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view) and self.error is None:
            try:
                done += os.write(self._descriptor, view[done:])
            except BlockingIOError:
                os.set_blocking(self._descriptor, True)
            except OSError as error:
                self.error = error
        return len(view)


def protect() -> None:
    """Replace standard output and error by streams that never fail; open closed ones."""
    codecs.register_error("plain", _plain)
    _open_standard_descriptors()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is not None and not _is_standard(stream, descriptor):
            continue
        encoding = getattr(stream, "encoding", None) or "utf-8"
        raw = io.BufferedWriter(Descriptor(descriptor))  # type: ignore[type-var]
        setattr(sys, name, io.TextIOWrapper(raw, encoding, "plain", line_buffering=True))


def _is_standard(stream: Any, descriptor: int) -> bool:
    """Whether the stream is still the interpreter's own."""
    try:
        return bool(stream.fileno() == descriptor)
    except (OSError, ValueError, AttributeError):
        return False


def lost() -> OSError | None:
    """Reason why standard output lost data; None if it did not."""
    buffer = getattr(sys.stdout, "buffer", None)
    if isinstance(raw := getattr(buffer, "raw", None), Descriptor):
        sys.stdout.flush()
        return raw.error
    return None


def was_closed(error: OSError) -> bool:
    """Whether the reader has closed the pipe, as `head` does."""
    return error.errno == errno.EPIPE


def _open_standard_descriptors() -> None:
    """Open closed standard streams, so that later files do not get their numbers."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks by the nearest plain ones."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = (PLAIN.get(c) or unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode() or "?"
             for c in error.object[error.start : error.end])  # fmt: skip
    return "".join(found), error.end
