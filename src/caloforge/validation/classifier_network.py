"""Small networks for classification and regression, and their training loop with early stopping."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.validation.recipes import Recipe

try:
    import torch
    from torch import Tensor, nn
except ImportError:
    raise InputError("the classifiers of validation need PyTorch; install the extra: caloforge[train]") from None

Array = NDArray[Any]
CLIP = 10.0  # standard deviations; a rarely hit cell must not dominate the network
Loss = Callable[[Tensor, Tensor], Tensor]


class Data(NamedTuple):
    """Inputs (N, D) and targets (N,) of one split."""

    inputs: Array
    targets: Array


class Network:
    """A fitted multilayer perceptron.

    Attributes:
        epochs: number of epochs of the training.
        best_epoch: the selected epoch, counted from 1.
    """

    def __init__(self, model: nn.Module, scale: "Scale", dtype: torch.dtype) -> None:
        self._model, self._scale, self._dtype = model, scale, dtype
        self.epochs = self.best_epoch = 0

    def __call__(self, inputs: Array) -> NDArray[np.float64]:
        """Outputs (N,) for inputs (N, D); logits for a classifier."""
        self._model.eval()
        with torch.no_grad():
            parts = [self._model(self._scale(torch.as_tensor(part)).to(self._dtype)) for part in _batches(inputs)]
        return torch.cat(parts)[:, 0].double().numpy()


class Scale:
    """Standardisation to mean 0 and deviation 1 of the training inputs, clipped at 10; constants become 0."""

    def __init__(self, inputs: Array | None) -> None:
        self._fit = None
        if inputs is not None:
            mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
            constant = deviation <= 1e-6 * (np.abs(mean) + 1e-30)
            self._fit = (torch.as_tensor(mean), torch.as_tensor(np.where(constant, np.inf, deviation)))

    def __call__(self, inputs: Tensor) -> Tensor:
        """Standardised inputs (N, D) of inputs (N, D)."""
        if self._fit is None:
            return inputs
        mean, deviation = self._fit
        return ((inputs - mean) / deviation).clamp(-CLIP, CLIP)


def fit(recipe: Recipe, train: Data, select: Data, loss: Loss, seed: int) -> Network:
    """Train a perceptron with Adam, and keep the epoch with the best score on `select`.

    The same seed and the same number of threads give the same network.
    """
    dtype = torch.float64 if recipe.precise else torch.float32
    generator = torch.Generator().manual_seed(seed)
    model = _perceptron(train.inputs.shape[1], recipe.hidden, dtype, generator)
    network = Network(model, Scale(train.inputs if recipe.standardise else None), dtype)
    _train(network, recipe, train, select, loss, generator)
    return network


def _perceptron(size: int, hidden: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> nn.Sequential:
    """Linear layers with LeakyReLU(0.01) between them, and PyTorch's default initialisation from `generator`."""
    widths = (size, *hidden, 1)
    blocks: list[nn.Module] = []
    for a, b in pairwise(widths):
        linear = nn.utils.skip_init(nn.Linear, a, b, dtype=dtype)
        for parameter in linear.parameters():
            nn.init.uniform_(parameter, -(a**-0.5), a**-0.5, generator=generator)
        blocks += [linear, nn.LeakyReLU()]
    return nn.Sequential(*blocks[:-1])


def _train(network: Network, recipe: Recipe, train: Data, select: Data, loss: Loss, generator: torch.Generator) -> None:
    model = network._model
    optimiser = torch.optim.AdamW(
        model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    inputs, targets = _tensors(network, train)
    best, kept = -np.inf, model.state_dict()
    for epoch in range(1, recipe.epochs + 1):
        model.train()
        for batch in torch.randperm(len(inputs), generator=generator).split(recipe.batch):
            optimiser.zero_grad()
            loss(model(inputs[batch])[:, 0], targets[batch]).backward()
            optimiser.step()
        score = _score(network, recipe, select, loss)
        network.epochs = epoch
        if score > best:
            best, network.best_epoch = score, epoch
            kept = {name: value.clone() for name, value in model.state_dict().items()}
        stale = epoch - network.best_epoch
        if score == 1.0 or (recipe.patience is not None and stale >= recipe.patience):
            break
    model.load_state_dict(kept)


def _tensors(network: Network, data: Data) -> tuple[Tensor, Tensor]:
    dtype = network._dtype
    return network._scale(torch.as_tensor(data.inputs)).to(dtype), torch.as_tensor(data.targets, dtype=dtype)


def _score(network: Network, recipe: Recipe, select: Data, loss: Loss) -> float:
    """Score on the selection split (accuracy or negative loss), of which higher is better."""
    output = network(select.inputs)
    if recipe.select == "accuracy":
        return float(np.mean((output > 0) == (select.targets > 0.5)))
    return -float(loss(torch.as_tensor(output), torch.as_tensor(select.targets, dtype=torch.float64)))


def _batches(inputs: Array, size: int = 2000) -> Iterator[Array]:
    return (inputs[start : start + size] for start in range(0, len(inputs), size))


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy of logits."""
    return nn.functional.binary_cross_entropy_with_logits(output, target)


def smooth_error(output: Tensor, target: Tensor) -> Tensor:
    """Huber's loss, which a few showers with large leakage do not dominate."""
    return nn.functional.huber_loss(output, target)
