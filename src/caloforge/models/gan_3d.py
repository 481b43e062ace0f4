"""The 3D GAN of GeantV: showers as three-dimensional images, drawn by a generator that a discriminator teaches.

Source: arXiv:1912.06794 and the talk "GeantV GANs". The discriminator is of the auxiliary-classifier kind
(arXiv:1610.09585): beside its verdict it reconstructs the incident energy. The generator's loss weighs the verdict, the
reconstructed energy and the total energy against the Geant4 shower of the same incident, the last two in per cent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from caloforge.config import Strict
from caloforge.detector import Detector, symmetries
from caloforge.errors import InputError
from caloforge.models.base import Batch, Conditions, Model, Turn
from caloforge.models.blocks_3d import (
    Channels,
    Discriminator,
    DownBlockConfig,
    Generator,
    LastConfig,
    Sizes,
    UpBlockConfig,
)
from caloforge.models.distance import distance_at_energies
from caloforge.showers import Showers
from caloforge.showers.domain import Domain

FLIPS = 0.05  # share of wrong labels that the discriminator is shown, as in the published code
GENERATOR_TURNS = 2  # per turn of the discriminator
CHUNK = 500  # showers at a time while fitting
TYPICAL = 256  # training incidents whose batch statistics a trained generator keeps
LEAST = 1e-12


class GeneratorConfig(Strict):
    """Size of the generator: channels of the coarse grid, blocks (published: 8; 64, 6 and 6) and last convolution."""

    start: Channels = 8
    blocks: Annotated[tuple[UpBlockConfig, ...], Field(min_length=1, max_length=16)] = (
        UpBlockConfig(channels=64, kernel=(8, 6, 6)),
        UpBlockConfig(channels=6, kernel=(8, 6, 5), up=(2, 2, 2)),
        UpBlockConfig(channels=6, kernel=(8, 3, 3), up=(3, 2, 2)),
    )
    last: LastConfig = LastConfig()


class DiscriminatorConfig(Strict):
    """Size of the discriminator: its blocks (published: 32, 8, 8, 8 channels), and dropout after each."""

    blocks: Annotated[tuple[DownBlockConfig, ...], Field(min_length=1, max_length=16)] = (
        DownBlockConfig(channels=32, kernel=(5, 5, 5)),
        *(DownBlockConfig(channels=8, kernel=(5, 5, 5)),) * 3,
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2


class LossWeights(Strict):
    """Weights of the verdict's cross entropy, and of the errors of reconstructed and total energy [%]."""

    adversarial: Annotated[float, Field(gt=0)] = 3.0
    energy: Annotated[float, Field(gt=0)] = 0.1
    total: Annotated[float, Field(ge=0)] = 0.1


class Gan3DConfig(Strict):
    """Config of the 3D GAN.

    Attributes:
        noise: random numbers per shower.
        power: cells enter the networks as (energy / incident energy) ** power, which narrows their range.
        generator, discriminator: sizes of the networks.
        weights: of the parts of the loss.
        bfloat16: train with numbers of 16 bits, three times as fast where the processor has them.
    """

    kind: Literal["gan-3d"] = "gan-3d"
    noise: Annotated[int, Field(ge=1, le=100_000)] = 254
    power: Annotated[float, Field(gt=0, le=1)] = 0.85
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    weights: LossWeights = LossWeights()
    bfloat16: bool = False


class RectifiedCells(nn.Module):
    """A field of unit width to cells: cell = E_inc (scale max(0, offset + field)) ** (1 / power).

    Offset and scale give every cell its own mean and variance (in the power) where the field is standard normal: core
    cells then lie some widths above zero, and cells of the halo, seldom hit, below.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, n_cells: int, power: float, threshold: float) -> None:
        super().__init__()
        self.power, self.threshold = power, threshold
        self.register_buffer("scale", torch.ones(n_cells))
        self.register_buffer("offset", torch.zeros(n_cells))

    def fit(self, batch: Batch, orbits: Tensor) -> None:
        """Fit to showers, pooling cells of the same orbit, since symmetry makes them alike."""
        parts = [batch[i : i + CHUNK] for i in range(0, len(batch), CHUNK)]
        powers = (self._power(part).double() for part in parts)
        sums = torch.stack([torch.stack([x.sum(0), x.square().sum(0)]) for x in powers]).sum(0) / len(batch)
        pooled = torch.zeros_like(sums).index_add_(1, orbits, sums)
        members = torch.zeros_like(sums[0]).index_add_(0, orbits, torch.ones_like(sums[0]))
        mean, square = (pooled / members.clamp(min=1))[:, orbits]
        offset = _offset(mean.square() / square.clamp(min=LEAST**2))
        self.offset.copy_(offset)
        self.scale.copy_(mean / _rectified(offset)[0])

    def _power(self, batch: Batch) -> Tensor:
        seen = torch.where(batch.cells >= self.threshold, batch.cells, 0.0)
        return (seen / batch.incidents["energy"]) ** self.power

    def heights(self, batch: Batch) -> Tensor:
        """Heights (N, n_cells), the powers over their scale, of showers: what `forward` gives for a field."""
        return torch.where(self.scale > 0, self._power(batch) / self.scale.clamp(min=LEAST), 0.0)

    def forward(self, field: Tensor, energy: Tensor) -> Tensor:
        """Heights (N, n_cells) of fields (N, n_cells), zero for cells below the threshold."""
        heights = functional.relu(self.offset + field)
        seen = self.powers(heights) >= (self.threshold / energy) ** self.power
        return torch.where(seen, heights, 0.0)

    def powers(self, heights: Tensor) -> Tensor:
        """(energy / incident energy) ** power (N, n_cells) of heights (N, n_cells)."""
        return self.scale * heights

    def energies(self, heights: Tensor, energy: Tensor) -> Tensor:
        """Cells (N, n_cells) [MeV] of heights (N, n_cells) and incident energies (N, 1) [MeV]."""
        cells: Tensor = energy * self.powers(heights) ** (1 / self.power)
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
    """Energy along each axis and in all, over the incident energy, standardised: what sums over an image tell."""

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
        self.width.copy_(torch.where(width > 1e-6 * sums[:, -1].mean(), width, torch.inf))

    def _sums(self, cells: Tensor) -> Tensor:
        images = cells.unflatten(1, self.grid)
        return torch.cat([images.sum((2, 3)), images.sum((1, 3)), images.sum((1, 2)), cells.sum(1, keepdim=True)], 1)

    def forward(self, cells: Tensor, energy: Tensor) -> Tensor:
        """Profiles (N, size) of cells (N, n_cells) and incident energies (N, 1), both [MeV]."""
        return (self._sums(cells / energy) - self.centre) / self.width


@dataclass(frozen=True)
class Verdict:
    """What the discriminator says of showers, and their total energy.

    Attributes:
        genuine: logit (N, 1) of being of Geant4.
        energy: reconstructed incident energy (N, 1) [MeV].
        total: total energy (N, 1) [MeV], a sum without weights as in the published network.
    """

    genuine: Tensor
    energy: Tensor
    total: Tensor


class Gan3DModel(Model):
    """Generator and discriminator on the grid that all layers of the detector share.

    Raises:
        InputError: a detector whose layers have different cells.
    """

    judged = 500

    def __init__(self, config: Gan3DConfig, detector: Detector, domain: Domain) -> None:
        super().__init__(detector, domain, config.noise)
        self.grid = shared_grid(detector)
        self.weights, self.short = config.weights, config.bfloat16
        self.conditions = Conditions(domain)
        self.cells = RectifiedCells(detector.n_cells, config.power, detector.readout.threshold)
        self.profiles = Profiles(self.grid)
        inputs = config.noise + self.conditions.size
        sizes = config.generator
        self.generator = Generator(inputs, sizes.start, sizes.blocks, sizes.last, self.grid)
        judged = self.profiles.size + self.conditions.size
        self.discriminator = Discriminator(
            2, config.discriminator.blocks, config.discriminator.dropout, self.grid, judged
        )
        self.unit = (domain.energy[0] * domain.energy[1]) ** 0.5
        self.register_buffer("typical", torch.zeros(TYPICAL, inputs))
        self.register_buffer("image_unit", torch.ones(()))
        self.register_buffer("start", torch.zeros(detector.n_cells))

    typical: Tensor
    start: Tensor
    image_unit: Tensor

    def fit(self, showers: Showers) -> None:
        """Fit the transforms, and start the generator from a field of unit width."""
        batch = Batch.of(showers)
        lowest = torch.from_numpy(symmetries(self.detector)).min(0).values
        orbits = lowest if self.domain.symmetric else torch.arange(self.detector.n_cells)
        self.cells.fit(batch, orbits)
        self.profiles.fit(batch)
        rows = torch.arange(TYPICAL) % len(batch)
        noise = torch.randn(TYPICAL, self.noise_size)
        self.typical.copy_(torch.cat([noise, self.conditions(**self._named(batch[rows]))], 1))
        hottest = self.cells.powers(self.cells.heights(batch[rows])).amax(1)
        self.image_unit.copy_(hottest.mean().clamp(min=LEAST))
        with torch.no_grad():
            field = self.generator(self.typical, settled=False)
            width = (field - field.mean(0)).std()
            self.generator.last.weight.div_(width)
            self.start.copy_(field.mean(0) / width)
        self.settle()

    def settle(self) -> None:
        """Keep the batch statistics that the present weights give to typical incidents."""
        self.generator.settle(self.typical)

    def loss(self, batch: Batch) -> Tensor:
        """The generator's loss: cross entropy of the verdict, errors of reconstructed and total energy."""
        energy = batch.incidents["energy"]
        drawn = self.verdict(self._draw(batch), batch.incidents)
        seen = torch.where(batch.cells >= self.cells.threshold, batch.cells, 0.0).sum(1, keepdim=True)
        return (
            self.weights.adversarial * cross_entropy(drawn.genuine, torch.ones_like(energy))
            + self.weights.energy * per_cent(drawn.energy, energy)
            + self.weights.total * per_cent(drawn.total, seen)
        )

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Cross entropy of the verdicts on Geant4's and drawn showers, some labels flipped, and errors of the energy.

        The total energy is no part of it, since no weight of the discriminator moves it.
        """
        with torch.no_grad():
            drawn = self._draw(batch)
        return self._taught(self.cells.heights(batch), batch, 1.0) + self._taught(drawn, batch, 0.0)

    def _taught(self, heights: Tensor, batch: Batch, label: float) -> Tensor:
        energy = batch.incidents["energy"]
        verdict = self.verdict(heights, batch.incidents)
        flipped = torch.rand_like(energy) < FLIPS
        labels = torch.where(flipped, 1 - label, label)
        entropy = cross_entropy(verdict.genuine, labels)
        return self.weights.adversarial * entropy + self.weights.energy * per_cent(verdict.energy, energy)

    def verdict(self, heights: Tensor, incidents: dict[str, Tensor]) -> Verdict:
        """The discriminator's opinion of showers, given as heights (N, n_cells)."""
        energy = incidents["energy"]
        cells = self.cells.energies(heights, energy)
        total = cells.sum(1, keepdim=True)
        powers = self.cells.powers(heights) * (energy / self.domain.energy[1]) ** self.cells.power / self.image_unit
        image = torch.stack([heights, powers], 2).unflatten(1, self.grid).permute(0, 4, 1, 2, 3)
        conditions = self.conditions(**{name: incidents[name] for name in self.inputs})
        profiles = torch.cat([self.profiles(cells, energy), conditions], 1)
        with self._training_numbers():
            logit, log_energy = self.discriminator(image, profiles, (total / self.unit).clamp(min=LEAST).log())
        return Verdict(logit.float(), self.unit * log_energy.float().exp(), total)

    def selection_loss(self, batch: Batch) -> Tensor:
        """Distance of drawn showers from Geant4's, energy along each axis and position of the maximum among it."""
        noise = torch.randn(len(batch), self.noise_size, device=batch.cells.device)
        drawn = self.sample(noise, **self._named(batch))
        seen = torch.where(batch.cells >= self.cells.threshold, batch.cells, 0.0)
        energy = batch.incidents["energy"]
        return distance_at_energies(seen, drawn, energy, self.detector) + image_cost(seen, drawn, energy, self.grid)

    def sample(self, noise: Tensor, **incidents: Tensor) -> Tensor:
        """Cells (N, n_cells) [MeV], thresholded."""
        energy = incidents["energy"]
        field = self.generator(torch.cat([noise, self.conditions(**incidents)], 1), settled=True) - self.start
        cells: Tensor = self.cells.energies(functional.relu(self.cells.offset + field), energy)
        return torch.where(cells >= self.cells.threshold, cells, 0.0)

    def turns(self) -> tuple[Turn, ...]:
        """The discriminator once, the generator twice, both with RMSprop."""
        return (
            _turn("discriminator", self.discriminator, self.discriminator_loss, 1),
            _turn("generator", self.generator, self.loss, GENERATOR_TURNS),
        )

    def _draw(self, batch: Batch) -> Tensor:
        """Heights (N, n_cells) for the batch's incidents, normalised over the batch."""
        noise = torch.randn(len(batch), self.noise_size, device=batch.cells.device)
        inputs = torch.cat([noise, self.conditions(**self._named(batch))], 1)
        with self._training_numbers():
            field = self.generator(inputs, settled=False)
        heights: Tensor = self.cells(field.float() - self.start, batch.incidents["energy"])
        return heights

    def _training_numbers(self) -> torch.autocast:
        return torch.autocast(self.typical.device.type, torch.bfloat16, enabled=self.short)

    def _named(self, batch: Batch) -> dict[str, Tensor]:
        return {name: batch.incidents[name] for name in self.inputs}


def _turn(name: str, network: nn.Module, loss: Callable[[Batch], Tensor], repeat: int) -> Turn:
    optimiser = partial(torch.optim.RMSprop, alpha=0.9, eps=1e-7)
    return Turn(name, list(network.parameters()), loss, repeat, optimiser)


def shared_grid(detector: Detector) -> Sizes:
    """Layers and cells along both axes of a detector whose layers share one grid.

    Raises:
        InputError: layers with different cells.
    """
    first, *others = (layer.cells for layer in detector.layers)
    for number, cells in enumerate(others, 2):
        if cells != first:
            raise InputError(
                f"model gan-3d needs layers that share one grid; in detector '{detector.name}' layer {number} differs "
                f"from layer 1; a detector that fits is clic-ecal, a model for this one coupling-flow"
            )
    return len(detector.layers), *first.shape


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean binary cross entropy of logits."""
    return functional.binary_cross_entropy_with_logits(logits, labels)


def per_cent(values: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error of values in per cent of their targets."""
    return 100 * ((values - targets).abs() / targets.clamp(min=LEAST)).mean()


def image_cost(real: Tensor, drawn: Tensor, energy: Tensor, grid: Sizes) -> Tensor:
    """The talk's measure of two samples: mean energy along each axis, and mean position of the maximum on it.

    Sum over the axes of the relative difference of the mean profiles and of the distance of the mean maxima in
    cells, over the number of cells. Samples (N, n_cells) and incident energies (N, 1) [MeV].
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
