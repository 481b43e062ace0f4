"""Batches of a training: drawn at random from showers in memory, or from blocks shuffled within a buffer.

Both give the batch of any draw from its number, so that a resumed training sees the same batches as an unbroken one.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.models import Batch
from caloforge.seeds import generator
from caloforge.showers import Showers, concatenate
from caloforge.showers.stored import AnyShowers, StoredShowers

BLOCK = 256  # showers that are read together: whole chunks of caloforge's files
Indices = NDArray[np.int64]


class Batches(Protocol):
    """Batches of a training."""

    size: int
    """Showers of a batch."""

    def draw(self, number: int) -> Batch:
        """The batch of a draw, on the device of the training."""
        ...

    def close(self) -> None:
        """Release files and threads."""
        ...


class RandomBatches:
    """Showers in memory; every batch is a random subset, drawn by torch's generator."""

    def __init__(self, showers: Showers, size: int, device: torch.device) -> None:
        self._all = Batch.of(showers).to(device)
        self._device = device
        self.size = min(size, len(self._all))

    def draw(self, number: int) -> Batch:  # noqa: ARG002
        """A random batch."""
        return self._all[torch.randperm(len(self._all))[: self.size].to(self._device)]

    def close(self) -> None:
        """Do nothing, since no file is open."""


class BlockBatches:
    """Showers in blocks: a buffer is filled with blocks in random order, and its showers are then shuffled.

    While batches are drawn from one buffer, a thread fills the next. Batches depend on the seed, the buffer and the
    number of showers only, not on whether the showers are in files or in memory.

    Args:
        showers: showers in memory or in files.
        size: showers of a batch.
        buffer: showers that are shuffled together; two buffers are in memory.
        seed: seed of the order.
        device: device of the training.

    Raises:
        InputError: the buffer is smaller than a batch.
    """

    def __init__(self, showers: AnyShowers, size: int, buffer: int, seed: int, device: torch.device) -> None:
        check_buffer(buffer, min(size, len(showers)))
        self._showers, self._seed, self._device = showers, seed, device
        self._least = min(BLOCK, buffer, len(showers))
        blocks = len(showers) // self._least
        self._bounds = np.append(self._least * np.arange(blocks), len(showers))  # the last block has the remainder
        self.size = min(size, blocks * self._least)
        self._per_buffer = min(blocks, max(-(-self.size // self._least), buffer // self._least))
        sizes = [min(self._per_buffer, blocks - first) for first in range(0, blocks, self._per_buffer)]
        self._ends = np.cumsum([n * self._least // self.size for n in sizes])
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="showers")
        self._filled: dict[tuple[int, int], Future[Batch]] = {}
        self._ordered: tuple[tuple[int, int], torch.Tensor] | None = None

    def draw(self, number: int) -> Batch:
        """The batch of a draw; draws in order are cheap."""
        epoch, place = divmod(number, int(self._ends[-1]))
        buffer = int(np.searchsorted(self._ends, place, side="right"))
        first = place - (int(self._ends[buffer - 1]) if buffer else 0)
        showers = self._buffer(epoch, buffer)
        order = self._order(epoch, buffer, len(showers))
        return showers[order[first * self.size : (first + 1) * self.size]].to(self._device)

    def sample(self) -> Showers:
        """The showers of one buffer, to which the transforms are fitted."""
        return self._read(self._blocks("fit", 0)[: self._per_buffer])

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(cancel_futures=True)

    def _buffer(self, epoch: int, buffer: int) -> Batch:
        """The showers of a buffer; a thread begins to read the next buffer."""
        last = int(np.flatnonzero(np.diff(self._ends, prepend=0))[-1])
        following = (epoch, buffer + 1) if buffer < last else (epoch + 1, 0)
        needed = ((epoch, buffer), following)
        self._filled = {key: future for key, future in self._filled.items() if key in needed}
        for key in needed:
            if key not in self._filled:
                self._filled[key] = self._pool.submit(self._fill, *key)
        return self._filled[needed[0]].result()

    def _fill(self, epoch: int, buffer: int) -> Batch:
        chosen = self._blocks("blocks", epoch)[buffer * self._per_buffer : (buffer + 1) * self._per_buffer]
        return Batch.of(self._read(chosen))

    def _read(self, blocks: Indices) -> Showers:
        rows = [(int(self._bounds[block]), int(self._bounds[block + 1])) for block in blocks]
        if isinstance(self._showers, StoredShowers):
            return concatenate([self._showers.read(start, stop) for start, stop in rows])
        return self._showers[np.concatenate([np.arange(start, stop) for start, stop in rows])]

    def _blocks(self, stream: str, epoch: int) -> Indices:
        return generator(self._seed, epoch, stream).permutation(len(self._bounds) - 1)

    def _order(self, epoch: int, buffer: int, n: int) -> torch.Tensor:
        """Order of the showers of a buffer, cached while batches are drawn from it."""
        if self._ordered is None or self._ordered[0] != (epoch, buffer):
            order = generator(self._seed, epoch, f"rows {buffer}").permutation(n)
            self._ordered = (epoch, buffer), torch.from_numpy(order)
        return self._ordered[1]


def check_buffer(buffer: int | None, batch: int) -> None:
    """Check that a buffer, if there is one, holds a batch.

    Raises:
        InputError: it is smaller.
    """
    if buffer is not None and buffer < batch:
        raise InputError(f"[training] buffer = {buffer} is smaller than a batch of {batch} showers")


def batches_of(
    showers: AnyShowers, size: int, buffer: int | None, seed: int, device: torch.device
) -> tuple[Batches, Showers]:
    """Batches of a training, and the showers that its transforms are fitted to.

    Raises:
        InputError: showers in files have no buffer, or the buffer is smaller than a batch.
    """
    if buffer is not None:
        blocks = BlockBatches(showers, size, buffer, seed, device)
        return blocks, blocks.sample()
    if isinstance(showers, StoredShowers):
        raise InputError("showers in files need [training] buffer, the number of showers that are kept in memory")
    return RandomBatches(showers, size, device), showers
