"""Shares of a file of showers, by a hash of shower ids: the same showers in every run."""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


def in_share(ids: Ids, share: tuple[float, float]) -> NDArray[np.bool_]:
    """Which showers (N,) belong to a share, the range [low, high) of the hash of their ids."""
    place = hashed(ids)
    return (place >= share[0]) & (place < share[1])


def hashed(ids: Ids) -> NDArray[np.float64]:
    """Fixed number in [0, 1) for each shower id, by splitmix64, which leaves no pattern of the ids."""
    with np.errstate(over="ignore"):
        x = ids.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
