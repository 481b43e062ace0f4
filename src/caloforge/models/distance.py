"""A physics distance between showers: what picks the weights of models without a likelihood."""

import torch
from torch import Tensor

from caloforge.detector import Detector
from caloforge.models.transforms import layer_sums

GROUPS = 4  # ranges of incident energy, since widths change with it
LEAST = 1e-12


def physics_distance(real: Tensor, generated: Tensor, detector: Detector) -> Tensor:
    """Distance of two samples of showers: response, depth, layers and cells each count once.

    The sum of the Wasserstein distances of the total energy, of the longitudinal centre and of the layer fractions
    (mean over layers), each in standard deviations of the real showers, and of the relative difference of the mean
    cells. Both samples are cells (N, n_cells), as many of both, in units of each shower's incident energy, so that
    their sum is the response.
    """
    moved = _wasserstein(_observables(real, detector), _observables(generated, detector))
    mean = real.mean(0)
    cells = (generated.mean(0) - mean).abs().sum() / mean.sum().clamp(min=LEAST)
    return moved[0] + moved[1:-1].mean() + moved[-1] + cells


def distance_at_energies(real: Tensor, generated: Tensor, energy: Tensor, detector: Detector) -> Tensor:
    """Mean physics distance over ranges of incident energy that hold equally many showers.

    Row i of both samples, cells (N, n_cells) [MeV], has the incident energy of row i of `energy` (N, 1) [MeV].
    """
    order = energy[:, 0].argsort(stable=True)
    groups = order.tensor_split(min(GROUPS, len(order)))
    parts = [physics_distance(real[g] / energy[g], generated[g] / energy[g], detector) for g in groups]
    return torch.stack(parts).mean()


def _observables(cells: Tensor, detector: Detector) -> Tensor:
    """Total, layer fractions and longitudinal centre [mm] of showers (N, n_layers + 2)."""
    layers = layer_sums(cells, detector)
    total = layers.sum(1, keepdim=True)
    fractions = layers / total.clamp(min=LEAST)
    depths = cells.new_tensor([layer.z for layer in detector.layers])
    return torch.cat([total, fractions, fractions @ depths[:, None]], 1)


def _wasserstein(real: Tensor, generated: Tensor) -> Tensor:
    """Wasserstein distance of each column (K,) of equally large samples (N, K), in standard deviations of the real one.

    In one dimension the best transport pairs the sorted values.
    """
    moved = (real.sort(0).values - generated.sort(0).values).abs().mean(0)
    width = real.std(0, correction=0)
    return moved / torch.where(width > LEAST, width, 1.0)
