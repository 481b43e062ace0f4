"""The members "network": residual perceptrons on features and shapes, or on log cells with symmetries."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from caloforge.validation.judges.inputs import Inputs, Sample
from caloforge.validation.judges.learning import (
    Dropout,
    Schedule,
    learn,
    linear,
    mean_log_odds,
    random_copy,
    symmetric_copies,
)
from caloforge.validation.judges.scaling import Scaling, enough, fit_scaling, spread

Floats = NDArray[np.float64]
WIDTH, BLOCKS = 128, 2
DROPOUT, NOISE = 0.3, 0.1  # dropout of hidden units, and of inputs
MOST_PASSES, MOST_VALUES = 12, 2e8  # largest number of epochs, and of values read in all epochs


class Residual(nn.Module):
    """Residual block x + W2 dropout(silu(W1 norm(x)))."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.LayerNorm(width), linear(width, width, generator), nn.SiLU(),
                                  Dropout(DROPOUT, generator), linear(width, width, generator))  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Hidden values (N, width)."""
        out: Tensor = x + self.body(x)
        return out


class Perceptron:
    """A trained network with its scaling; scores are averaged over the symmetric copies used in training."""

    def __init__(self, views: Sequence[str], scaling: Scaling, network: nn.Module, copies: list[Tensor]) -> None:
        self._views, self._scaling, self._network, self._copies = tuple(views), scaling, network, copies

    def __call__(self, inputs: Inputs) -> Floats:
        """Log-odds (N,)."""
        rows = torch.from_numpy(self._scaling(inputs.matrix(self._views)))
        return mean_log_odds(self._network, rows, self._copies)


def fit(views: Sequence[str], train: Sample, select: Sample, seed: int) -> Perceptron:
    """Train residual blocks on normal scores of the features.

    If cells are the only view, every batch is transformed by a random symmetry of the detector.
    """
    matrix = train.inputs.matrix(views)
    alike = tuple(views) == ("cells",)
    copies = symmetric_copies(train.inputs) if alike else [torch.arange(matrix.shape[1])]
    some = spread(matrix, enough(matrix.shape[1]) // len(copies))
    scaling = fit_scaling(np.concatenate([some[:, columns.numpy()] for columns in copies]))
    rows, held = (torch.from_numpy(scaling(m)) for m in (matrix, select.inputs.matrix(views)))
    generator = torch.Generator().manual_seed(seed % 2**63)
    network = _network(rows.shape[1], generator)
    passes = int(np.clip(MOST_VALUES / rows.numel(), 2, MOST_PASSES))
    augment = random_copy(copies) if len(copies) > 1 else None
    learn(network, (rows, train), (held, select), Schedule(passes), generator, augment)
    return Perceptron(views, scaling, network, copies)


def _network(columns: int, generator: torch.Generator) -> nn.Module:
    blocks = [Residual(WIDTH, generator) for _ in range(BLOCKS)]
    return nn.Sequential(Dropout(NOISE, generator), linear(columns, WIDTH, generator), *blocks, nn.LayerNorm(WIDTH),
                         nn.SiLU(), Dropout(DROPOUT, generator), linear(WIDTH, 1, generator))  # fmt: skip
