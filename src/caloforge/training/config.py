"""Config of a training: the model and the schedule."""

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
    ModelConfig = Any  # may belong to another package, which type checkers do not know
else:
    ModelConfig = Annotated[Union[tuple(CONFIGS.values())], Field(discriminator="kind")]  # noqa: UP007


class Schedule(Strict):
    """Schedule of a training; a kind of model may have other defaults.

    Attributes:
        steps: training steps.
        minutes: time that a training may take; steps are timed before the training, and their number is reduced to fit.
            `pace.json` holds that number; a training with as many `steps` and without `minutes` is the same.
        batch: showers per step.
        accumulate: parts of a batch that are computed one after the other, to save memory.
        learning_rate: highest learning rate, reached after the share `warmup` of the training.
        warmup: share of the training in which the learning rate rises.
        decay: decay of the learning rate after the warm-up: a half "cosine" to zero, or "none".
        weight_decay: weight decay of AdamW; in models with other optimisers, weight of the squared norm in the loss.
        clip: largest norm of the gradient.
        average: decay per step of the exponential moving average of the weights, which is evaluated and exported.
        buffer: showers in memory that are shuffled together, while a thread reads as many; by default all showers.
        evaluate_every: steps between evaluations on the validation sample, each of which writes a checkpoint.
        select: criterion that selects the weights: the held-out "loss" (one per part if parts learn apart), or "auc":
            the area of boosted trees that tell generated from selection showers, which is best at one half.
        mlflow: URI of an MLflow server or store, or a folder, to which the training tells its losses and rates.
        judge_every: evaluations per judgement with "auc".
        tune: weights of an adapted model that are trained: "all", or only the "biases", for which few showers suffice.
        symmetries: whether each shower is transformed by a random exact symmetry of the detector, if the incidents
            have it, too.
        seed: seed of the initial weights, batches and noise.
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
    mlflow: Annotated[str, Field(min_length=1)] | None = None
    tune: Literal["all", "biases"] = "all"
    symmetries: bool = True
    seed: Annotated[int, Field(ge=0, lt=SEED_LIMIT)] = 1

    def rate(self, done: float) -> float:
        """Learning rate, as a share of the highest rate, when the share `done` of the training is done."""
        if done < self.warmup:
            return (done + 0.01 * self.warmup) / (1.01 * self.warmup)
        if self.decay == "none":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (done - self.warmup) / (1 - self.warmup)))


class TrainingConfig(Strict):
    """Config of a training: tables `[model]` and `[training]`, and `teacher` for students.

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
        """Use the defaults of the model's kind for missing values of `[training]`."""
        model, given = (
            (values.get(key, {}) for key in ("model", "training")) if isinstance(values, dict) else (None, None)
        )
        if not isinstance(model, dict) or not isinstance(given, dict):
            return values
        return {**values, "training": {**training_defaults(model.get("kind")), **given}}

    @model_validator(mode="before")
    @classmethod
    def _plugin_works(cls, values: Any) -> Any:
        """Report the reason if the model of another package cannot be loaded."""
        model = values.get("model") if isinstance(values, dict) else None
        kind = model.get("kind") if isinstance(model, dict) else None
        if isinstance(kind, str) and kind not in CONFIGS and kind in (known := plugins("models")):
            known[kind].load()
            raise ValueError(f"plugin '{kind}' of {known[kind].origin} is not the config of a model of that name")
        return values

    @model_validator(mode="after")
    def _check_teacher(self) -> Self:
        kind, teacher_kind = self.model.kind, getattr(self.model, "learns_from", None)
        if teacher_kind and self.teacher is None:
            raise ValueError(f"a {kind} learns from a trained {teacher_kind}; name its run directory as `teacher`")
        if self.teacher is not None and not teacher_kind:
            raise ValueError(f"a {kind} learns from showers only; remove `teacher`, which is for students")
        return self
