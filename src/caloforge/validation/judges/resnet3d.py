"""The member "resnet3d": a small three-dimensional residual network, for detectors whose layers have one grid."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from caloforge.errors import InputError
from caloforge.validation.judges.inputs import Inputs, Sample
from caloforge.validation.judges.learning import (
    Schedule,
    initialise,
    learn,
    linear,
    mean_log_odds,
    random_copy,
)

Floats = NDArray[np.float64]
Grid = tuple[int, int, int]
CHANNELS = (12, 24, 48)
INPUTS = 2  # log cells and cells
CLIP = 5.0  # standard deviations; a rarely hit cell must not dominate the network
MOST_PASSES, MOST_CELLS = 16, 2.5e8  # largest number of epochs, and of cells read in all epochs
FEWEST_CELLS = 4  # least number of cells along an axis that is halved


class Convolution(nn.Module):
    """A convolution of 3 x 3 x 3 cells; azimuths are padded periodically, other axes with zeros."""

    def __init__(self, a: int, b: int, stride: Grid, rings: bool, generator: torch.Generator) -> None:
        super().__init__()
        self._rings = rings
        self.body: nn.Conv3d = nn.utils.skip_init(nn.Conv3d, a, b, 3, stride)
        initialise(self.body, 27 * a, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Channels (N, b, layers, first axis, second axis)."""
        if self._rings:
            x = functional.pad(functional.pad(x, (0, 0, 1, 1, 0, 0), mode="circular"), (1, 1, 0, 0, 1, 1))
        else:
            x = functional.pad(x, (1, 1, 1, 1, 1, 1))
        out: Tensor = self.body(x)
        return out


class Stage(nn.Module):
    """A convolution that halves the grid, then a residual convolution."""

    def __init__(self, a: int, b: int, stride: Grid, rings: bool, generator: torch.Generator) -> None:
        super().__init__()
        self.down = Convolution(a, b, stride, rings, generator)
        self.same = Convolution(b, b, (1, 1, 1), rings, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Channels (N, b, ...) on the coarser grid."""
        x = functional.silu(self.down(x))
        out: Tensor = x + functional.silu(self.same(x))
        return out


class ResNet(nn.Module):
    """Three stages on cells and their logarithms, then a head on means and maxima of the last grid and conditions."""

    def __init__(self, grid: Grid, conditions: int, rings: bool, generator: torch.Generator) -> None:
        super().__init__()
        self._grid, self._conditions = grid, conditions
        stages, size, before = [], grid, INPUTS
        for channels in CHANNELS:
            stride: Grid = tuple(2 if n >= FEWEST_CELLS else 1 for n in size)  # type: ignore[assignment]
            stages.append(Stage(before, channels, stride, rings, generator))
            size = tuple(-(-n // s) for n, s in zip(size, stride, strict=True))  # type: ignore[assignment]
            before = channels
        self.stages = nn.Sequential(*stages)
        last = before * size[0] + before + conditions
        self.head = nn.Sequential(linear(last, 64, generator), nn.SiLU(), linear(64, 1, generator))

    def forward(self, x: Tensor) -> Tensor:
        """Log-odds (N, 1) of rows: conditions, log cells, cells."""
        known, cells = x[:, : self._conditions], x[:, self._conditions :]
        maps = self.stages(cells.reshape(len(x), INPUTS, *self._grid))
        profile = maps.mean(dim=(3, 4)).flatten(1)
        out: Tensor = self.head(torch.cat([profile, maps.amax(dim=(2, 3, 4)), known], dim=1))
        return out


class Scales:
    """Standardised conditions, log cells, and cells over the incident energy.

    Cells that a symmetry maps onto each other share their mean and deviation.
    """

    def __init__(self, inputs: Inputs) -> None:
        raw = _raw(inputs)
        orders = torch.stack(_copies(inputs))
        self._mean = raw.mean(dim=0)[orders].mean(dim=0)
        deviation = raw.var(dim=0)[orders].mean(dim=0).sqrt()
        self._deviation = torch.where(deviation > 1e-6, deviation, torch.inf)

    def __call__(self, inputs: Inputs) -> Tensor:
        """Rows float32 (N, conditions + 2 n_cells)."""
        return _raw(inputs).sub_(self._mean).div_(self._deviation).clamp_(-CLIP, CLIP)


def _raw(inputs: Inputs) -> Tensor:
    """Rows (N, conditions + 2 n_cells): conditions, log cells, cells over E_inc in units of threshold / MeV."""
    known, logs = (torch.from_numpy(inputs.view(name)) for name in ("conditions", "cells"))
    shares = torch.where(logs > 0, 10 ** (logs - known[:, :1]), 0)  # the first condition is log10 E_inc
    return torch.cat([known, logs, shares], dim=1)


def _copies(inputs: Inputs) -> list[Tensor]:
    """Orders of the columns (conditions, log cells, cells), one per symmetry; the identity is the first."""
    before, n_cells = inputs.view("conditions").shape[1], inputs.detector.n_cells
    orders = [torch.from_numpy(permutation) for permutation in inputs.symmetries]
    return [torch.cat([torch.arange(before), before + p, before + n_cells + p]) for p in orders]


class FittedResNet:
    """A trained network with its scales; scores are averaged over symmetric copies."""

    def __init__(self, network: nn.Module, scales: Scales, copies: list[Tensor]) -> None:
        self._network, self._scales, self._copies = network, scales, copies

    def __call__(self, inputs: Inputs) -> Floats:
        """Log-odds (N,)."""
        return mean_log_odds(self._network, self._scales(inputs), self._copies)


def fit(views: Sequence[str], train: Sample, select: Sample, seed: int) -> FittedResNet:
    """Train on cells and their logarithms; every batch is transformed by a random symmetry.

    Raises:
        InputError: the layers have different cells, or the views are not cells alone.

    Source: a small version of the third classifier of CaloChallenge (Krause et al., arXiv:2410.21611).
    """
    inputs = train.inputs
    if inputs.grid is None:
        raise InputError(f"a three-dimensional network needs layers that all have the same cells; "
                         f"those of {inputs.detector.name} differ")  # fmt: skip
    if tuple(views) != ("cells",):
        raise InputError(f"a three-dimensional network sees cells, not {', '.join(views)}")
    scales, copies = Scales(inputs), _copies(inputs)
    rows, held = scales(inputs), scales(select.inputs)
    generator = torch.Generator().manual_seed(seed % 2**63)
    rings = inputs.detector.layers[0].cells.closes
    network = ResNet(inputs.grid, inputs.view("conditions").shape[1], rings, generator)
    schedule = Schedule(int(np.clip(MOST_CELLS / rows.numel(), 2, MOST_PASSES)), batch=64)
    learn(network, (rows, train), (held, select), schedule, generator, random_copy(copies))
    return FittedResNet(network, scales, copies)
