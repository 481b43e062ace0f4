"""Seeds of showers: a hash of (run seed, shower id, stream name), independent of worker and batch."""

from collections.abc import Iterable

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.seed_hash import hashed

# A seed is one word of the hash. With two words, other pairs of seed and shower id would give the same hash.
SEED_LIMIT = 2**32
MANY = 16  # showers whose sequences are found faster together than one by one


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
    words = [seed, shower_id, *stream.encode()]
    # NumPy takes an array four times faster than a list; a larger id has two words
    return np.random.SeedSequence(np.array(words, np.uint32) if 0 <= shower_id < SEED_LIMIT else words)


def generator(seed: int, shower_id: int, stream: str) -> np.random.Generator:
    """Random generator of one shower and stream."""
    return np.random.Generator(np.random.PCG64(sequence(seed, shower_id, stream)))


def engine_seed(seed: int, shower_id: int, stream: str) -> int:
    """Positive 62-bit seed for an external engine such as Geant4's, which refuses zero."""
    return (int(sequence(seed, shower_id, stream).generate_state(1, np.uint64)[0]) >> 2) or 1


def normal_noise(seed: int, shower_ids: NDArray[np.int64], size: int, stream: str) -> NDArray[np.float32]:
    """Standard normal noise (N, size) float32; row i depends on seed and shower_ids[i] only."""
    noise = np.empty((len(shower_ids), size), np.float32)
    for row, own in zip(noise, _sequences(seed, shower_ids, stream), strict=True):
        bits = np.random.PCG64(own)  # type: ignore[arg-type]  # NumPy's stubs leave out this interface
        np.random.Generator(bits).standard_normal(out=row, dtype=np.float32)
    return noise


def _sequences(seed: int, shower_ids: NDArray[np.int64], stream: str) -> Iterable[ISeedSequence]:
    """Seed sequences of showers, hashed together if they are many and their ids have as many words."""
    high = shower_ids >> 32
    if len(shower_ids) < MANY or not ((high == 0).all() or (high > 0).all()):
        return (sequence(seed, shower_id, stream) for shower_id in shower_ids.tolist())
    ids = [shower_ids & 0xFFFFFFFF] if high[0] == 0 else [shower_ids & 0xFFFFFFFF, high]
    words = [np.full_like(shower_ids, seed), *ids, *(np.full_like(shower_ids, letter) for letter in stream.encode())]
    return hashed(np.stack(words).astype(np.uint32))
