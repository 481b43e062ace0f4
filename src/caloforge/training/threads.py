"""Threads of PyTorch."""

import torch

from caloforge.errors import InputError


def use_threads(threads: int) -> None:
    """Set the number of threads of PyTorch; sums depend on it in the last bits.

    Raises:
        InputError: the number is less than one.
    """
    if threads < 1:
        raise InputError(f"--threads {threads}: at least 1 thread is needed")
    torch.set_num_threads(threads)
