"""The variational autoencoder of ATLAS (ATL-SOFT-PUB-2018-001, arXiv:2210.06204), conditioned on the incident.

An encoder maps a shower to a few latent numbers. A decoder gives the distribution of showers with these latent numbers.
New showers are decoded from normal latent numbers. The loss has the four terms of the ATLAS design.
"""

import torch
from torch import Tensor, nn

from caloforge.detector import Detector
from caloforge.models.base import Batch, OptimiserStep
from caloforge.models.matched import ResponseMatched
from caloforge.models.parts.hit_cells import HitCells
from caloforge.models.parts.impact import ImpactConditions
from caloforge.models.parts.layer_scores import LayerScores, cell_cut
from caloforge.models.parts.networks import dense
from caloforge.models.vae.config import VAEConfig
from caloforge.showers import Showers
from caloforge.showers.domain import Domain

LOG_WIDTHS = (-5.0, 2.0)  # range of the log widths of the encoder's and the decoder's normal distributions
NAT = 1e-4  # unit of the reconstruction term; with it, the published weights give the evidence lower bound


class VAEModel(ResponseMatched):
    """Variational autoencoder; the features of a shower are the normal scores of its layers and cells."""

    def __init__(self, config: VAEConfig, detector: Detector, domain: Domain) -> None:
        n = len(detector.layers) + detector.n_cells
        super().__init__(detector, domain, config.latent + n)
        self.latent, self.weights = config.latent, config.weights
        self.cut = cell_cut(detector)
        self.conditions = ImpactConditions(detector, domain)
        self.layers = LayerScores(detector, domain)
        self.hits = HitCells(detector, self.cut)
        given = self.conditions.size
        self.encoder = dense([n + given, *config.hidden, 2 * config.latent], nn.ELU, bias=1.0)
        self.decoder = dense([config.latent + given, *reversed(config.hidden), 2 * n], nn.ELU, bias=1.0)

    def fit_transforms(self, showers: Showers) -> None:
        """Fit the scores of layers and cells."""
        batch = Batch.of(showers)
        self.layers.fit(batch.cells, batch.incidents["energy"])
        self.hits.fit(batch.cells, self.symmetry_classes)

    def optimiser_steps(self) -> tuple[OptimiserStep, ...]:
        """One optimiser step with RMSprop."""
        return (OptimiserStep("loss", list(self.parameters()), self.loss, optimiser=torch.optim.RMSprop),)

    def loss(self, batch: Batch) -> Tensor:
        """The weighted sum of the four terms."""
        energy, conditions = batch.incidents["energy"], self.conditions(**batch.incidents)
        uniform = torch.rand_like(batch.cells)
        x = torch.cat([self.layers(batch.cells, energy), self.hits(batch.cells, uniform)], 1)
        mean, log_width = self.encode(x, conditions)
        latent = mean + log_width.exp() * torch.randn_like(mean)
        decoded, log_spread = self.decode(latent, conditions)
        reconstruction = -NAT * log_normal(x, decoded, log_spread).sum(1).mean()
        terms = self.energy_terms(self.layers.sums(batch.cells), decoded, energy)
        weights = self.weights
        divergence = kl_divergence(mean, log_width).mean()
        return weights.reconstruction * reconstruction + weights.kl * divergence + terms

    def encode(self, x: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log widths (N, latent) of the latent numbers of showers x (N, n_layers + n_cells)."""
        mean, log_width = self.encoder(torch.cat([x, conditions], 1)).chunk(2, 1)
        return mean, log_width.clamp(*LOG_WIDTHS)

    def decode(self, latent: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log widths (N, n_layers + n_cells) of the features of showers with latent numbers (N, latent)."""
        mean, log_width = self.decoder(torch.cat([latent, conditions], 1)).chunk(2, 1)
        return mean, log_width.clamp(*LOG_WIDTHS)

    def energy_terms(self, layers: Tensor, decoded: Tensor, energy: Tensor) -> Tensor:
        """Weighted terms of total energy and layer fractions."""
        ours = self.layers.inverse(decoded[:, : layers.shape[1]], energy)
        least = 1e-6 * energy
        ratio = ours.sum(1, keepdim=True).clamp(min=least) / layers.sum(1, keepdim=True).clamp(min=least)
        off = (_fractions(ours) - _fractions(layers)).square().mean(0)
        weights = off.new_tensor(self.weights.fractions[-len(off) :])
        return self.weights.total * ratio.log().square().mean() + (weights * off[-len(weights) :]).sum()

    def draw(self, noise: Tensor, **incidents: Tensor) -> tuple[Tensor, ...]:
        """Layer energies (N, n_layers) [MeV] and cell scores (N, n_cells)."""
        latent, spread = noise.split([self.latent, noise.shape[1] - self.latent], 1)
        mean, log_width = self.decode(latent, self.conditions(**incidents))
        scores, cells = (mean + log_width.exp() * spread).tensor_split([len(self.detector.layers)], 1)
        return self.layers.inverse(scores, incidents["energy"]), cells

    def cells_of(self, energies: Tensor, drawn: tuple[Tensor, ...], **incidents: Tensor) -> Tensor:  # noqa: ARG002
        """Cells (N, n_cells) [MeV] of layer energies and cell scores."""
        (scores,) = drawn
        return self.hits.distribute(scores, energies)


def kl_divergence(mean: Tensor, log_width: Tensor) -> Tensor:
    """Kullback-Leibler divergence (N,) of independent normals with means and log widths (N, latent) from standard ones.

    Source: Kingma and Welling, arXiv:1312.6114, appendix B.
    """
    return 0.5 * (mean.square() + (2 * log_width).exp() - 1 - 2 * log_width).sum(1)


def log_normal(x: Tensor, mean: Tensor, log_width: Tensor) -> Tensor:
    """Log density of each number under a normal distribution, without the constant term."""
    return -0.5 * ((x - mean) * (-log_width).exp()).square() - log_width


def _fractions(layers: Tensor) -> Tensor:
    return layers / layers.sum(1, keepdim=True).clamp(min=1e-12)
