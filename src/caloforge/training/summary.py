"""Outcome of a training."""

from dataclasses import dataclass

from caloforge.training.picking import Score
from caloforge.units import counted

LATE = 0.7  # share of a training; a best step before it is remarked on


@dataclass(frozen=True)
class TrainingSummary:
    """Outcome of a training.

    Attributes:
        steps: training steps in all.
        seconds: time of this call.
        best: score that selected the weights and its step, by part of the model.
    """

    steps: int
    seconds: float
    best: dict[str, Score]

    @property
    def line(self) -> str:
        """Length of the training, and the selected step and its score, by part of the model."""
        kept = ", ".join(f"{name} {score:.5g} at step {step}" for name, (score, step) in self.best.items())
        return f"trained {counted(self.steps, 'step')}; weights kept by held-out score: {kept}"

    @property
    def remark(self) -> str | None:
        """Advice if the best step came early; None otherwise."""
        past = [f"{name} at step {step}" for name, (_, step) in self.best.items() if step < LATE * self.steps]
        if not past:
            return None
        return (f"the best of {self.steps} steps is long past ({', '.join(past)}): what came after it is lost; "
                "train for fewer steps, with more showers, dropout or weight decay")  # fmt: skip
