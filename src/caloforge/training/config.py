"""Configuration of a training: the model and the schedule."""

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union

from pydantic import Field, model_validator

from caloforge.config import Strict
from caloforge.models.configs import CONFIGS, training_defaults
from caloforge.plugins import plugins
from caloforge.seeds import SEED_LIMIT

Steps = Annotated[int, Field(ge=1, le=100_000_000)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]

if TYPE_CHECKING:
    ModelConfig = Any  # of packages that are not known before they are installed, too
else:
    ModelConfig = Annotated[Union[tuple(CONFIGS.values())], Field(discriminator="kind")]  # noqa: UP007


class Schedule(Strict):
    """How a model is trained; where a kind of model has defaults of its own, they go before these.

    Attributes:
        steps: training steps.
        minutes: time that a training may take; a step is measured before the first, and the number of steps reduced to
            what fits. It is kept in pace.json: a training with that many `steps` and no `minutes` is the same.
        batch: showers per step.
        accumulate: parts of a batch that are computed one after the other, to save memory.
        learning_rate: highest rate, reached after the first `warmup` of the training.
        warmup: share of the training in which the rate rises to its highest.
        decay: how the rate falls from there: along half a "cosine" to zero, or not at all ("none").
        weight_decay: of AdamW; of the models with optimisers of their own, the weight of the squared norm in the loss.
        clip: largest norm of the gradient.
        average: share of the past kept per step in the running mean of the weights that is evaluated and exported.
        buffer: showers that are in memory and shuffled together, while a thread reads as many; by default all.
        evaluate_every: steps between held-out losses and checkpoints.
        select: what picks the weights: the held-out "loss", each part's of models whose parts learn apart, or a judge,
            "auc": boosted trees that tell drawn from selection showers, the nearer to one half the better.
        judge_every: evaluations per judgement with "auc".
        tune: of an adapted model, the weights that learn: "all", or "biases" alone, which few showers determine.
        symmetries: show each shower under a random exact symmetry of the detector where the incidents allow it.
        seed: of the initial weights, batches and noise.
    """

    steps: Steps = 1000
    minutes: Positive | None = None
    batch: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    accumulate: Annotated[int, Field(ge=1, le=10_000)] = 1
    learning_rate: Positive = 2e-3
    decay: Literal["cosine", "none"] = "cosine"
    warmup: Fraction = 0.05
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Positive = 1.0
    average: Fraction = 0.98
    buffer: Annotated[int, Field(ge=1)] | None = None
    evaluate_every: Steps = 100
    select: Literal["loss", "auc"] = "loss"
    judge_every: Steps = 1
    tune: Literal["all", "biases"] = "all"
    symmetries: bool = True
    seed: Annotated[int, Field(ge=0, lt=SEED_LIMIT)] = 1

    def rate(self, done: float) -> float:
        """Learning rate as a share of the highest, at a done part of the training."""
        if done < self.warmup:
            return (done + 0.01 * self.warmup) / (1.01 * self.warmup)
        if self.decay == "none":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (done - self.warmup) / (1 - self.warmup)))


class TrainingConfig(Strict):
    """A training: tables `[model]` and `[training]`, and for students `teacher`.

    Attributes:
        model: kind and sizes of the model.
        training: schedule.
        teacher: run directory of the trained model that a student learns from.
        start: run directory of the trained model whose weights a training begins with.
    """

    model: ModelConfig
    training: Schedule = Schedule()
    teacher: str | None = None
    start: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_training(cls, values: Any) -> Any:
        """Put the defaults of the model's kind where `[training]` says nothing."""
        model, given = (
            (values.get(key, {}) for key in ("model", "training")) if isinstance(values, dict) else (None, None)
        )
        if not isinstance(model, dict) or not isinstance(given, dict):
            return values
        return {**values, "training": {**training_defaults(model.get("kind")), **given}}

    @model_validator(mode="before")
    @classmethod
    def _plugin_works(cls, values: Any) -> Any:
        """Name the reason where a model of another package is asked for that does not load."""
        model = values.get("model") if isinstance(values, dict) else None
        kind = model.get("kind") if isinstance(model, dict) else None
        if isinstance(kind, str) and kind not in CONFIGS and kind in (known := plugins("models")):
            known[kind].load()
            raise ValueError(f"plugin '{kind}' of {known[kind].origin} is no config of a model called so")
        return values

    @model_validator(mode="after")
    def _check_teacher(self) -> Self:
        kind, wanted = self.model.kind, getattr(self.model, "learns_from", None)
        if wanted and self.teacher is None:
            raise ValueError(f"a {kind} learns from a trained {wanted}; name its run directory as `teacher`")
        if self.teacher is not None and not wanted:
            raise ValueError(f"a {kind} learns from showers alone; `teacher` is for its students")
        return self
