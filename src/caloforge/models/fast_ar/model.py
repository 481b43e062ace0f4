"""FAST.AR: showers layer by layer; each cell follows a mixture given all earlier layers (Ifrim et al., CERN EP-SFT).

The factorisation is p(layers | incident) times the product over layers z and their cells i of
p(x_zi | all cells before layer z, numbers of layer z, incident). Flow I first draws the energy of every layer and its
shape (hits, centre, width, mean radius). Sampling then takes one network pass per layer instead of one per cell.
Residual correlations within a layer are not modelled. The cells of a layer are then reweighted ("tilted") to its shape
and normalised to its energy.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from caloforge.detector import Detector
from caloforge.models.base import Batch, Conditions, OptimiserStep, shared_grid
from caloforge.models.fast_ar.cell_scale import CellScale, Scale
from caloforge.models.fast_ar.config import FastArConfig
from caloforge.models.fast_ar.masked_convolutions import BlockedNetwork, State
from caloforge.models.fast_ar.mixtures import LogisticMixture
from caloforge.models.fast_ar.tilt import moments, target_means, tilted
from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.matched import ResponseMatched
from caloforge.models.parts.hit_cells import empty_weights
from caloforge.models.parts.loops import loop
from caloforge.models.parts.transforms import LayerShapes, LayerShares
from caloforge.showers import Showers
from caloforge.showers.domain import Domain

FITTED = 4000  # showers that the transforms are fitted to
RAMP = 0.05  # log energy over which a cell below the threshold fades, so that rounding changes its layer little
FULL = -0.01  # log of the share of its layer above which a cell holds all of it


class LayerNumbers(NamedTuple):
    """Quantities of layers that are drawn before their cells.

    Attributes:
        incident: kinetic energy of the incident (N, Z) [MeV].
        energy: energy of each layer (N, Z) [MeV].
        shapes: normal scores (N, Z, 6) of hits, centre and width in x and y, mean radius.
        means: energy-weighted means (N, Z, 5) of the cells' moments, in a layer with these shapes.
        conditions: conditions of the network (N, Z, embedding).
        scale: scale of the cells' log shares.
    """

    incident: Tensor
    energy: Tensor
    shapes: Tensor
    means: Tensor
    conditions: Tensor
    scale: Scale

    def of(self, layers: Tensor) -> "LayerNumbers":
        """The quantities of the layers with these indices."""
        incident, energy, shapes, means, conditions = (part.index_select(1, layers) for part in self[:5])
        return LayerNumbers(incident, energy, shapes, means, conditions, self.scale.of(layers))


class FastArModel(ResponseMatched):
    """Layers given the incident, then cells layer by layer given the earlier layers.

    Raises:
        InputError: the layers of the detector do not share one grid.
    """

    parts_apart = True

    def __init__(self, config: FastArConfig, detector: Detector, domain: Domain) -> None:
        grid, depth, shapes = shared_grid(detector, "fast-ar"), len(detector.layers), LayerShapes(detector, radius=True)
        for_layers = depth + shapes.size
        super().__init__(detector, domain, for_layers + detector.n_cells, for_layers)
        self.shape, self.area, self.half_width = (depth, *grid.shape), math.prod(grid.shape), grid.half_extent
        self.layer_updates = config.layer_updates
        self.conditions = Conditions(domain)
        self.shapes = shapes
        self.shares = LayerShares(depth, detector.readout.sampling_fraction, detector.threshold)
        self.cell_scale = CellScale(depth, self.area)
        self.layer_flow = CouplingFlow(for_layers, self.conditions.size, **config.layers.model_dump())
        self.embedding = nn.Sequential(
            nn.Linear(self.conditions.size + 1 + shapes.per_layer + depth, config.embedding),
            nn.SiLU(),
            nn.Linear(config.embedding, config.embedding),
        )
        self._register_maps(detector, config.mixtures)
        self.network = BlockedNetwork(
            4, 3 * config.mixtures + 1, places=self.places.shape[2], widths=config.widths, blocks=config.blocks,
            conditions=config.embedding, circular=grid.closes,
        )  # fmt: skip

    places: Tensor
    moments: Tensor
    directions: Tensor
    layer_scale: Tensor
    first_guess: Tensor

    def _register_maps(self, detector: Detector, mixtures: int) -> None:
        """Register positions of cells and the initial parameters of the mixtures."""
        centres = torch.from_numpy(detector.cell_centres[: self.area, :2]).float()
        radius = centres.norm(dim=1)
        directions = (centres / radius.clamp(min=1e-6 * self.half_width)[:, None]).T
        size = radius / self.half_width
        places = torch.stack([size, (size + 0.01).log() + 1])
        places = places if self.domain.symmetric else torch.cat([places, directions])
        self.register_buffer("directions", directions, persistent=False)
        self.register_buffer("moments", moments(centres / self.half_width), persistent=False)
        self.register_buffer("places", places.T.reshape(*self.shape[1:], -1), persistent=False)
        guess = [torch.tensor([0.0] + mixtures * [-math.log(mixtures)]), torch.linspace(-1.5, 1.0, mixtures),
                 torch.full((mixtures,), math.log(0.4))]  # fmt: skip
        self.register_buffer("first_guess", torch.cat(guess)[:, None], persistent=False)
        self.register_buffer("layer_scale", torch.stack([torch.zeros(self.shape[0]), torch.ones(self.shape[0])]))

    @property
    def _floor(self) -> float:
        """Energy [MeV] below which a cell or layer is empty."""
        return self.shares.floor

    def fit_transforms(self, showers: Showers) -> None:
        """Fit the normal scores of layers and the scales of cells, pooled over the detector's symmetries."""
        some = np.random.default_rng(0).permutation(len(showers))[:FITTED]  # no stride: labels may alternate
        batch = Batch.of(showers[np.sort(some)])
        cells = self._hits(batch)
        layers = self._layers(cells)
        self.shares.fit(layers, batch.incidents["energy"])
        self.shapes.fit(cells.flatten(1))
        shares = (layers / batch.incidents["energy"]).log()
        self.layer_scale.copy_(torch.stack([shares.mean(0), shares.std(0).clamp(min=1e-3)]))
        self.cell_scale.fit((cells / layers[:, :, None]).log(), self.symmetry_classes)

    def total(self, energies: Tensor) -> Tensor:
        """Energy (N, 1) [MeV] of layers (N, Z), without layers below the threshold, which cannot have a hit."""
        return torch.where(energies >= self._floor, energies, 0.0).sum(1, keepdim=True)

    def optimiser_steps(self) -> tuple[OptimiserStep, ...]:
        """Updates of flow I (`layer_updates` of them), then one of the network of the cells."""
        cells = [*self.embedding.parameters(), *self.network.parameters()]
        return (
            OptimiserStep("layers", list(self.layer_flow.parameters()), self.layer_loss, self.layer_updates),
            OptimiserStep("cells", cells, self.cell_loss),
        )

    def loss(self, batch: Batch) -> Tensor:
        """Negative log likelihood per cell: that of the layers, plus that of the cells given the layers."""
        return self.layer_loss(batch) + self.cell_loss(batch)

    def layer_loss(self, batch: Batch) -> Tensor:
        """Negative log likelihood of flow I, per cell."""
        drawn, _ = self._drawn(batch, self._hits(batch))
        density = self.layer_flow.log_density(drawn, self.conditions(**batch.incidents))
        return -density.mean() / self.detector.n_cells

    def cell_loss(self, batch: Batch) -> Tensor:
        """Negative log likelihood of the cells given the layers, per cell."""
        cells = self._hits(batch)
        numbers = self._numbers(*self._drawn(batch, cells), **batch.incidents)
        before = torch.cat([torch.zeros_like(cells[:, :1]), cells[:, :-1]], 1)
        mixture, _ = self.mixture(before, numbers, self.network.start(len(cells), *self.shape[1:]))
        return -self.log_likelihood(mixture, cells, numbers).sum((1, 2)).mean() / self.detector.n_cells

    def log_likelihood(self, mixture: LogisticMixture, cells: Tensor, numbers: LayerNumbers) -> Tensor:
        """Log p of each cell's log share (N, Z, cells): a probability for empty and full cells, else a density.

        Args:
            mixture: distributions of the standardised log shares.
            cells: energies (N, Z, cells) [MeV], zero below the threshold.
            numbers: quantities of their layers.
        """
        empty = cells < self._floor
        share = (cells.clamp(min=self._floor) / numbers.energy[:, :, None]).log()
        full = ~empty & (share > FULL)
        value = (share.clamp(max=FULL) - numbers.scale.centre) / numbers.scale.width
        jacobian = torch.where(empty | full, 0.0, numbers.scale.width.log())
        return mixture.log_likelihood(value, empty, full) - jacobian

    def mixture(self, before: Tensor, numbers: LayerNumbers, state: State) -> tuple[LogisticMixture, State]:
        """Mixtures of the cells of layers, and the network's state after these layers.

        Args:
            before: energies (N, Z, cells) [MeV] of the layer before each layer, zero before the first.
            numbers: quantities of the layers.
            state: state of the network after the earlier layers.
        """
        raw, state = self.network(self._inputs(before, numbers), self.places, numbers.conditions, state)
        raw = raw.flatten(2, 3).transpose(2, 3) + self.first_guess
        empty = raw[:, :, :1] + numbers.scale.emptiness[:, None]
        return LogisticMixture(torch.cat([empty, raw[:, :, 1:]], 2)), state

    def _inputs(self, before: Tensor, numbers: LayerNumbers) -> Tensor:
        """Channels (N, Z, A, B, 4): log and root of the previous layer's cells, and centre and width of this layer."""
        energy = numbers.incident[:, :, None]
        logarithm = (before.clamp(min=self._floor) / self._floor).log() / (energy / self._floor).log()
        root = 4 * (before.clamp(min=self._floor) / energy).sqrt()
        centre = numbers.shapes[:, :, 1:3] @ self.directions
        width = numbers.shapes[:, :, 3:5] @ self.directions.square()
        channels = torch.stack([logarithm, root, centre, width], 3)
        return channels.reshape(-1, before.shape[1], *self.shape[1:], 4)

    def draw(self, noise: Tensor, **incidents: Tensor) -> tuple[Tensor, ...]:
        """Layer energies (N, Z) [MeV], all numbers that flow I draws, and the noise of the cells."""
        for_layers, for_cells = noise.split([self.match_noise, noise.shape[1] - self.match_noise], 1)
        drawn = self.layer_flow.inverse(for_layers, self.conditions(**incidents))
        layers = self.shares.inverse(drawn[:, : self.shape[0]], incidents["energy"])
        return layers, drawn, for_cells

    def cells_of(self, energies: Tensor, drawn: tuple[Tensor, ...], **incidents: Tensor) -> Tensor:
        """Thresholded cells (N, n_cells) [MeV], by one pass of the network per layer."""
        layer_numbers, for_cells = drawn
        numbers = self._numbers(layer_numbers, energies, **incidents)
        for_cells = for_cells.reshape(-1, *self.cell_scale.centre.shape)

        def layer(carry: list[Tensor], row: list[Tensor]) -> tuple[list[Tensor], Tensor]:
            z = row[0].reshape(1)
            own = numbers.of(z)
            mixture, state = self.mixture(carry[0], own, carry[1:])
            cells = self._draw(mixture, for_cells.index_select(1, z), own)
            return [cells, *state], cells.clone()

        start = [torch.zeros_like(for_cells[:, :1]), *self.network.start(energies.shape[0], *self.shape[1:])]
        return loop(layer, start, [torch.arange(self.shape[0])]).squeeze(2).transpose(0, 1).flatten(1)

    def _draw(self, mixture: LogisticMixture, noise: Tensor, numbers: LayerNumbers) -> Tensor:
        """Cells (N, Z, cells) [MeV] that sum to the layer energies and have nearly the drawn shapes.

        In a layer with energy but no hit, the cell nearest to the threshold takes the energy.
        """
        layers = numbers.energy[:, :, None]
        value, filled = mixture.quantile(noise)
        share = (value * numbers.scale.width + numbers.scale.centre).clamp(max=0.0)
        above = share - (self._floor / layers).log()
        weights = torch.where(filled, share.exp() * (1 + above / RAMP).clamp(0.0, 1.0), 0.0) + empty_weights(above)
        cells = layers * tilted(weights, self.moments, numbers.means)
        return torch.where(cells >= self._floor, cells, 0.0)

    def _hits(self, batch: Batch) -> Tensor:
        """Cells (N, Z, cells) [MeV], zero below the threshold."""
        return torch.where(batch.cells >= self._floor, batch.cells, 0.0).reshape(-1, self.shape[0], self.area)

    def _layers(self, cells: Tensor) -> Tensor:
        """Layer energies (N, Z) [MeV]; those of empty layers are uniform up to the threshold."""
        layers = cells.sum(2)
        return torch.where(layers < self._floor, self._floor * (1 - torch.rand_like(layers)), layers)

    def _drawn(self, batch: Batch, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Data of flow I (N, Z + 6 Z), and the layer energies (N, Z) [MeV] in it."""
        layers = self._layers(cells)
        shares = self.shares(layers, batch.incidents["energy"])
        return torch.cat([shares, self.shapes(cells.flatten(1))], 1), layers

    def _numbers(self, drawn: Tensor, layers: Tensor, **incidents: Tensor) -> LayerNumbers:
        depth, energy = self.shape[0], incidents["energy"]
        shapes = drawn[:, depth:].unflatten(1, (depth, self.shapes.per_layer))
        means = target_means(self.shapes.inverse(drawn[:, depth:])[:, :, 1:] / self.half_width)
        share = ((layers / energy).log() - self.layer_scale[0]) / self.layer_scale[1]
        conditions = self.conditions(**incidents)[:, None].expand(-1, depth, -1)
        which = torch.eye(depth, device=drawn.device).expand(drawn.shape[0], -1, -1)
        own = torch.cat([share[:, :, None], shapes, conditions, which], 2)
        conditions = silu(self.embedding(own))
        return LayerNumbers(energy.expand(-1, depth), layers, shapes, means, conditions, self.cell_scale.scale)
