"""A physics distance between samples of showers, which selects the weights of models without a likelihood."""

import torch
from torch import Tensor

from caloforge.detector import Detector
from caloforge.models.parts.layer_scores import cell_cut
from caloforge.models.parts.transforms import layer_sums

GROUPS = 4  # ranges of incident energy, since widths change with it
LEAST = 1e-12


def physics_distance(real: Tensor, generated: Tensor, energy: Tensor, detector: Detector) -> Tensor:
    """Distance between two samples of showers in response, depth, hits, layers and cells, with equal weights.

    The distance is a sum of five terms. Four are Wasserstein distances in standard deviations of the real showers:
    those of the response, the longitudinal centre, the share of hit cells, and the layer fractions (mean over layers).
    The fifth is the relative difference of the mean cells over the incident energy.

    Args:
        real: cells of Geant4's showers (N, n_cells) [MeV].
        generated: cells of generated showers (N, n_cells) [MeV].
        energy: incident energies of both samples (N, 1) [MeV].
        detector: detector that has the cells.
    """
    moved = _wasserstein(*(_observables(cells, energy, detector) for cells in (real, generated)))
    mean, drawn = ((cells / energy).mean(0) for cells in (real, generated))
    cells = (drawn - mean).abs().sum() / mean.sum().clamp(min=LEAST)
    return moved[:3].sum() + moved[3:].mean() + cells


def distance_at_energies(real: Tensor, generated: Tensor, energy: Tensor, detector: Detector) -> Tensor:
    """Mean physics distance over ranges of incident energy with equally many showers.

    Args:
        real: cells of Geant4's showers (N, n_cells) [MeV].
        generated: cells of generated showers (N, n_cells) [MeV].
        energy: incident energies of both samples (N, 1) [MeV].
        detector: detector that has the cells.
    """
    order = energy[:, 0].argsort(stable=True)
    groups = order.tensor_split(min(GROUPS, len(order)))
    parts = [physics_distance(real[g], generated[g], energy[g], detector) for g in groups]
    return torch.stack(parts).mean()


def _observables(cells: Tensor, energy: Tensor, detector: Detector) -> Tensor:
    """Response, longitudinal centre [mm], share of hit cells and layer fractions of showers (N, 3 + n_layers)."""
    layers = layer_sums(cells, detector)
    total = layers.sum(1, keepdim=True)
    fractions = layers / total.clamp(min=LEAST)
    depths = cells.new_tensor([layer.z for layer in detector.layers])
    hits = (cells >= cell_cut(detector)).to(cells.dtype).mean(1, keepdim=True)
    return torch.cat([total / energy, fractions @ depths[:, None], hits, fractions], 1)


def _wasserstein(real: Tensor, generated: Tensor) -> Tensor:
    """Wasserstein distance (K,) of each column of two samples (N, K), in standard deviations of the real sample.

    In one dimension the best transport pairs the sorted values.
    """
    moved = (real.sort(0).values - generated.sort(0).values).abs().mean(0)
    width = real.std(0, correction=0)
    return moved / torch.where(width > LEAST, width, 1.0)
