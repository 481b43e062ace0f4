"""Standard output and error that survive whatever they are: full, closed, or without characters beyond ASCII."""

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
    """A file descriptor that takes everything; what it cannot pass on is lost, and the first reason is kept.

    Attributes:
        error: why something was lost, if it was.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.error: OSError | None = None

    def writable(self) -> bool:
        """It is written to."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Pass on all of the data, or as much as possible."""
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
    """Put streams that never fail in the place of standard output and error; open those that are closed."""
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
    """Whether nobody has put something else in its place."""
    try:
        return bool(stream.fileno() == descriptor)
    except (OSError, ValueError, AttributeError):
        return False


def lost() -> OSError | None:
    """Why standard output has lost something, if it has."""
    buffer = getattr(sys.stdout, "buffer", None)
    if isinstance(raw := getattr(buffer, "raw", None), Descriptor):
        sys.stdout.flush()
        return raw.error
    return None


def was_closed(error: OSError) -> bool:
    """Whether whoever was reading has had enough, as `head` has."""
    return error.errno == errno.EPIPE


def _open_standard_descriptors() -> None:
    """Files opened later must not get the numbers of closed standard streams."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def _plain(error: UnicodeError) -> tuple[str, int]:
    """The nearest plain characters for those that an encoding has not."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = (PLAIN.get(c) or unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode() or "?"
             for c in error.object[error.start : error.end])  # fmt: skip
    return "".join(found), error.end
