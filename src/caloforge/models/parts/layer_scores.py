"""Normal scores of layer energies, standardised at each incident energy, and cells that sum to the layer energies."""

import torch
from torch import Tensor

from caloforge.detector import Detector
from caloforge.models.parts.energy_scale import EnergyScale
from caloforge.models.parts.transforms import LayerShares, layer_sums
from caloforge.showers.domain import Domain

LEAST_CELL = 1e-3  # MeV; cells below it are not learned, even if the detector has no threshold
LEAST_SHARE = 1e-5  # share of a shower's energy below which a layer counts as empty
LEAST_RESPONSE = 1e-6  # response of a shower without energy, whose logarithm must exist
UNHIT = 1e-9  # weight of cells below the cut, so that a layer without a hit still gets its energy
LEAST_SUM = 1e-30  # MeV; least sum of a layer, so that it can be divided by


class LayerScores(EnergyScale):
    """Normal scores of log response and log ratios of layers to all deeper ones, standardised at each energy.

    Mean and log width of each ratio are parabolas in the logarithm of the incident energy, since widths depend on it:
    the response to photons of 1 GeV is ten times wider than to photons of 260 GeV.
    """

    cell_layer: Tensor

    def __init__(self, detector: Detector, domain: Domain) -> None:
        n = len(detector.layers)
        super().__init__(n, domain)
        self.detector = detector
        self.shares = LayerShares(n, detector.readout.sampling_fraction, 0.0)
        self.register_buffer("cell_layer", torch.from_numpy(detector.cell_layer), persistent=False)

    def sums(self, cells: Tensor) -> Tensor:
        """Layer energies (N, n_layers) of cells (N, n_cells)."""
        return layer_sums(cells, self.detector)

    def fit(self, cells: Tensor, energy: Tensor) -> None:
        """Fit to cells (N, n_cells) and incident energies (N, 1) [MeV]."""
        ratios = self._ratios(cells, energy).double()
        self.fit_scale(ratios, energy)
        scaled = self.scaled(ratios, energy)
        self.shares.quantiles.fit(list(scaled.T), torch.zeros(len(self.detector.layers)))

    def forward(self, cells: Tensor, energy: Tensor) -> Tensor:
        """Scores (N, n_layers) of cells (N, n_cells) [MeV]; those of empty layers are noise below the least share."""
        scores: Tensor = self.shares.quantiles(self.scaled(self._ratios(cells, energy), energy))
        return scores

    def inverse(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV], zero below the least share."""
        scaled = self.shares.quantiles.inverse(scores)
        layers = self.shares.layers(self.unscaled(scaled, energy), energy)
        return torch.where(layers >= LEAST_SHARE * layers.sum(1, keepdim=True), layers, 0.0)

    def distribute(self, weights: Tensor, layers: Tensor, cut: float) -> Tensor:
        """Cells (N, n_cells) [MeV] proportional to weights (N, n_cells); they sum to the layers (N, n_layers) [MeV].

        Cells below the cut [MeV] are empty. Their energy goes to the other cells of the layer, if these are hit.
        """
        cells = weights * (layers / self.sums(weights)).index_select(1, self.cell_layer)
        hit = torch.where(cells >= cut, cells, UNHIT * cells)
        sums = self.sums(hit).clamp(min=LEAST_SUM)  # no addition, since the exporter drops numbers as small as this
        cells = hit * (layers / sums).index_select(1, self.cell_layer)
        return torch.where(cells >= cut, cells, 0.0)

    def _ratios(self, cells: Tensor, energy: Tensor) -> Tensor:
        layers = self.sums(cells)
        total = layers.sum(1, keepdim=True).clamp(min=LEAST_RESPONSE * energy)
        noise = LEAST_SHARE * total * (1 - torch.rand_like(layers))
        return self.shares.ratios(torch.where(layers < LEAST_SHARE * total, noise, layers), energy)


def cell_cut(detector: Detector) -> float:
    """Energy [MeV] below which a cell counts as empty."""
    return max(detector.threshold, LEAST_CELL)
