"""Outcome of a training."""

from dataclasses import dataclass

from caloforge.training.picking import Score
from caloforge.units import counted

LATE = 0.7  # share of a training after which its best step is nothing to remark on


@dataclass(frozen=True)
class TrainingSummary:
    """Outcome of a training.

    Attributes:
        steps: done in all.
        seconds: of this call.
        best: by part of the model, the score that picked its weights and the step it was reached at.
    """

    steps: int
    seconds: float
    best: dict[str, Score]

    @property
    def line(self) -> str:
        """Length of the training, and the step whose weights are kept, with its score, part by part."""
        kept = ", ".join(f"{name} {score:.5g} at step {step}" for name, (score, step) in self.best.items())
        return f"trained {counted(self.steps, 'step')}; weights kept by held-out score: {kept}"

    @property
    def remark(self) -> str | None:
        """Advice where the best step is long past; None otherwise."""
        past = [f"{name} at step {step}" for name, (_, step) in self.best.items() if step < LATE * self.steps]
        if not past:
            return None
        return (f"the best of {self.steps} steps is long past ({', '.join(past)}): what came after it is lost; "
                "train for fewer steps, with more showers, dropout or weight decay")  # fmt: skip
