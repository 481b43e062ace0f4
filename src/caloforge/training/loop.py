"""The one training loop: batches under symmetries, averaged weights, held-out loss, checkpoints, resume."""

import copy
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from caloforge.claims import claim
from caloforge.detector import symmetries
from caloforge.errors import InputError, RunError
from caloforge.files import check_writable, write_text
from caloforge.models import Batch, Turn, build
from caloforge.seeds import engine_seed
from caloforge.showers import Showers
from caloforge.showers.domain import Domain
from caloforge.training.config import TrainingConfig
from caloforge.training.distill import describe_teacher, distillation
from caloforge.training.progress import steps
from caloforge.training.run import RunFolder, load_state, save_state
from caloforge.training.separation import check_separate, fingerprint

HELD_OUT = 2000  # selection showers at most per evaluation


@dataclass(frozen=True)
class TrainingSummary:
    """Outcome of a training: steps done, seconds of this call, best held-out loss and its step."""

    steps: int
    seconds: float
    best_loss: float
    best_step: int


def train(
    config: TrainingConfig,
    training: Showers,
    selection: Showers,
    run: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
) -> TrainingSummary:
    """Train a model and leave its run directory.

    On a CPU a resumed training ends in the same bits as an unbroken one where its steps set the pace, not `minutes`.

    Args:
        config: model and schedule.
        training: showers to learn from.
        selection: other showers of the same detector; their loss picks the weights.
        run: folder to make, or to continue with `resume`.
        resume: continue from the last checkpoint, if there is one.
        quiet: show no progress bar.

    Raises:
        InputError: showers that overlap, are too few or of different detectors, a folder that holds another training,
            or that another process trains in.
        RunError: the loss is no longer finite; the last checkpoint is kept. Or no held-out loss ever was.
    """
    _check(training, selection)
    check_writable(run.parent)
    run.mkdir(exist_ok=True)
    with claim(run):
        folder = _open(config, training, selection, run, resume=resume)
        trainer = Trainer(config, training, selection, folder)
        if resume and folder.has_begun:
            trainer.restore(load_state(folder.checkpoint_file))
        return trainer.run(quiet=quiet)


def _check(training: Showers, selection: Showers) -> None:
    if training.detector != selection.detector:
        names = f"'{training.detector.name}' and '{selection.detector.name}'"
        raise InputError(f"training and selection showers are of different detectors, {names}")
    if len(training) < 2 or len(selection) < 1:
        raise InputError(f"{len(training)} training and {len(selection)} selection showers are too few")
    check_separate(training, selection)


def _open(config: TrainingConfig, training: Showers, selection: Showers, run: Path, *, resume: bool) -> RunFolder:
    folder, teacher = RunFolder(run), describe_teacher(config)
    if folder.config_file.exists() and not resume:
        raise InputError(f"{run} already holds a training; resume it or give another folder")
    if folder.config_file.exists() and folder.config != config:
        raise InputError(f"{run} holds a training with another config; give another folder")
    if folder.provenance_file.exists():
        begun = folder.provenance["training"]
        if begun["fingerprint"] != fingerprint(training, selection):
            raise InputError(f"{run} holds a training with other showers; give another folder")
        if begun.get("teacher") != teacher:
            raise InputError(f"{run} was begun with another teacher than is now in {config.teacher}; "
                             "give another folder")  # fmt: skip
    if not folder.is_described:
        folder.describe(config, Domain.of_showers(training), training, selection, teacher)
    return folder


class Trainer:
    """State of a training between its steps."""

    def __init__(self, config: TrainingConfig, training: Showers, selection: Showers, folder: RunFolder) -> None:
        self.folder = folder
        self.schedule = config.training
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        domain = folder.domain
        with seeded(self.schedule.seed, 0, "weights"):
            model = build(config.model, training.detector, domain)
            model.fit(training)
        self.model = model.to(self.device)
        self.lessons = distillation(config, self.model)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.turns = self.lessons.turns(self.model) if self.lessons else self.model.turns()
        self.optimisers = {turn.name: self._optimiser(turn) for turn in self.turns}
        self.batch = Batch.of(training).to(self.device)
        self.held_out = Batch.of(selection[:HELD_OUT]).to(self.device)
        permutations = symmetries(training.detector) if self.schedule.symmetries and domain.symmetric else None
        self.symmetries = None if permutations is None else torch.from_numpy(permutations).to(self.device)
        self.step = 0
        self.seconds = 0.0
        self.best = (math.inf, 0)
        self.losses: list[dict[str, float]] = []

    def _optimiser(self, turn: Turn) -> torch.optim.Optimizer:
        make = turn.optimiser or partial(torch.optim.AdamW, weight_decay=self.schedule.weight_decay, fused=True)
        return make(turn.parameters, lr=self.schedule.learning_rate)

    def run(self, *, quiet: bool) -> TrainingSummary:
        """Train to the end of the schedule."""
        started, before = time.monotonic(), self.seconds
        with steps(self.schedule.steps, quiet=quiet) as show:
            show(self.step, self.losses[-1] if self.losses else {})
            while not self._done():
                loss = self._train_step()
                self.seconds = before + time.monotonic() - started
                show(self.step, {"loss": loss})
                if self.step % self.schedule.evaluate_every == 0 or self._done():
                    self._evaluate(loss)
                    show(self.step, self.losses[-1])
        self._finish()
        return TrainingSummary(self.step, time.monotonic() - started, self.best[0], self.best[1])

    def _finish(self) -> None:
        """Only a training that has ended has a model, so that an interrupted one is never taken for it."""
        if not self.folder.losses_file.exists():
            self._write_losses()
        if self.folder.best_file.exists():
            self.folder.best_file.replace(self.folder.model_file)
        elif not self.folder.model_file.exists():
            raise RunError(f"no held-out loss of {self.folder.path} was finite; lower the learning rate or the clip")

    def _done(self) -> bool:
        return self._progress() >= 1

    def _progress(self) -> float:
        """Done part of the schedule, by steps or time."""
        spent = self.seconds / (60 * self.schedule.minutes) if self.schedule.minutes else 0.0
        return max(self.step / self.schedule.steps, spent)

    def _train_step(self) -> float:
        """One step of every turn; the loss of the last."""
        self.model.train()
        with seeded(self.schedule.seed, self.step, "training"):
            for turn in self.turns:
                for _ in range(turn.repeat):
                    loss = self._update(turn)
        self._update_average()
        self.step += 1
        return loss

    def _update(self, turn: Turn) -> float:
        optimiser = self.optimisers[turn.name]
        for group in optimiser.param_groups:
            group["lr"] = self.schedule.learning_rate * self.schedule.rate(self._progress())
        optimiser.zero_grad()
        loss = turn.loss(self._draw())
        loss.backward()
        slope = torch.nn.utils.clip_grad_norm_(turn.parameters, self.schedule.clip)
        if not torch.isfinite(loss) or not torch.isfinite(slope):
            raise RunError(
                f"the loss or its slope is not finite at step {self.step}; the last checkpoint in "
                f"{self.folder.path} is kept"
            )
        optimiser.step()
        return float(loss.detach())

    def _draw(self) -> Batch:
        """Random showers, each under a random symmetry."""
        n = min(self.schedule.batch, len(self.batch))
        batch = self.batch[torch.randperm(len(self.batch))[:n].to(self.device)]
        if self.symmetries is None:
            return batch
        chosen = self.symmetries[torch.randint(len(self.symmetries), (n,)).to(self.device)]
        return Batch(batch.cells.gather(1, chosen), batch.incidents)

    def _update_average(self) -> None:
        """Running mean of the weights, shorter while the training is young."""
        kept = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(weight, 1 - kept)
            for kept_buffer, buffer in zip(self.average.buffers(), self.model.buffers(), strict=True):
                kept_buffer.copy_(buffer)

    def _evaluate(self, loss: float) -> None:
        held_out = self._held_out_loss()
        if held_out < self.best[0]:
            self.best = (held_out, self.step)
            save_state(self.folder.best_file, self.average.state_dict())
        self.losses.append({"step": self.step, "seconds": round(self.seconds, 3), "loss": loss, "held_out": held_out})
        self._write_losses()
        save_state(self.folder.checkpoint_file, self.state())

    def _write_losses(self) -> None:
        write_text(self.folder.losses_file, "".join(json.dumps(line) + "\n" for line in self.losses))

    def _held_out_loss(self) -> float:
        """Mean loss of the averaged weights on the selection showers, with the same noise each time."""
        self.average.settle()
        size = max(self.schedule.batch, self.model.judged)
        with seeded(self.schedule.seed, 0, "selection"), torch.no_grad():
            parts = [self.held_out[i : i + size] for i in range(0, len(self.held_out), size)]
            return sum(float(self._selection_loss(part)) * len(part) for part in parts) / len(self.held_out)

    def _selection_loss(self, batch: Batch) -> torch.Tensor:
        return self.lessons.loss(self.average, batch) if self.lessons else self.average.selection_loss(batch)

    def state(self) -> dict[str, Any]:
        """All that the next step depends on; the random numbers depend on seed and step alone."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "losses": self.losses,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            InputError: it is of a model that has changed since.
        """
        try:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
        except RuntimeError as error:
            raise InputError(f"{self.folder.checkpoint_file} does not fit this version of the model; train in another "
                             f"folder: {str(error)[:200]}") from None  # fmt: skip
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]
        self.losses = state["losses"]


@contextmanager
def seeded(seed: int, index: int, stream: str) -> Iterator[None]:
    """Inside, torch's random numbers depend on (seed, index, stream) alone; outside, nothing changes."""
    with torch.random.fork_rng():
        torch.manual_seed(engine_seed(seed, index, stream))
        yield
