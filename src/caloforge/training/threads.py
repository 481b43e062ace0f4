"""Threads of PyTorch."""

import torch

from caloforge.errors import InputError


def use_threads(threads: int) -> None:
    """Let PyTorch compute with this many threads; sums depend on their number in the last bits.

    Raises:
        InputError: fewer than one thread.
    """
    if threads < 1:
        raise InputError(f"--threads {threads}: at least 1 thread is needed")
    torch.set_num_threads(threads)
