"""Count showers that two samples share."""

import hashlib

import numpy as np

from caloforge.showers.container import Showers
from caloforge.showers.stored import AnyShowers, chunks


def common(a: AnyShowers, b: AnyShowers) -> int:
    """Number of non-empty showers in both samples; equal cells and incident energies identify a shower.

    Memory holds the digests of the smaller sample.
    """
    fewer, more = sorted((a, b), key=len)
    known = _digests(fewer)
    return len(set().union(*(known & _of(part) for part in chunks(more))))


def _digests(showers: AnyShowers) -> set[bytes]:
    return set().union(*map(_of, chunks(showers)))


def _of(showers: Showers) -> set[bytes]:
    rows = zip(np.ascontiguousarray(showers.energies), showers.incidents.energy, strict=True)
    return {
        hashlib.blake2b(row.tobytes() + energy.tobytes(), digest_size=16).digest() for row, energy in rows if row.any()
    }
