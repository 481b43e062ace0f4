"""Showers as images: a transform of fields to cells, profiles along the axes, and a distance between samples.

An image is an array of cells (N, n_cells), flat in the order depth, x, y or depth, phi, r of its grid.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from caloforge.models.base import Batch
from caloforge.models.config_types import Sizes
from caloforge.models.parts.batch_mean import batch_mean
from caloforge.showers.domain import Domain

CHUNK = 500  # showers at a time while fitting
LEAST = 1e-12
STEEPEST = 2.0  # largest power of the incident energy with which a cell's share may rise or fall


class RectifiedCells(nn.Module):
    """Transform of a field to cells: cell = E_inc (scale (E_inc / E_0)^slope max(0, offset + field)) ** (1 / power).

    If the field is standard normal, offset and scale give every cell the right mean and variance of its power. Core
    cells have offsets far above zero; rarely hit cells of the halo have offsets below zero. The slope describes how the
    mean changes with energy, since showers become deeper.
    """

    scale: Tensor
    slope: Tensor
    offset: Tensor

    def __init__(self, n_cells: int, power: float, threshold: float, domain: Domain) -> None:
        super().__init__()
        self.power, self.threshold = power, threshold
        self.middle = (domain.energy[0] * domain.energy[1]) ** 0.5
        self.register_buffer("scale", torch.ones(n_cells))
        self.register_buffer("slope", torch.zeros(n_cells))
        self.register_buffer("offset", torch.zeros(n_cells))

    def fit(self, batch: Batch, symmetry_classes: Tensor) -> None:
        """Fit to showers; cells of one symmetry class (n_cells,) are pooled."""
        self.scale.fill_(1.0)
        self.slope.zero_()
        above = (batch.incidents["energy"] > batch.incidents["energy"].median())[:, 0]
        halves = [batch[part] for part in (~above, above) if part.any()]
        low, high = (self._pooled(half, symmetry_classes)[0] for half in (halves[0], halves[-1]))
        log_energy = [half.incidents["energy"].log().mean() for half in halves]
        step = (log_energy[-1] - log_energy[0]).clamp(min=LEAST)
        slope = (high.clamp(min=LEAST) / low.clamp(min=LEAST)).log() / step
        self.slope.copy_(slope.clamp(-STEEPEST, STEEPEST))
        mean, square = self._pooled(batch, symmetry_classes)
        offset = _offset(mean.square() / square.clamp(min=LEAST**2))
        self.offset.copy_(offset)
        self.scale.copy_(mean / _rectified(offset)[0])

    def _pooled(self, batch: Batch, symmetry_classes: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and mean square of the heights of each cell's symmetry class."""
        parts = [batch[i : i + CHUNK] for i in range(0, len(batch), CHUNK)]
        heights = (self.heights(part).double() for part in parts)
        sums = torch.stack([torch.stack([x.sum(0), x.square().sum(0)]) for x in heights]).sum(0) / len(batch)
        pooled = torch.zeros_like(sums).index_add_(1, symmetry_classes, sums)
        members = torch.zeros_like(sums[0]).index_add_(0, symmetry_classes, torch.ones_like(sums[0]))
        mean, square = (pooled / members.clamp(min=1))[:, symmetry_classes]
        return mean, square

    def thresholded(self, batch: Batch) -> Tensor:
        """Thresholded cells (N, n_cells) [MeV]."""
        return torch.where(batch.cells >= self.threshold, batch.cells, 0.0)

    def heights(self, batch: Batch) -> Tensor:
        """Heights (N, n_cells) of showers: powers of the cells over their scale, as `forward` gives for fields."""
        energy = batch.incidents["energy"]
        scale = self._scale(energy)
        return torch.where(scale > 0, (self.thresholded(batch) / energy) ** self.power / scale.clamp(min=LEAST), 0.0)

    def _scale(self, energy: Tensor) -> Tensor:
        return self.scale * torch.exp(self.slope * (energy / self.middle).log())

    def forward(self, field: Tensor, energy: Tensor) -> Tensor:
        """Heights (N, n_cells) of fields (N, n_cells), zero for cells below the threshold."""
        heights = functional.relu(self.offset + field)
        above = self.powers(heights, energy) >= (self.threshold / energy) ** self.power
        return torch.where(above, heights, 0.0)

    def powers(self, heights: Tensor, energy: Tensor) -> Tensor:
        """(energy / incident energy) ** power (N, n_cells) of heights (N, n_cells)."""
        return self._scale(energy) * heights

    def energies(self, heights: Tensor, energy: Tensor) -> Tensor:
        """Cells (N, n_cells) [MeV] of heights (N, n_cells) and incident energies (N, 1) [MeV]."""
        cells: Tensor = energy * self.powers(heights, energy) ** (1 / self.power)
        return cells


def _rectified(offset: Tensor) -> tuple[Tensor, Tensor]:
    """First and second moment of max(0, offset + z), z standard normal."""
    density, above = torch.exp(-0.5 * offset.square()) / (2 * torch.pi) ** 0.5, torch.special.ndtr(offset)
    return offset * above + density, (offset.square() + 1) * above + offset * density


def _offset(ratio: Tensor) -> Tensor:
    """Offset at which (first moment)^2 / second moment is `ratio`, within -4.5 and 30, by bisection."""
    low, high = torch.full_like(ratio, -4.5), torch.full_like(ratio, 30.0)
    for _ in range(60):
        middle = (low + high) / 2
        first, second = _rectified(middle)
        below = first.square() < ratio * second
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return low


class Profiles(nn.Module):
    """Standardised profiles: energy along each axis and total energy, divided by the incident energy."""

    centre: Tensor
    width: Tensor

    def __init__(self, grid: Sizes) -> None:
        super().__init__()
        self.grid = grid
        self.register_buffer("centre", torch.zeros(self.size))
        self.register_buffer("width", torch.ones(self.size))

    @property
    def size(self) -> int:
        """Numbers per shower."""
        return sum(self.grid) + 1

    def fit(self, batch: Batch) -> None:
        """Fit to showers."""
        parts = [batch[i : i + CHUNK] for i in range(0, len(batch), CHUNK)]
        sums = torch.cat([self._sums(part.cells / part.incidents["energy"]) for part in parts])
        self.centre.copy_(sums.mean(0))
        width = sums.std(0, correction=0)
        self.width.copy_(torch.where(width > 1e-6 * self.centre[-1], width, torch.inf))

    def _sums(self, cells: Tensor) -> Tensor:
        images = cells.unflatten(1, self.grid)
        return torch.cat([images.sum((2, 3)), images.sum((1, 3)), images.sum((1, 2)), cells.sum(1, keepdim=True)], 1)

    def forward(self, cells: Tensor, energy: Tensor) -> Tensor:
        """Profiles (N, size) of cells (N, n_cells) and incident energies (N, 1), both [MeV]."""
        return (self._sums(cells / energy) - self.centre) / self.width

    def mismatch(self, real: Tensor, drawn: Tensor, conditions: Tensor) -> Tensor:
        """Squared difference of the moments of two samples of profiles (N, size) for the same conditions (N, C).

        Moments are the mean, its slopes in the conditions and the mean square. Profiles are compressed beyond one
        standard deviation (asinh), so that no bin dominates; each axis and the total have equal weights. The estimate
        is unbiased, since each half of the batch gives one factor of the square. Fluctuations of the batch then do not
        press down the widths. Source: feature matching, arXiv:1606.03498.
        """
        off = _moments(drawn, conditions) - _moments(real, conditions)
        squares = (batch_mean(off[::2]) * batch_mean(off[1::2])).unflatten(0, (-1, self.size))
        return torch.stack([part.mean() for part in squares.split([*self.grid, 1], 1)]).sum()


def _moments(profiles: Tensor, conditions: Tensor) -> Tensor:
    """Compressed profiles, their products with each condition, and their squares (N, size (C + 2))."""
    profiles = profiles.asinh()
    slopes = [profiles * condition for condition in conditions.split(1, 1)]
    return torch.cat([profiles, *slopes, profiles.square()], 1)


def image_cost(real: Tensor, drawn: Tensor, energy: Tensor, grid: Sizes) -> Tensor:
    """Distance of two samples in the mean energy profile along each axis and the mean position of its maximum.

    It is the sum, over the axes, of the relative difference of the mean profiles and of the distance of the mean maxima
    as a share of the axis. Source: the talk "GeantV GANs".

    Args:
        real: cells of Geant4's showers (N, n_cells) [MeV].
        drawn: cells of generated showers (N, n_cells) [MeV].
        energy: incident energies (N, 1) [MeV].
        grid: cells in depth, x and y.
    """
    real, drawn = ((cells / energy).unflatten(1, grid) for cells in (real, drawn))
    parts = []
    for axis, others in ((1, (2, 3)), (2, (1, 3)), (3, (1, 2))):
        along, drawn_along = real.sum(others), drawn.sum(others)
        mean = along.mean(0)
        parts.append((drawn_along.mean(0) - mean).abs().sum() / mean.sum().clamp(min=LEAST))
        highest, drawn_highest = (profile.argmax(1).float().mean() for profile in (along, drawn_along))
        parts.append((drawn_highest - highest).abs() / grid[axis - 1])
    return torch.stack(parts).sum()
