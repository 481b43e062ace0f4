"""Means over a batch whose parts are computed by several processes at the same time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

Average = Callable[[Tensor], Tensor]
_averages: list[Average] = []


@contextmanager
def averaged_by(average: Average) -> Iterator[None]:
    """Let `batch_mean` average over processes.

    Args:
        average: function that gives the mean of a tensor over all processes, with its gradient.
    """
    _averages.append(average)
    try:
        yield
    finally:
        _averages.pop()


def batch_mean(values: Tensor) -> Tensor:
    """Mean over the rows of the whole batch, of which this process may have an equal part."""
    own = values.mean(0)
    return _averages[-1](own) if _averages else own


class BatchNorm(nn.BatchNorm3d):
    """Batch normalisation over the whole batch, also on processors, for which PyTorch has no SyncBatchNorm.

    The running statistics are those of batches that one process computes alone.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalised values (N, channels, sizes)."""
        if not _averages or not self.training:
            return super().forward(x)
        wide = x.float()
        centred = wide - _spread(batch_mean(wide.mean((2, 3, 4))))
        variance = batch_mean(centred.square().mean((2, 3, 4)))
        normalised = centred * _spread(self.weight * (variance + self.eps).rsqrt()) + _spread(self.bias)
        return normalised.to(x.dtype)


def _spread(channels: Tensor) -> Tensor:
    return channels[:, None, None, None]
