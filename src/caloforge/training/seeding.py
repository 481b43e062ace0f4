"""Random numbers of a training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from caloforge.seeds import engine_seed


@contextmanager
def seeded(seed: int, index: int, stream: str) -> Iterator[None]:
    """Context in which torch's random numbers depend on (seed, index, stream) only; outside, they do not change."""
    with torch.random.fork_rng():
        torch.manual_seed(engine_seed(seed, index, stream))
        yield
