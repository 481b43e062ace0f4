"""Layer energies from their normal scores in fewer operations, for exported graphs."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caloforge.models.parts.folded_tables import FoldedScores

CERTAIN = 60.0  # log ratio of a layer to all deeper ones, if it holds all energy that is left, or, with a minus, none


class FoldedHitLayers(nn.Module):
    """Layer energies from their normal scores, by sums of logarithms.

    Args:
        quantiles: scores of log response and log ratios.
        edge: scores (n_layers,) below which a layer is empty; minus infinity if it never is.
        sampling_fraction: that of the detector.
        floor: energy [MeV] below which a layer is empty.
    """

    def __init__(self, quantiles: FoldedScores, edge: Tensor, sampling_fraction: float, floor: float) -> None:
        super().__init__()
        self.quantiles, self.sampling_fraction, self.floor = quantiles, sampling_fraction, floor
        n, self.empties = len(edge), not bool(edge.isinf().all())
        self.register_buffer("edge", edge.clone())
        self.register_buffer("behind", torch.ones(n, n).tril(-1) if self.empties else None)
        own = torch.cat([torch.ones(1, n), torch.eye(n)])[:-1]  # the ratio of layer l is number l + 1
        self.register_buffer("own", own)
        self.register_buffer("left", torch.ones(n, n).triu()[:-1])

    edge: Tensor
    behind: Tensor
    own: Tensor
    left: Tensor

    def inverse(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Layer energies (N, n_layers) [MeV] of scores (N, n_layers + 1) and incident energies (N, 1) [MeV]."""
        free = self.quantiles.inverse(scores)
        response, ratio = free.split([1, len(self.edge)], 1)
        if self.empties:
            hit = (scores[:, 1:] >= self.edge).to(scores.dtype)
            ratio = torch.where(hit @ self.behind > 0, ratio, CERTAIN)
            ratio = torch.where(hit > 0, ratio, -CERTAIN)
        ratio = ratio[:, :-1]
        logs = torch.cat([response, ratio], 1) @ self.own - F.softplus(ratio) @ self.left
        return self.sampling_fraction * energy * logs.exp()
