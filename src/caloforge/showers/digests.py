"""Which showers two samples share."""

import hashlib

import numpy as np

from caloforge.showers.container import Showers


def common(a: Showers, b: Showers) -> int:
    """How many showers with energy in a cell are in both samples, told by their cells and incident energies."""
    return len(_digests(a) & _digests(b))


def _digests(showers: Showers) -> set[bytes]:
    rows = zip(np.ascontiguousarray(showers.energies), showers.incidents.energy, strict=True)
    return {
        hashlib.blake2b(row.tobytes() + energy.tobytes(), digest_size=16).digest() for row, energy in rows if row.any()
    }
