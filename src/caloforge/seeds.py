"""Seeds of showers: a hash of (run seed, shower id, stream name), independent of worker and batch."""

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError

# A seed is one word of the hash. With two words, other pairs of seed and shower id would give the same hash.
SEED_LIMIT = 2**32


def check_seed(seed: int) -> int:
    """Return the run seed if it is usable.

    Raises:
        InputError: the seed is no whole number, negative, or does not fit 32 bits.
    """
    if not isinstance(seed, int | np.integer):
        raise InputError(f"seed {seed!r} is not a whole number")
    if not 0 <= seed < SEED_LIMIT:
        raise InputError(f"seed {seed} is outside 0 .. 2**32 - 1")
    return seed


def next_seed(seed: int) -> int:
    """Seed of a sample that is compared with showers of `seed`: the next one, 0 after the largest."""
    return (seed + 1) % SEED_LIMIT


def sequence(seed: int, shower_id: int, stream: str) -> np.random.SeedSequence:
    """Seed sequence of one shower and stream (numpy.random.SeedSequence hashes its whole entropy list)."""
    return np.random.SeedSequence([seed, shower_id, *stream.encode()])


def generator(seed: int, shower_id: int, stream: str) -> np.random.Generator:
    """Random generator of one shower and stream."""
    return np.random.Generator(np.random.PCG64(sequence(seed, shower_id, stream)))


def engine_seed(seed: int, shower_id: int, stream: str) -> int:
    """Positive 62-bit seed for an external engine such as Geant4's, which refuses zero."""
    return (int(sequence(seed, shower_id, stream).generate_state(1, np.uint64)[0]) >> 2) or 1


def normal_noise(seed: int, shower_ids: NDArray[np.int64], size: int, stream: str) -> NDArray[np.float32]:
    """Standard normal noise (N, size) float32; row i depends on seed and shower_ids[i] only."""
    noise = np.empty((len(shower_ids), size), np.float32)
    words = np.array([seed, 0, *stream.encode()], np.uint32)  # numpy hashes an array four times faster than a list
    for row, shower_id in zip(noise, shower_ids.tolist(), strict=True):
        if 0 <= shower_id < SEED_LIMIT:
            words[1] = shower_id
            random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
        else:
            random = generator(seed, shower_id, stream)  # two words
        random.standard_normal(out=row, dtype=np.float32)
    return noise
