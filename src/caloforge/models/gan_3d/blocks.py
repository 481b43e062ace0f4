"""Blocks of three-dimensional networks: up-sampling convolutions, the generator and the discriminator of the 3D GAN.

Tensors are (N, channels, depth, x, y) or (N, channels, depth, phi, r). Channels are last in memory, since convolutions
on a CPU are fastest so.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from caloforge.models.config_types import Sizes
from caloforge.models.gan_3d.config import DownBlockConfig, LastConfig, UpBlockConfig
from caloforge.models.parts.batch_mean import BatchNorm

SLOPE = 0.3  # negative slope of LeakyReLU, as in the published code
HIDDEN = 64  # hidden units of the network that sees the profiles


class UpConvolution(nn.Module):
    """Nearest-neighbour up-sampling by `up`, then a convolution that keeps the size, computed on the coarse cells.

    All finer cells of a coarse cell are equal. Weights that meet the same coarse cell are therefore added, and each of
    the prod(up) places of a finer cell in its coarse cell has its own coarse kernel. With a kernel of k and up-sampling
    by s, it has (k + s - 1) / s weights instead of k along every axis.
    """

    def __init__(self, inputs: int, outputs: int, kernel: Sizes, up: Sizes, *, bias: bool) -> None:
        super().__init__()
        self.up = up
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *kernel))
        nn.init.kaiming_uniform_(self.weight, SLOPE)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        shares = [_collapse(k, s) for k, s in zip(kernel, up, strict=True)]
        for axis, (share, _) in zip("zxy", shares, strict=True):
            self.register_buffer(f"share_{axis}", share, persistent=False)
        self.padding = [side for share, left in reversed(shares) for side in (left, share.shape[2] - 1 - left)]

    share_z: Tensor
    share_x: Tensor
    share_y: Tensor

    def forward(self, coarse: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """Values (N, outputs, finer sizes); each output channel is multiplied by `scale` and shifted by `shift`."""
        weight = self.weight if scale is None else self.weight * scale[:, None, None, None, None]
        bias = self.bias if shift is None else shift
        places = math.prod(self.up)
        if places > 1:
            weight = torch.einsum("oizxy,zau,xbv,ycw->abcoiuvw", weight, self.share_z, self.share_x, self.share_y)
            weight = weight.flatten(0, 3)
            bias = None if bias is None else bias.repeat(places)
        return self._fine(functional.conv3d(functional.pad(coarse, self.padding), weight, bias))

    def _fine(self, places: Tensor) -> Tensor:
        """Move finer cells from channels (N, a b c outputs, d, x, y) to their places (N, outputs, d a, x b, y c)."""
        if self.up == (1, 1, 1):
            return places
        (a, b, c), (d, x, y) = self.up, places.shape[2:]
        places = places.unflatten(1, (a, b, c, -1)).permute(0, 5, 1, 6, 2, 7, 3, 4)
        return places.reshape(-1, d * a, x * b, y * c, len(self.weight)).permute(0, 4, 1, 2, 3)


def _collapse(kernel: int, up: int) -> tuple[Tensor, int]:
    """Map (kernel, up, coarse kernel) of fine to coarse weights at each place, and the coarse padding before the cells.

    The fine padding is a multiple of `up`, which makes the coarse kernel as small as possible.
    """
    before = (kernel - 1) // 2 // up
    share = torch.zeros(kernel, up, (kernel + up - 2) // up + 1)
    for weight in range(kernel):
        for place in range(up):
            share[weight, place, (place + weight) // up] = 1.0
    return share, before


class UpBlock(nn.Module):
    """Up-sampling convolution, batch normalisation, LeakyReLU; a generator's last block has no batch normalisation."""

    def __init__(self, inputs: int, config: UpBlockConfig, *, norm: bool) -> None:
        super().__init__()
        self.convolution = UpConvolution(inputs, config.channels, config.kernel, config.up, bias=not norm)
        self.norm = BatchNorm(config.channels, momentum=None) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        """Values normalised by the statistics of the batch."""
        values = self.convolution(x)
        return functional.leaky_relu(values if self.norm is None else self.norm(values), SLOPE)

    def finalised(self, x: Tensor) -> Tensor:
        """Values normalised by the stored statistics, so that showers do not depend on the rest of the batch."""
        if self.norm is None:
            return self.forward(x)
        assert self.norm.running_mean is not None
        assert self.norm.running_var is not None
        scale = self.norm.weight * (self.norm.running_var + self.norm.eps).rsqrt()
        return functional.leaky_relu(self.convolution(x, scale, self.norm.bias - scale * self.norm.running_mean), SLOPE)


class Generator(nn.Module):
    """Generator: a dense layer to a coarse grid, up-sampling blocks, and a last convolution without bias.

    All images but the first are empty before training. Each size of the coarse grid is the detector's divided by all
    up-sampling, rounded up; the image is cut to the detector's grid at the end.
    """

    def __init__(
        self, inputs: int, start: int, blocks: tuple[UpBlockConfig, ...], last: LastConfig, grid: Sizes, images: int
    ) -> None:
        super().__init__()
        ups = [math.prod(axis) for axis in zip(*(block.up for block in blocks), last.up, strict=True)]
        self.coarse = (*(-(-n // up) for n, up in zip(grid, ups, strict=True)), start)
        self.dense = nn.Linear(inputs, math.prod(self.coarse))
        sizes = [start, *(block.channels for block in blocks)]
        norms = [True] * (len(blocks) - 1) + [False]
        parts = zip(sizes, blocks, norms, strict=False)
        self.blocks = nn.ModuleList(UpBlock(size, block, norm=norm) for size, block, norm in parts)
        self.last = UpConvolution(sizes[-1], images, last.kernel, last.up, bias=False)
        nn.init.zeros_(self.last.weight[1:])
        cuts = [(n * up - size) // 2 for n, up, size in zip(self.coarse, ups, grid, strict=False)]
        self.cut = tuple(slice(cut, cut + size) for cut, size in zip(cuts, grid, strict=True))

    def forward(self, inputs: Tensor, *, finalised: bool) -> Tensor:
        """Images (N, images, cells) of inputs (N, inputs), normalised by the stored statistics if `finalised`."""
        x = self.dense(inputs).reshape(-1, *self.coarse).permute(0, 4, 1, 2, 3)
        for block in self._blocks():
            x = block.finalised(x) if finalised else block(x)
        depth, first, second = self.cut
        image: Tensor = self.last(x)
        return image[:, :, depth, first, second].flatten(2)

    def _blocks(self) -> list[UpBlock]:
        return [cast(UpBlock, block) for block in self.blocks]

    def finalise(self, inputs: Tensor) -> None:
        """Set the stored statistics to those of a batch of inputs (N, inputs)."""
        norms = [block.norm for block in self._blocks() if block.norm is not None]
        before = self.training
        for norm in norms:
            norm.reset_running_stats()
        with torch.no_grad():
            self.train()(inputs, finalised=False)
        self.train(before)


class DownBlock(nn.Module):
    """Join of cells, convolution, LeakyReLU, batch normalisation (not in the first block) and dropout."""

    def __init__(self, inputs: int, config: DownBlockConfig, dropout: float, *, norm: bool) -> None:
        super().__init__()
        self.join = config.join
        self.convolution = nn.Conv3d(inputs * math.prod(self.join), config.channels, config.kernel)
        self.padding = [side for k in reversed(config.kernel) for side in ((k - 1) // 2, k // 2)]
        self.norm = BatchNorm(config.channels, track_running_stats=False) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Channels (N, channels, sizes over the joined cells, rounded up)."""
        values = functional.leaky_relu(self.convolution(functional.pad(self._joined(x), self.padding)), SLOPE)
        return self.dropout(self.norm(values))  # type: ignore[no-any-return]

    def _joined(self, x: Tensor) -> Tensor:
        if self.join == (1, 1, 1):
            return x
        short = [-n % s for n, s in zip(x.shape[2:], self.join, strict=True)]
        x = functional.pad(x, [side for n in reversed(short) for side in (0, n)]).permute(0, 2, 3, 4, 1)
        (a, b, c), (d, e, f) = self.join, (n // s for n, s in zip(x.shape[1:], self.join, strict=False))
        x = x.reshape(-1, d, a, e, b, f, c, x.shape[-1]).permute(0, 1, 3, 5, 2, 4, 6, 7)
        return x.flatten(4).permute(0, 4, 1, 2, 3)


class Discriminator(nn.Module):
    """Discriminator with two outputs: whether a shower is Geant4's, and its incident energy (auxiliary classifier).

    Both outputs see the images. Only the first sees the profiles, since these contain the incident energy.
    """

    def __init__(
        self, channels: int, blocks: tuple[DownBlockConfig, ...], dropout: float, grid: Sizes, profiles: int
    ) -> None:
        super().__init__()
        sizes = [channels, *(block.channels for block in blocks)]
        parts = enumerate(zip(sizes, blocks, strict=False))
        self.blocks = nn.Sequential(*(DownBlock(size, block, dropout, norm=i > 0) for i, (size, block) in parts))
        joins = [math.prod(axis) for axis in zip(*(block.join for block in blocks), strict=True)]
        left = tuple(-(-n // (2 * s)) for n, s in zip(grid, joins, strict=True))
        self.pool = nn.AdaptiveAvgPool3d(left)
        features = sizes[-1] * math.prod(left)
        self.profiles = nn.Sequential(
            nn.Linear(profiles, HIDDEN), nn.LeakyReLU(SLOPE), nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(SLOPE)
        )
        self.genuine = nn.Linear(features + HIDDEN, 1)
        self.energy = nn.Linear(features + 1, 1)

    def forward(self, image: Tensor, profiles: Tensor, log_total: Tensor) -> tuple[Tensor, Tensor]:
        """Logit (N, 1) that showers are Geant4's, and logarithm (N, 1) of the incident energy over the domain's centre.

        Args:
            image: images (N, channels, grid).
            profiles: profiles and conditions (N, profiles).
            log_total: logarithm of the total energy over the domain's centre (N, 1).
        """
        features = self.pool(self.blocks(image)).flatten(1)
        genuine = self.genuine(torch.cat([features, self.profiles(profiles)], 1))
        return genuine, self.energy(torch.cat([features, log_total], 1))
