"""The interface of all models: fit transforms, compute losses, and generate cells from noise and incidents."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from caloforge.detector import Detector, Grid, symmetries
from caloforge.errors import InputError
from caloforge.showers import Showers
from caloforge.showers.domain import Domain, network_inputs


@dataclass(frozen=True)
class Batch:
    """Showers as tensors.

    Attributes:
        cells: deposited energies float32 (N, n_cells) [MeV], zero below the threshold.
        incidents: network inputs by name, as an exported model takes them.
    """

    cells: Tensor
    incidents: dict[str, Tensor]

    @classmethod
    def of(cls, showers: Showers) -> "Batch":
        """Tensors of all showers, with cells below the detector's threshold set to zero."""
        inputs = network_inputs(showers.incidents)
        return cls(torch.from_numpy(showers.thresholded()), {k: torch.from_numpy(v) for k, v in inputs.items()})

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, rows: Tensor | slice) -> "Batch":
        return Batch(self.cells[rows], {name: values[rows] for name, values in self.incidents.items()})

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(self.cells.to(device), {name: values.to(device) for name, values in self.incidents.items()})


@dataclass(frozen=True)
class OptimiserStep:
    """One part of a training step: an optimiser minimises one loss over some of the parameters.

    Attributes:
        name: key of the optimiser's state in checkpoints, and of the loss in `losses.jsonl`.
        parameters: parameters that the optimiser updates.
        loss: function that gives the mean loss of a batch.
        repeat: updates per training step, each on a fresh batch.
        optimiser: called with `parameters`, `lr` and `weight_decay`; AdamW by default.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    loss: Callable[[Batch], Tensor]
    repeat: int = 1
    optimiser: Callable[..., torch.optim.Optimizer] | None = None


class Model(nn.Module, ABC):
    """A generator of showers.

    A model is built from a config, a detector and a domain. Then its transforms are fitted, or its state is loaded.

    Attributes:
        detector: the detector whose cells the model fills.
        domain: the incidents that the model learns from.
        noise_size: standard normal numbers per shower.
        parts_apart: whether each optimiser step has a validation loss of its own, by which its weights are selected.
        selection_batch: smallest batch for `selection_loss`; distances between samples need many showers.
    """

    parts_apart = False
    selection_batch = 1

    def __init__(self, detector: Detector, domain: Domain, noise_size: int) -> None:
        super().__init__()
        self.detector = detector
        self.domain = domain
        self.noise_size = noise_size

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the incident quantities that `sample` takes."""
        return self.domain.inputs

    @property
    def symmetry_classes(self) -> Tensor:
        """Index of each cell's symmetry class (n_cells,); the cell itself if the incidents break the symmetry.

        The average over all azimuths is symmetric, too.
        """
        if not (self.domain.symmetric or self.domain.turns):
            return torch.arange(self.detector.n_cells)
        return torch.from_numpy(symmetries(self.detector)).min(0).values

    @abstractmethod
    def fit(self, showers: Showers) -> None:
        """Fit the transforms to the training showers."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Mean loss of a batch; random numbers come from torch's generator."""

    def selection_loss(self, batch: Batch) -> Tensor:
        """Loss on the validation sample, by which the weights are selected; by default the training loss."""
        return self.loss(batch)

    def selection_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Selection losses by name: one of the whole model, or one per optimiser step if `parts_apart` is set."""
        if self.parts_apart:
            return {step.name: step.loss(batch) for step in self.optimiser_steps()}
        return {"whole": self.selection_loss(batch)}

    def finalise(self) -> None:
        """Compute what depends on the weights but has no gradient; nothing by default.

        Examples are the statistics of batch normalisation and the response match. The training calls it on the averaged
        weights before they are evaluated and saved.
        """
        return

    @abstractmethod
    def sample(self, noise: Tensor, **incidents: Tensor) -> Tensor:
        """Generate showers.

        Args:
            noise: standard normal numbers (N, noise_size).
            **incidents: the inputs named in `inputs`, as `network_inputs` makes them.

        Returns:
            Cells (N, n_cells) [MeV], zero below the threshold.
        """

    def optimiser_steps(self) -> tuple[OptimiserStep, ...]:
        """The parts of one training step, in order; by default one part, which minimises `loss`."""
        return (OptimiserStep("loss", list(self.parameters()), self.loss),)


def shared_grid(detector: Detector, kind: str) -> Grid:
    """The grid that all layers of a detector share.

    Args:
        detector: any detector.
        kind: kind of the model that needs one grid, for the error message.

    Raises:
        InputError: the layers have different cells, or their cells do not form an array.
    """
    first, *others = (layer.cells for layer in detector.layers)
    for number, cells in enumerate(others, 1):
        if cells != first:
            raise InputError(
                f"model '{kind}' needs layers that share one grid; in detector '{detector.name}' layer {number} "
                "differs from layer 0; a detector that fits is clic-ecal, a model for this one coupling-flow"
            )
    if not first.is_array:
        raise InputError(f"model '{kind}' needs cells in rows and columns, which {first.kind} cells are not; "
                         "a model for them is coupling-flow")  # fmt: skip
    return first


class Conditions(nn.Module):
    """Conditions of the networks, of order one: log energy, theta, cos and sin phi, x, y, particle, if they vary."""

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.names = domain.inputs
        self.log_energy = _scale(*(torch.tensor(domain.energy).log().tolist()))
        self.theta = _scale(*domain.theta)
        self.position = tuple(_scale(*side) for side in domain.position[:2])
        self.register_buffer("pdgs", torch.tensor(domain.pdgs, dtype=torch.int64), persistent=False)
        sizes = {"energy": 1, "theta": 1, "phi": 2, "position": 2, "pdg": len(domain.pdgs)}
        self.size = sum(sizes[name] for name in self.names)

    pdgs: Tensor

    def forward(self, **incidents: Tensor) -> Tensor:
        """Conditions (N, size)."""
        return torch.cat([getattr(self, f"_{name}")(incidents[name]) for name in self.names], 1)

    def _energy(self, energy: Tensor) -> Tensor:
        return _scaled(energy.log(), self.log_energy)

    def _theta(self, theta: Tensor) -> Tensor:
        return _scaled(theta, self.theta)

    def _phi(self, phi: Tensor) -> Tensor:
        return torch.cat([phi.cos(), phi.sin()], 1)

    def _position(self, position: Tensor) -> Tensor:
        return torch.cat([_scaled(position[:, i : i + 1], scale) for i, scale in enumerate(self.position)], 1)

    def _pdg(self, pdg: Tensor) -> Tensor:
        return (pdg == self.pdgs).float()


Scale = tuple[float, float]


def _scale(low: float, high: float) -> Scale:
    """Centre and half width of a range; the half width is one if the range is a point."""
    return (low + high) / 2, (high - low) / 2 or 1.0


def _scaled(values: Tensor, scale: Scale) -> Tensor:
    return (values - scale[0]) / scale[1]
