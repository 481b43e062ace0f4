"""Configuration of a training: the model and the schedule."""

from typing import Annotated

from pydantic import Field

from caloforge.config import Strict
from caloforge.models import ModelConfig

Steps = Annotated[int, Field(ge=1, le=100_000_000)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Schedule(Strict):
    """How a model is trained.

    Attributes:
        steps: training steps, the reproducible way to stop.
        minutes: wall-clock cap; the learning rate then falls with whichever of steps and time is further.
        batch: showers per step.
        learning_rate: highest rate; it rises over the first `warmup` of the training and falls along a cosine.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        average: share of the past kept per step in the running mean of the weights that is evaluated and exported.
        evaluate_every: steps between held-out losses and checkpoints.
        symmetries: show each shower under a random exact symmetry of the detector where the incidents allow it.
        seed: of the initial weights, batches and noise.
    """

    steps: Steps = 1000
    minutes: Positive | None = None
    batch: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    learning_rate: Positive = 2e-3
    warmup: Fraction = 0.05
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Positive = 1.0
    average: Fraction = 0.98
    evaluate_every: Steps = 100
    symmetries: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1


class TrainingConfig(Strict):
    """A training: tables `[model]` and `[training]`."""

    model: ModelConfig
    training: Schedule = Schedule()
