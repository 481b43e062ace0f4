"""The 3D GAN of GeantV: a generator, trained against a discriminator, makes showers as three-dimensional images.

The discriminator is an auxiliary classifier (arXiv:1610.09585): it also reconstructs the incident energy. The
generator's loss is a weighted sum of the cross entropy of the verdict, the error of the reconstructed energy, and the
error of the total energy against the Geant4 shower of the same incident. Both errors are in per cent. Source:
arXiv:1912.06794 and the talk "GeantV GANs".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from caloforge.detector import Detector
from caloforge.models.base import Batch, Conditions, OptimiserStep, shared_grid
from caloforge.models.gan_3d.blocks import Discriminator, Generator
from caloforge.models.gan_3d.config import Gan3DConfig
from caloforge.models.gan_3d.images import LEAST, Profiles, RectifiedCells, image_cost
from caloforge.models.matched import ResponseMatched
from caloforge.models.parts.distance import distance_at_energies
from caloforge.showers import Showers
from caloforge.showers.domain import Domain

FLIPS = 0.05  # share of wrong labels that the discriminator is shown, as in the published code
GENERATOR_STEPS = 2  # updates of the generator per update of the discriminator
SMOOTH = 0.2  # width of the generator's smooth part of a field with grain, before training
TYPICAL = 256  # training incidents that give the stored statistics of the batch normalisations


@dataclass(frozen=True)
class Verdict:
    """Output of the discriminator for showers, and their total energy.

    Attributes:
        genuine: logit (N, 1) that a shower is Geant4's.
        energy: reconstructed incident energy (N, 1) [MeV].
        total: total energy (N, 1) [MeV]; a sum without weights, as in the published network.
        profiles: the profiles (N, size) that the discriminator saw.
    """

    genuine: Tensor
    energy: Tensor
    total: Tensor
    profiles: Tensor


class Gan3DModel(ResponseMatched):
    """Generator and discriminator on the grid that all layers of the detector share.

    Raises:
        InputError: the detector's layers have different cells.
    """

    selection_batch = 500
    draws = 1000  # fewer than by default, since images of all layers take long

    def __init__(self, config: Gan3DConfig, detector: Detector, domain: Domain) -> None:
        super().__init__(detector, domain, config.noise + config.grain * detector.n_cells)
        self.latent, self.grain = config.noise, config.grain
        self.grid = (len(detector.layers), *shared_grid(detector, "gan-3d").shape)
        self.weights, self.short = config.weights, config.bfloat16
        self.conditions = Conditions(domain)
        self.cells = RectifiedCells(detector.n_cells, config.power, detector.threshold, domain)
        self.profiles = Profiles(self.grid)
        inputs = config.noise + self.conditions.size
        sizes = config.generator
        self.generator = Generator(inputs, sizes.start, sizes.blocks, sizes.last, self.grid, 1 + config.grain)
        known = self.profiles.size + self.conditions.size
        self.discriminator = Discriminator(
            2, config.discriminator.blocks, config.discriminator.dropout, self.grid, known
        )
        self.register_buffer("typical", torch.zeros(TYPICAL, inputs))
        self.register_buffer("image_unit", torch.ones(()))
        self.register_buffer("start", torch.stack([torch.zeros(detector.n_cells), torch.ones(detector.n_cells)]))

    typical: Tensor
    start: Tensor
    image_unit: Tensor

    def fit_transforms(self, showers: Showers) -> None:
        """Fit the transforms, and standardise the field of the untrained generator on some training incidents."""
        batch = Batch.of(showers)
        self.cells.fit(batch, self.symmetry_classes)
        self.profiles.fit(batch)
        rows = torch.arange(TYPICAL) % len(batch)
        noise = torch.randn(TYPICAL, self.latent)
        self.typical.copy_(torch.cat([noise, self._conditions(batch[rows].incidents)], 1))
        energy = batch.incidents["energy"][rows]
        hottest = self.cells.powers(self.cells.heights(batch[rows]), energy).amax(1)
        self.image_unit.copy_(hottest.mean().clamp(min=LEAST))
        with torch.no_grad():
            untrained = self.generator(self.typical, finalised=False)[:, 0]
        self.start.copy_(torch.stack([untrained.mean(0), untrained.std(0).clamp(min=LEAST)]))
        self.generator.finalise(self.typical)

    def finalise(self) -> None:
        """Set the stored statistics of the batch normalisations to the present weights' and fit the response match."""
        self.generator.finalise(self.typical)
        super().finalise()

    def loss(self, batch: Batch) -> Tensor:
        """The generator's loss: cross entropy of the verdict, errors of reconstructed and total energy, moments."""
        energy = batch.incidents["energy"]
        drawn = self.verdict(self._draw(batch), batch.incidents)
        cells = self.cells.thresholded(batch)
        profiles = self.profiles(cells, energy)
        return (
            self.weights.adversarial * cross_entropy(drawn.genuine, torch.ones_like(energy))
            + self.weights.energy * per_cent(drawn.energy, energy)
            + self.weights.total * per_cent(drawn.total, cells.sum(1, keepdim=True))
            + self.weights.moments * self.profiles.mismatch(profiles, drawn.profiles, self._conditions(batch.incidents))
        )

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """The discriminator's loss: cross entropy of the verdicts, and errors of the reconstructed energy.

        Some labels are flipped. The total energy is left out, since it does not depend on the discriminator's weights.
        """
        with torch.no_grad():
            drawn = self._draw(batch)
        samples = ((self.cells.heights(batch), 1.0), (drawn, 0.0))
        real, generated = (self._classification_loss(heights, batch, label) for heights, label in samples)
        return real + generated

    def _classification_loss(self, heights: Tensor, batch: Batch, label: float) -> Tensor:
        energy = batch.incidents["energy"]
        verdict = self.verdict(heights, batch.incidents)
        flipped = torch.rand_like(energy) < FLIPS
        labels = torch.where(flipped, 1 - label, label)
        entropy = cross_entropy(verdict.genuine, labels)
        return self.weights.adversarial * entropy + self.weights.energy * per_cent(verdict.energy, energy)

    def verdict(self, heights: Tensor, incidents: dict[str, Tensor]) -> Verdict:
        """Output of the discriminator for showers, which are given as heights (N, n_cells)."""
        energy = incidents["energy"]
        cells = self.cells.energies(heights, energy)
        total = cells.sum(1, keepdim=True)
        powers = (
            self.cells.powers(heights, energy) * (energy / self.domain.energy[1]) ** self.cells.power / self.image_unit
        )
        image = torch.stack([heights, powers], 2).unflatten(1, self.grid).permute(0, 4, 1, 2, 3)
        profiles = self.profiles(cells, energy)
        known = torch.cat([profiles, self._conditions(incidents)], 1)
        with self._training_numbers():
            logit, log_energy = self.discriminator(image, known, (total / self.cells.middle).clamp(min=LEAST).log())
        return Verdict(logit.float(), self.cells.middle * log_energy.float().exp(), total, profiles)

    def selection_loss(self, batch: Batch) -> Tensor:
        """Distance of drawn showers from Geant4's: the physics distance plus the distance of the images."""
        noise = torch.randn(len(batch), self.noise_size, device=batch.cells.device)
        drawn = self.sample(noise, **{name: batch.incidents[name] for name in self.inputs})
        cells, energy = self.cells.thresholded(batch), batch.incidents["energy"]
        return distance_at_energies(cells, drawn, energy, self.detector) + image_cost(cells, drawn, energy, self.grid)

    def draw(self, noise: Tensor, **incidents: Tensor) -> tuple[Tensor, ...]:
        """Thresholded cells (N, n_cells) [MeV], before the response match."""
        energy = incidents["energy"]
        latent, grains = noise[:, : self.latent], noise[:, self.latent :]
        images = self.generator(torch.cat([latent, self.conditions(**incidents)], 1), finalised=True)
        field = self._field(images, grains)
        cells: Tensor = self.cells.energies(functional.relu(self.cells.offset + field), energy)
        return (torch.where(cells >= self.cells.threshold, cells, 0.0),)

    def cells_of(self, energies: Tensor, drawn: tuple[Tensor, ...], **incidents: Tensor) -> Tensor:  # noqa: ARG002
        """Cells (N, n_cells) [MeV], thresholded after the response match."""
        return torch.where(energies >= self.cells.threshold, energies, 0.0)

    def optimiser_steps(self) -> tuple[OptimiserStep, ...]:
        """One update of the discriminator and two of the generator, both with RMSprop."""
        return (
            _optimiser_step("discriminator", self.discriminator, self.discriminator_loss, 1),
            _optimiser_step("generator", self.generator, self.loss, GENERATOR_STEPS),
        )

    def _draw(self, batch: Batch) -> Tensor:
        """Heights (N, n_cells) for the batch's incidents, with batch normalisation over this batch."""
        noise = torch.randn(len(batch), self.noise_size, device=batch.cells.device)
        latent, grains = noise[:, : self.latent], noise[:, self.latent :]
        with self._training_numbers():
            images = self.generator(torch.cat([latent, self._conditions(batch.incidents)], 1), finalised=False)
        heights: Tensor = self.cells(self._field(images.float(), grains), batch.incidents["energy"])
        return heights

    def _field(self, images: Tensor, grains: Tensor) -> Tensor:
        """Field (N, n_cells) of the generator's images and standard normal grains (N, n_cells), if any."""
        smooth: Tensor = (images[:, 0] - self.start[0]) / self.start[1]
        if not self.grain:
            return smooth
        width: Tensor = images[:, 1].clamp(max=1.0).exp()
        return SMOOTH * smooth + math.sqrt(1 - SMOOTH**2) * width * grains

    def _training_numbers(self) -> torch.autocast:
        return torch.autocast(self.typical.device.type, torch.bfloat16, enabled=self.short)

    def _conditions(self, incidents: dict[str, Tensor]) -> Tensor:
        conditions: Tensor = self.conditions(**{name: incidents[name] for name in self.inputs})
        return conditions


def _optimiser_step(name: str, network: nn.Module, loss: Callable[[Batch], Tensor], repeat: int) -> OptimiserStep:
    optimiser = partial(torch.optim.RMSprop, alpha=0.9, eps=1e-7)
    return OptimiserStep(name, list(network.parameters()), loss, repeat, optimiser)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean binary cross entropy of logits."""
    return functional.binary_cross_entropy_with_logits(logits, labels)


def per_cent(values: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error of values in per cent of their targets."""
    return 100 * ((values - targets).abs() / targets.clamp(min=LEAST)).mean()
