"""Layer energies as standard normal numbers at every incident energy, and cells that sum to them."""

import math

import torch
from torch import Tensor, nn

from caloforge.detector import Detector
from caloforge.models.transforms import LayerShares, layer_sums
from caloforge.showers.domain import Domain

LEAST_CELL = 1e-3  # MeV, below which cells are not learned where the detector has no higher threshold
LEAST_SHARE = 1e-5  # of a shower's energy, below which a layer counts as empty
LEAST_RESPONSE = 1e-6  # in place of that of a shower that leaves nothing
MEAN_LOG_NORMAL = -0.6351814  # mean of log |x| of a standard normal x: -(Euler's gamma + log 2) / 2
UNHIT = 1e-9  # weight of cells below the cut, so that a layer without any above it still gets its energy
LEAST_SUM = 1e-30  # MeV, so that an empty layer has a sum to divide by


class LayerScores(nn.Module):
    """Log response and log ratios of layers to all deeper ones, standardised at their energy, then normal scores.

    Mean and log width of each ratio are parabolas in the logarithm of the incident energy: the response to a photon of
    1 GeV is ten times wider than to one of 260 GeV, and both shall be one standard deviation.
    """

    mean: Tensor
    log_width: Tensor
    cell_layer: Tensor

    def __init__(self, detector: Detector, domain: Domain) -> None:
        super().__init__()
        n = len(detector.layers)
        self.detector = detector
        self.shares = LayerShares(n, detector.readout.sampling_fraction, 0.0)
        low, high = (math.log(energy) for energy in domain.energy)
        self.centre, self.half_range = (low + high) / 2, (high - low) / 2 or 1.0
        self.register_buffer("mean", torch.zeros(3, n))
        self.register_buffer("log_width", torch.zeros(3, n))
        self.register_buffer("cell_layer", torch.from_numpy(detector.cell_layer), persistent=False)

    def sums(self, cells: Tensor) -> Tensor:
        """Layer energies (N, n_layers) of cells (N, n_cells)."""
        return layer_sums(cells, self.detector)

    def fit(self, cells: Tensor, energy: Tensor) -> None:
        """Fit to cells (N, n_cells) and incident energies (N, 1) [MeV]."""
        ratios, basis = self._ratios(cells, energy).double(), self._basis(energy).double()
        self.mean.copy_(_least_squares(basis, ratios))
        off = (ratios - basis @ self.mean.double()).abs().clamp(min=1e-6)
        self.log_width.copy_(_least_squares(basis, off.log() - MEAN_LOG_NORMAL))
        scaled = (ratios - basis @ self.mean.double()) / (basis @ self.log_width.double()).exp()
        self.shares.quantiles.fit(list(scaled.T), torch.zeros(len(self.detector.layers)))

    def forward(self, cells: Tensor, energy: Tensor) -> Tensor:
        """Scores (N, n_layers) of cells (N, n_cells) [MeV]; empty layers are noise below their least share."""
        basis = self._basis(energy)
        scaled = (self._ratios(cells, energy) - basis @ self.mean) / (basis @ self.log_width).exp()
        scores: Tensor = self.shares.quantiles(scaled)
        return scores

    def inverse(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV], zero below the least share."""
        basis = self._basis(energy)
        scaled = self.shares.quantiles.inverse(scores)
        layers = self.shares.layers(basis @ self.mean + scaled * (basis @ self.log_width).exp(), energy)
        return torch.where(layers >= LEAST_SHARE * layers.sum(1, keepdim=True), layers, 0.0)

    def share_out(self, weights: Tensor, layers: Tensor, cut: float) -> Tensor:
        """Cells (N, n_cells) in the ratios of their weights that sum to the layers (N, n_layers) [MeV].

        Cells below the cut [MeV] are empty and leave their energy to the others, where the layer has any above it.
        """
        cells = weights * (layers / self.sums(weights)).index_select(1, self.cell_layer)
        hit = torch.where(cells >= cut, cells, UNHIT * cells)
        sums = self.sums(hit).clamp(min=LEAST_SUM)  # not a number added to the cells: the exporter drops one so small
        cells = hit * (layers / sums).index_select(1, self.cell_layer)
        return torch.where(cells >= cut, cells, 0.0)

    def _basis(self, energy: Tensor) -> Tensor:
        t = (energy.log() - self.centre) / self.half_range
        return torch.cat([torch.ones_like(t), t, t.square()], 1)

    def _ratios(self, cells: Tensor, energy: Tensor) -> Tensor:
        layers = self.sums(cells)
        total = layers.sum(1, keepdim=True).clamp(min=LEAST_RESPONSE * energy)
        noise = LEAST_SHARE * total * (1 - torch.rand_like(layers))
        return self.shares.ratios(torch.where(layers < LEAST_SHARE * total, noise, layers), energy)


def cell_cut(detector: Detector) -> float:
    """Energy [MeV] below which a cell counts as empty."""
    return max(detector.readout.threshold, LEAST_CELL)


def _least_squares(basis: Tensor, values: Tensor) -> Tensor:
    """Coefficients (3, K); those of least size where the incident energies do not tell all three."""
    solution: Tensor = torch.linalg.lstsq(basis, values, driver="gelsd").solution
    return solution
