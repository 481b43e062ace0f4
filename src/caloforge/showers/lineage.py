"""What the provenance of showers says of their origin: the ranges of their incidents, and the showers behind them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from caloforge.showers.container import Provenance, Showers
from caloforge.showers.share import in_share

RANGES = "ranges"
"""Entry of a provenance: the ranges that incidents were drawn from, energy [MeV], theta, phi [rad], x, y [mm]."""
SOURCE_FILE = "source_file"
"""Entry of a provenance: the file that showers were taken from, and which share of it."""
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

    Shower i of an order is the same in every file, so orders and shower ids are compared, not cells.

    Args:
        candidate: provenance of the candidate's showers.
        showers: N showers that the candidate should not know.

    Returns:
        The number of showers, 0 to N, with the order and an id of the candidate's training or library showers.
    """
    order = showers.provenance.get("order")
    if not isinstance(order, dict):
        return 0
    seen = np.zeros(len(showers), bool)
    for ancestor in _ancestors(candidate):
        theirs, first, n = (ancestor.get(key) for key in ("order", "first_id", "n"))
        if isinstance(theirs, dict) and isinstance(first, int) and isinstance(n, int) and _same(order, theirs):
            ids = showers.incidents.shower_id
            seen |= (ids >= first) & (ids < first + n) & in_share(ids, _share(ancestor))
    return int(seen.sum())


def _share(provenance: Provenance) -> tuple[float, float]:
    """The share of a file's showers that was taken, all where nothing else is told."""
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
