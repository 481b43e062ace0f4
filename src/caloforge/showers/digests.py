"""Count showers that two samples share."""

import hashlib

import numpy as np

from caloforge.showers.container import Showers
from caloforge.showers.stored import AnyShowers, chunks


def common(a: AnyShowers, b: AnyShowers) -> int:
    """Number of non-empty showers in both samples; equal cells and incident energies identify a shower."""
    return len(_digests(a) & _digests(b))


def _digests(showers: AnyShowers) -> set[bytes]:
    return set().union(*map(_of, chunks(showers)))


def _of(showers: Showers) -> set[bytes]:
    rows = zip(np.ascontiguousarray(showers.energies), showers.incidents.energy, strict=True)
    return {
        hashlib.blake2b(row.tobytes() + energy.tobytes(), digest_size=16).digest() for row, energy in rows if row.any()
    }
