"""Masked convolutions along depth and across layers: a layer sees itself and earlier layers only.

All layers are computed in one call, or layer by layer. Activations have the shape (N, Z, A, B, channels), where A and B
count the cells of a layer in x and y, or in phi and r. Channels are last in memory, too, since convolutions on a CPU
are fastest so.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

State = list[Tensor]  # the last layers that each masked convolution has seen; zeros before the first layer


class Across(nn.Module):
    """3 x 3 convolution within a layer; an azimuth is periodic, and every other axis is padded with zeros."""

    def __init__(self, n_in: int, n_out: int, *, circular: bool, stride: int = 1) -> None:
        super().__init__()
        self.circular = circular
        self.convolution = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=(0 if circular else 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Channels (N, Z, A, B, n_out) of channels (N, Z, A, B, n_in); A and B are halved with stride 2."""
        if self.circular:
            x = torch.cat([x[:, :, -1:], x, x[:, :, :1]], 2)
        y: Tensor = self.convolution(x.reshape(-1, *x.shape[2:]).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return y.reshape(-1, x.shape[1], *y.shape[1:])


class BlockedConvolution(nn.Module):
    """Convolution over a layer and the layer `reach` layers before it: a 3D kernel whose later part is masked."""

    def __init__(self, n_in: int, n_out: int, *, reach: int, circular: bool) -> None:
        super().__init__()
        self.reach = reach
        self.across = Across(2 * n_in, n_out, circular=circular)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs for the new layers x (N, Z, ...), and the last `reach` layers, which the next call needs."""
        history = torch.cat([past, x], 1)
        y: Tensor = self.across(torch.cat([history[:, : x.shape[1]], x], 4))
        return y, history[:, x.shape[1] :].contiguous()


class Mix(nn.Module):
    """Mix the channels of each cell, after the layer's conditions have scaled and shifted them."""

    def __init__(self, channels: int, conditions: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(conditions, 2 * channels)
        self.mix = nn.Linear(channels, channels)

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Channels (N, Z, A, B, channels) for conditions (N, Z, conditions)."""
        scale, shift = self.modulation(conditions)[:, :, None, None].chunk(2, 4)
        y: Tensor = self.mix(silu(x * (1 + scale) + shift))
        return y


class Block(nn.Module):
    """Residual block: a masked convolution, then a mix of the channels modulated by the layer's conditions."""

    def __init__(self, channels: int, conditions: int, *, reach: int, circular: bool) -> None:
        super().__init__()
        self.blocked = BlockedConvolution(channels, channels, reach=reach, circular=circular)
        self.mix = Mix(channels, conditions)

    def forward(self, x: Tensor, conditions: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Channels (N, Z, A, B, channels) for conditions (N, Z, conditions), and the layers of the next call."""
        y, past = self.blocked(silu(x), past)
        return x + self.mix(y, conditions), past


class Grow(nn.Module):
    """Up-sampling by 2: each cell is divided into four cells."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.cut = nn.Linear(n_in, 4 * n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Channels (N, Z, 2 A, 2 B, n_out) of channels (N, Z, A, B, n_in)."""
        rows, columns = x.shape[2:4]
        parts: Tensor = self.cut(x).reshape(-1, rows, columns, 2, 2, self.cut.out_features // 4)
        return parts.transpose(2, 3).reshape(-1, x.shape[1], 2 * rows, 2 * columns, parts.shape[-1])


class BlockedNetwork(nn.Module):
    """Masked U-Net: blocks at falling and rising resolution with short-cuts, which see no later layer of the input.

    The receptive field grows by strides of 2 across the shower, as in PixelCNN++ (Salimans et al., openreview
    BJrFC6ceg, section 2), and by reaches of 1, 2, 4, ... layers along it. A stride in depth would compute layers twice.

    Args:
        n_in: channels of the input.
        n_out: channels of the output.
        places: numbers that describe the place of a cell in its layer.
        widths: channels at each resolution, the finest first.
        blocks: residual blocks at each resolution: at the finest on the way up, at the coarsest once, else both ways.
        conditions: numbers per layer that modulate the blocks.
        circular: whether the first transverse axis is an azimuth.
    """

    def __init__(
        self, n_in: int, n_out: int, *, places: int, widths: Sequence[int], blocks: Sequence[int], conditions: int,
        circular: bool,
    ) -> None:  # fmt: skip
        super().__init__()

        def level(i: int) -> nn.ModuleList:
            return nn.ModuleList(Block(widths[i], conditions, reach=2**i, circular=circular) for _ in range(blocks[i]))

        steps = range(len(widths) - 1)
        self.place = nn.Linear(places, widths[0])
        self.entrance = BlockedConvolution(n_in, widths[0], reach=1, circular=circular)
        self.shrink = nn.ModuleList(Across(widths[i], widths[i + 1], circular=circular, stride=2) for i in steps)
        self.inward = nn.ModuleList(level(i + 1) for i in steps)
        self.grow = nn.ModuleList(Grow(widths[i + 1], widths[i]) for i in steps)
        self.outward = nn.ModuleList(level(i) for i in steps)
        self.mix = Mix(widths[0], conditions)
        self.exit = nn.Linear(widths[0], n_out)
        way = [*range(1, len(widths)), *reversed(steps)]
        self.memory = [(1, 0, n_in), *((2**i, i, widths[i]) for i in way for _ in range(blocks[i]))]

    def start(self, n: int, rows: int, columns: int) -> State:
        """State of n showers before their first layer of rows x columns cells."""
        sizes = [(-(-rows // 2**i), -(-columns // 2**i)) for i in range(len(self.inward) + 1)]
        return [self.exit.weight.new_zeros(n, reach, *sizes[i], channels) for reach, i, channels in self.memory]

    def forward(self, x: Tensor, place: Tensor, conditions: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs (N, Z, A, B, n_out) of the new layers x (N, Z, A, B, n_in), and the state after them.

        Args:
            x: the layers that follow those of `state`.
            place: places of the cells (A, B, places).
            conditions: conditions of the layers (N, Z, conditions).
            state: state of the network after the earlier layers.
        """
        pasts = iter(state)
        x, past = self.entrance(x, next(pasts))
        x = x + self.place(place)
        kept: State = [past]
        finer: list[Tensor] = []
        for shrink, level in zip(self.shrink, self.inward, strict=True):
            finer.append(x)
            x = _through(level, shrink(silu(x)), conditions, pasts, kept)
        for grow, level in reversed(list(zip(self.grow, self.outward, strict=True))):
            short_cut = finer.pop()
            rows, columns = short_cut.shape[2:4]
            x = _through(level, short_cut + grow(silu(x))[:, :, :rows, :columns], conditions, pasts, kept)
        y: Tensor = self.exit(silu(x + self.mix(x, conditions)))
        return y, kept


def _through(level: nn.Module, x: Tensor, conditions: Tensor, pasts: Iterator[Tensor], kept: State) -> Tensor:
    """Apply the blocks of one resolution, each with its own earlier layers."""
    for block in level.children():
        x, past = block(x, conditions, next(pasts))
        kept.append(past)
    return x
