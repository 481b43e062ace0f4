"""The hash of numpy.random.SeedSequence for many entropies at once.

Source: M. O'Neill, "Developing a seed_seq alternative" (pcg-random.org, 2015), as numpy.random.SeedSequence has it.
A test compares both.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray

POOL = 4  # words
START, FACTOR = 0x43B0D7E5, 0x931E8875  # of the constants of the pool
STATE_START, STATE_FACTOR = 0x8B51F9DD, 0x58F38DED  # of those of the state
LEFT, RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
SHIFT = np.uint32(16)


class Hashed(ISeedSequence):
    """Seed sequence of words that are known.

    Args:
        words: state (4,) that NumPy's generator PCG64 asks for.
    """

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self.words = words

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> NDArray[np.uint64]:
        """The words, for a generator of as many 64-bit words alone."""
        if n_words != len(self.words) or (dtype is not np.uint64 and np.dtype(dtype) != np.uint64):
            raise ValueError(f"{n_words} words of type {dtype} are not known, only {len(self.words)} of 64 bits")
        return self.words


def hashed(entropy: NDArray[np.uint32]) -> Iterator[Hashed]:
    """Seed sequences of N entropies (W, N) of four words or more each."""
    constants = _constants(START, FACTOR, POOL * len(entropy) + 1)
    pool = _scrambled(entropy[:POOL], constants[: POOL + 1])
    at = POOL
    for source in range(POOL):
        others = [place for place in range(POOL) if place != source]
        pool[others] = _mixed(pool[others], _scrambled(pool[source], constants[at : at + POOL]))
        at += POOL - 1
    for word in entropy[POOL:]:
        pool = _mixed(pool, _scrambled(word, constants[at : at + POOL + 1]))
        at += POOL
    state = _scrambled(np.concatenate([pool, pool]), _constants(STATE_START, STATE_FACTOR, 2 * POOL + 1))
    return map(Hashed, np.ascontiguousarray(state.T).view("<u8"))


@cache
def _constants(start: int, factor: int, count: int) -> NDArray[np.uint32]:
    found = [start]
    while len(found) < count:
        found.append(found[-1] * factor % 2**32)
    return np.array(found, np.uint32)[:, None]


def _scrambled(words: NDArray[np.uint32], constants: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Words (K, N) or (N,) with K + 1 constants, row by row."""
    words = (words ^ constants[:-1]) * constants[1:]
    return words ^ (words >> SHIFT)


def _mixed(pool: NDArray[np.uint32], words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    mixed: NDArray[np.uint32] = LEFT * pool - RIGHT * words
    return mixed ^ (mixed >> SHIFT)
