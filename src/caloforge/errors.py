"""Errors that users cause, and failures while running."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """The user's input is wrong; the message says what is wrong and what would be right (exit code 2)."""


class RunError(RuntimeError):
    """Something failed while running; the message says what was kept (exit code 1)."""


class AccuracyWarning(UserWarning):
    """A result is less accurate than elsewhere; the message says where and by how much."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Name the known word nearest to `word`; if none is near, at most the first dozen known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"did you mean '{close[0]}'?" if close else f"known: {shown}"
