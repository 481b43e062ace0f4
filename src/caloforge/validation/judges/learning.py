"""Training of the judge's networks with AdamW, a schedule of the learning rate, and averaged weights."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.validation.judges.inputs import Inputs, Sample

try:
    import torch
    from torch import Tensor, nn
except ImportError:
    raise InputError("the networks of validation need PyTorch; install the extra: caloforge[train]") from None

Floats = NDArray[np.float64]
WARM_UP = 0.15  # share of the steps in which the learning rate rises
MEMORY = 0.98  # decay per step of the exponential moving average of the weights
AT_ONCE = 1000  # rows that are scored at once
Augment = Callable[[Tensor, torch.Generator], Tensor]


class Schedule(NamedTuple):
    """Length and learning rate of a training.

    Attributes:
        passes: epochs over the training part.
        batch: showers per step.
        rate: largest learning rate.
        decay: decoupled weight decay.
    """

    passes: int
    batch: int = 256
    rate: float = 2e-3
    decay: float = 0.05


class Dropout(nn.Module):
    """Dropout with its own generator, since networks of several folds are trained at the same time."""

    def __init__(self, share: float, generator: torch.Generator) -> None:
        super().__init__()
        self._share, self._generator = share, generator

    def forward(self, x: Tensor) -> Tensor:
        """Values (N, D); in training a share of them is set to zero, and the others are scaled up."""
        if not self.training:
            return x
        kept = torch.rand(x.shape, generator=self._generator) >= self._share
        return x * kept / (1 - self._share)


def learn(
    network: nn.Module,
    train: tuple[Tensor, Sample],
    select: tuple[Tensor, Sample],
    schedule: Schedule,
    generator: torch.Generator,
    augment: Augment | None = None,
) -> None:
    """Minimise the weighted cross entropy, and keep the averaged weights of the epoch with the least loss on `select`.

    Args:
        network: network that maps rows to log-odds (N, 1); it ends with the selected weights.
        train: rows, labels and weights of the training part.
        select: rows, labels and weights of the selection part.
        schedule: epochs, batch and learning rate.
        generator: generator of the order of the rows and of the augmentation.
        augment: function that gives a random, equally probable copy of a batch.
    """
    rows, sample = train
    labels, weights = (torch.as_tensor(v, dtype=torch.float32) for v in (sample.labels, sample.weights))
    optimiser = torch.optim.AdamW(network.parameters(), schedule.rate, weight_decay=schedule.decay, fused=True)
    average = [p.detach().clone() for p in network.parameters()]
    steps, step = schedule.passes * math.ceil(len(rows) / schedule.batch), 0
    best, kept = math.inf, average
    for _ in range(schedule.passes):
        network.train()
        for batch in torch.randperm(len(rows), generator=generator).split(schedule.batch):
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate * _rate_factor(step / steps)
            values = rows[batch] if augment is None else augment(rows[batch], generator)
            optimiser.zero_grad()
            losses = nn.functional.binary_cross_entropy_with_logits(network(values)[:, 0], labels[batch],
                                                                    weight=weights[batch])  # fmt: skip
            losses.backward()
            optimiser.step()
            step += 1
            _average(average, network, min(MEMORY, step / (step + 10)))
        loss = _with(network, average, lambda: _loss(network, *select))
        if loss < best:
            best, kept = loss, [p.clone() for p in average]
    _set(network, kept)


def log_odds(network: nn.Module, rows: Tensor) -> Floats:
    """Log-odds (N,) of rows (N, D), without dropout."""
    network.eval()
    with torch.no_grad():
        parts = [network(part)[:, 0] for part in rows.split(AT_ONCE)]
    return np.asarray(torch.cat(parts).double().numpy())


def symmetric_copies(inputs: Inputs) -> list[Tensor]:
    """Orders of the columns (conditions, then cells), one per symmetry of the detector; the identity is the first."""
    before = inputs.view("conditions").shape[1]
    return [torch.cat([torch.arange(before), before + torch.from_numpy(p)]) for p in inputs.symmetries]


def random_copy(copies: list[Tensor]) -> Augment:
    """Augmentation that reorders the columns of a batch by a random symmetry."""

    def augment(rows: Tensor, generator: torch.Generator) -> Tensor:
        return rows[:, copies[int(torch.randint(len(copies), (1,), generator=generator))]]

    return augment


def mean_log_odds(network: nn.Module, rows: Tensor, copies: list[Tensor]) -> Floats:
    """Log-odds (N,), averaged over symmetric copies of the rows."""
    return np.asarray(np.mean([log_odds(network, rows[:, columns]) for columns in copies], axis=0))


def linear(a: int, b: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer with PyTorch's default initialisation from a generator."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, a, b)
    initialise(layer, a, generator)
    return layer


def initialise(layer: nn.Module, inputs: int, generator: torch.Generator) -> None:
    """Initialise weights uniformly within the inverse square root of the number of inputs."""
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(inputs**-0.5), inputs**-0.5, generator=generator)


def _rate_factor(part: float) -> float:
    """Learning rate over its largest value: a linear rise, then half a cosine."""
    return part / WARM_UP + 0.01 if part < WARM_UP else 0.5 * (1 + math.cos(math.pi * (part - WARM_UP) / (1 - WARM_UP)))


def _loss(network: nn.Module, rows: Tensor, sample: Sample) -> float:
    output = log_odds(network, rows)
    losses = np.logaddexp(0, output) - sample.labels * output
    return float(np.average(losses, weights=sample.weights))


@torch.no_grad()
def _average(average: list[Tensor], network: nn.Module, memory: float) -> None:
    torch._foreach_lerp_(average, [p.detach() for p in network.parameters()], 1 - memory)


@torch.no_grad()
def _set(network: nn.Module, values: list[Tensor]) -> None:
    for parameter, value in zip(network.parameters(), values, strict=True):
        parameter.copy_(value)


def _with(network: nn.Module, values: list[Tensor], work: Callable[[], Any]) -> Any:
    """Result of `work` with other weights, which are reset afterwards."""
    own = [p.detach().clone() for p in network.parameters()]
    _set(network, values)
    result = work()
    _set(network, own)
    return result
