"""Threads of the classifiers: several networks at once on one thread each, which is fastest for small networks."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from caloforge.errors import InputError

Result = TypeVar("Result")


@contextmanager
def single_threaded() -> Iterator[None]:
    """Context in which torch, BLAS and OpenMP use one thread each, so that sums do not depend on the number of cores.

    Raises:
        InputError: PyTorch or scikit-learn is missing.
    """
    try:
        import torch
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise InputError(f"validation needs {error.name}; install the extras: caloforge[train,report]") from None
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def over_seeds(work: Callable[[int], Result], seeds: list[int]) -> list[Result]:
    """Results of `work` for every seed, in order; as many seeds run at once as there are cores."""
    with ThreadPoolExecutor(min(len(seeds), os.cpu_count() or 1)) as pool:
        return list(pool.map(work, seeds))
