"""Normal scores of layer energies, some of which are empty, and the inverse transform."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.special import ndtr

from caloforge.models.parts.folded_layers import CERTAIN, FoldedHitLayers
from caloforge.models.parts.normal_scores import NormalScores, enough, to_normal
from caloforge.models.parts.transforms import LEAST_ENERGY, logistic

LEAST_RATIO = 1e-30  # MeV, in place of an empty layer


class HitLayers(nn.Module):
    """Transform of layer energies [MeV] to unbounded numbers, given the incident energy, and back.

    The numbers are normal scores of the logarithm of the response and of the logit of E_l / (E_l + ... + E_last) for
    each layer. They describe the visible energy and its division in depth. Source: CaloFlow (arXiv:2106.05285,
    equation 8).

    A layer may be empty: its number is then noise below the scores of layers with hits, so that neighbouring layers
    that are empty together have low numbers together. The last layer with hits holds all that is left, and its number
    is noise above the score of empty layers. All numbers are standard normal over the training showers.

    Args:
        n_layers: number of layers.
        sampling_fraction: that of the detector.
        floor: energy [MeV] below which a shower counts as one of this energy, and a drawn layer as empty.

    Attributes:
        edge: scores (n_layers,) below which a layer is empty; minus infinity if it never is.
    """

    edge: Tensor

    def __init__(self, n_layers: int, sampling_fraction: float, floor: float) -> None:
        super().__init__()
        self.size = n_layers + 1
        self.sampling_fraction = sampling_fraction
        self.floor = max(floor, LEAST_ENERGY)
        self.quantiles = NormalScores(self.size)
        self.register_buffer("edge", torch.full((n_layers,), -math.inf))

    def fit(self, layers: Tensor, energy: Tensor) -> None:
        """Fit to layer energies (N, n_layers), zero if empty, and incident energies (N, 1) [MeV]."""
        free = self.ratios(layers.double(), energy.double())
        hit, last = _hit_and_last(layers)
        samples = [enough(column[rows]) for column, rows in zip(free.T[1:], (hit & ~last).T, strict=True)]
        absent = 1 - hit.double().mean(0)
        self.quantiles.fit([free[:, 0], *samples], F.pad(absent, (1, 0)))
        self.edge.copy_(torch.where(absent > 0, self.quantiles.first[1:], -math.inf))

    def ratios(self, layers: Tensor, energy: Tensor) -> Tensor:
        """Log response, and log ratios of each layer to the sum of all deeper layers (N, n_layers + 1)."""
        response = layers.sum(1, keepdim=True).clamp(min=self.floor) / (self.sampling_fraction * energy)
        ratio = layers.clamp(min=LEAST_RATIO) / _deeper(layers).clamp(min=LEAST_RATIO)
        return torch.cat([response, ratio], 1).log()

    def forward(self, layers: Tensor, energy: Tensor) -> Tensor:
        """Scores (N, n_layers + 1) of layer energies (N, n_layers) and incident energies (N, 1) [MeV]."""
        response, scores = self.quantiles(self.ratios(layers, energy)).split([1, len(self.edge)], 1)
        hit, last = _hit_and_last(layers)
        scores = torch.maximum(scores, self.edge)
        uniform, absent = 1 - torch.rand_like(scores), ndtr(self.edge)
        scores = torch.where(last, -to_normal(uniform * (1 - absent)), scores)
        scores = torch.where(hit | self.edge.isinf(), scores, to_normal(uniform * absent))
        return torch.cat([response, scores], 1)

    def inverse(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV] of scores (N, n_layers + 1) and incident energies (N, 1) [MeV].

        If the scores leave all layers empty, the last one holds the energy.
        """
        free = self.quantiles.inverse(scores)
        hit = scores[:, 1:] >= self.edge
        behind = hit.flip(1).cumsum(1).flip(1) - hit.long()
        ratio = torch.where(hit, torch.where(behind > 0, free[:, 1:], CERTAIN), -CERTAIN)
        left = free[:, :1].exp() * self.sampling_fraction * energy
        layers = []
        for one in ratio.split(1, 1)[:-1]:
            layers.append(left * logistic(one))
            left = left * logistic(-one)
        return torch.cat([*layers, left], 1)

    def folded(self) -> FoldedHitLayers:
        """The inverse alone, for exported graphs."""
        return FoldedHitLayers(self.quantiles.folded(), self.edge, self.sampling_fraction, self.floor)


def _deeper(layers: Tensor) -> Tensor:
    """Energies (N, n_layers) behind each layer."""
    return F.pad(layers.flip(1).cumsum(1).flip(1)[:, 1:], (0, 1))


def _hit_and_last(layers: Tensor) -> tuple[Tensor, Tensor]:
    """Whether each layer (N, n_layers) has energy, and whether it is the last that has."""
    hit = layers > 0
    return hit, hit & (_deeper(layers) <= 0)
