"""What the provenance of showers says of their origin: the ranges of their incidents, and the showers behind them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.files import digest
from caloforge.showers.container import Provenance, Showers
from caloforge.showers.share import in_share

RANGES = "ranges"
"""Entry of a provenance: the ranges that incidents were drawn from, energy [MeV], theta, phi [rad], x, y [mm]."""
SOURCE_FILE = "source_file"
"""Entry of a provenance: the file that showers were taken from, its SHA-256, and which share of it."""
EARLIER = (
    ("order", "source"),
    (SOURCE_FILE, RANGES),
)  # places in files of earlier versions, and of runs on users' files
SAME = ("detector", "simulator", "source", "seed")  # entries of an order that determine shower i


def drawn_ranges(provenance: Provenance) -> list[Provenance]:
    """Ranges that incidents were drawn from, by name, as far as a provenance has them; values may be anything."""
    return [found for keys in ((RANGES,), *EARLIER) for found in _at(provenance, *keys)]


def learned_from(candidate: Provenance, showers: Showers) -> int:
    """Count the showers that a candidate's model or library was made from.

    Shower i of an order, or of a file, is the same everywhere, so orders, digests of files and shower ids are compared,
    not cells.

    Args:
        candidate: provenance of the candidate's showers.
        showers: N showers that the candidate should not know.

    Returns:
        The number of showers, 0 to N, with the order or file and an id of the candidate's training or library showers.
    """
    learned = np.zeros(len(showers), bool)
    for ancestor in _ancestors(candidate):
        learned |= _are_of(showers, ancestor) & in_share(showers.incidents.shower_id, _share(ancestor))
    return int(learned.sum())


def _are_of(showers: Showers, ancestor: Provenance) -> NDArray[np.bool_]:
    """Which showers (N,) are of the same order and in the range of its ids, or come from the same file."""
    own, ids = showers.provenance, showers.incidents.shower_id
    order, theirs, first, n = own.get("order"), *(ancestor.get(key) for key in ("order", "first_id", "n"))
    if isinstance(order, dict) and isinstance(theirs, dict) and isinstance(first, int) and isinstance(n, int):
        return np.logical_and(ids >= first, ids < first + n) & _same(order, theirs)
    files = {_file(own), _file(ancestor)}
    return np.full(len(ids), len(files) == 1 and None not in files)


def _file(provenance: Provenance) -> str | None:
    """SHA-256 of the file that showers were taken from; None if it is unknown."""
    found = next((one.get("sha256") for one in _at(provenance, SOURCE_FILE)), None)
    return found if isinstance(found, str) else None


def with_file(showers: Showers, path: Path) -> Showers:
    """Showers whose provenance tells the file they were read from, if it tells neither order nor file.

    Raises:
        OSError: the file cannot be read.
    """
    if not {"order", SOURCE_FILE}.isdisjoint(showers.provenance):
        return showers
    made = {"file": path.name, "sha256": digest(path)}
    return replace(showers, provenance=showers.provenance | {SOURCE_FILE: made})


def _share(provenance: Provenance) -> tuple[float, float]:
    """The share of a file's showers that was taken; all of them unless the provenance says otherwise."""
    for share in (found.get("share") for found in _at(provenance, SOURCE_FILE)):
        if isinstance(share, list) and len(share) == 2 and all(isinstance(end, int | float) for end in share):
            return share[0], share[1]
    return 0.0, 1.0


def _same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return all(a.get(key) == b.get(key) for key in SAME)


def _ancestors(provenance: Provenance) -> Iterator[Provenance]:
    """Provenances of the showers behind a model's training, a frozen library, a replayed file or a hook."""
    nested = [
        *_at(provenance, "training", "showers"),
        *_at(provenance, "training", "selection"),
        *_at(provenance, "library", "provenance"),
    ]
    yield from nested
    behind = (("replayed",), ("hook", "fast"), ("training", "adapted_from"))
    for further in (*nested, *(one for keys in behind for one in _at(provenance, *keys))):
        yield from _ancestors(further)


def _at(value: Any, *keys: str) -> list[Provenance]:
    """List with the dictionary at a path of keys; empty if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return [value] if isinstance(value, dict) else []
