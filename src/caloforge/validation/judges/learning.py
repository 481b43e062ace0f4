"""Training of the judge's networks: AdamW, a rate that rises and falls, averaged weights, one thread, one generator."""

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
WARM = 0.15  # share of the steps in which the rate rises
MEMORY = 0.98  # of the exponential moving average of the weights, per step
AT_ONCE = 1000  # rows that are scored together
Augment = Callable[[Tensor, torch.Generator], Tensor]


class Schedule(NamedTuple):
    """How long and how fast a network learns.

    Attributes:
        passes: over the training part.
        batch: showers per step.
        rate: largest learning rate.
        decay: decoupled decay of the weights.
    """

    passes: int
    batch: int = 256
    rate: float = 2e-3
    decay: float = 0.05


class Dropout(nn.Module):
    """Dropout from a generator of its own, since networks of several folds learn at the same time."""

    def __init__(self, share: float, generator: torch.Generator) -> None:
        super().__init__()
        self._share, self._generator = share, generator

    def forward(self, x: Tensor) -> Tensor:
        """Values with a share of them set to zero in training, the rest scaled up."""
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
    """Minimise the weighted cross entropy; the averaged weights of the pass with the least loss on `select` are kept.

    Args:
        network: maps rows to log-odds (N, 1); it ends with the weights that are kept.
        train: rows and what is known of them, to learn from.
        select: the same, to choose the pass.
        schedule: passes, batch, rate.
        generator: of the order of the rows and the augmentation.
        augment: a random copy of a batch that is as probable as the batch itself.
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
                group["lr"] = schedule.rate * _rise_and_fall(step / steps)
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
    """Log-odds (N,) of rows, without dropout."""
    network.eval()
    with torch.no_grad():
        parts = [network(part)[:, 0] for part in rows.split(AT_ONCE)]
    return np.asarray(torch.cat(parts).double().numpy())


def symmetric_copies(inputs: Inputs) -> list[Tensor]:
    """Orders of the columns (conditions, then cells), one per symmetry of the detector, identity first."""
    before = inputs.view("conditions").shape[1]
    return [torch.cat([torch.arange(before), before + torch.from_numpy(p)]) for p in inputs.symmetries]


def random_copy(copies: list[Tensor]) -> Augment:
    """Map a batch by one of the orders of its columns."""

    def augment(rows: Tensor, generator: torch.Generator) -> Tensor:
        return rows[:, copies[int(torch.randint(len(copies), (1,), generator=generator))]]

    return augment


def mean_log_odds(network: nn.Module, rows: Tensor, copies: list[Tensor]) -> Floats:
    """Log-odds (N,), the mean over copies of the rows."""
    return np.asarray(np.mean([log_odds(network, rows[:, columns]) for columns in copies], axis=0))


def linear(a: int, b: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer initialised as PyTorch does by default, from a generator."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, a, b)
    initialise(layer, a, generator)
    return layer


def initialise(layer: nn.Module, inputs: int, generator: torch.Generator) -> None:
    """Uniform weights within the inverse root of the number of inputs."""
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(inputs**-0.5), inputs**-0.5, generator=generator)


def _rise_and_fall(part: float) -> float:
    """Share of the largest rate: a linear rise, then half a cosine."""
    return part / WARM + 0.01 if part < WARM else 0.5 * (1 + math.cos(math.pi * (part - WARM) / (1 - WARM)))


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
    """What `work` gives with other weights, which are taken back afterwards."""
    own = [p.detach().clone() for p in network.parameters()]
    _set(network, values)
    result = work()
    _set(network, own)
    return result
