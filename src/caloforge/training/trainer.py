"""The training loop of all models: symmetries, averaged weights, validation losses and checkpoints."""

import copy
import json
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from caloforge.errors import InputError, RunError
from caloforge.files import write_text
from caloforge.models import Batch, OptimiserStep, build
from caloforge.showers import Showers
from caloforge.showers.stored import AnyShowers
from caloforge.training.adapt import begin_from
from caloforge.training.allocation import keep_freed_memory
from caloforge.training.batches import batches_of
from caloforge.training.board import Board
from caloforge.training.config import TrainingConfig
from caloforge.training.devices import SINGLE, Group
from caloforge.training.distill import distillation
from caloforge.training.pace import SHARE, Pace, timed
from caloforge.training.parts import Parts
from caloforge.training.picking import WHOLE, Picker, Scorer, parts_of, separability
from caloforge.training.progress import steps
from caloforge.training.response import unmatched_response
from caloforge.training.run import TrainingFolder, save_state
from caloforge.training.seeding import seeded
from caloforge.training.summary import TrainingSummary
from caloforge.training.symmetry import random_symmetry
from caloforge.training.tracking import Tracker

Listener = Callable[[Mapping[str, float]], None]
"""Function that gets the line of losses.jsonl (step, seconds, loss, held-out losses) of an evaluation."""

HELD_OUT = 2000  # largest number of validation showers per evaluation


class Trainer:
    """One training: its state between steps, and the loop over steps."""

    def __init__(
        self,
        config: TrainingConfig,
        training: AnyShowers,
        selection: Showers,
        folder: TrainingFolder,
        scorer: Scorer | None = None,
        group: Group = SINGLE,
        listener: Listener | None = None,
    ) -> None:
        self.folder = folder
        self.schedule = config.training
        self.group, self.device = group, group.device
        domain, schedule = folder.domain, self.schedule
        self.batches, fitted = batches_of(training, schedule.batch, schedule.buffer, schedule.seed, self.device)
        self.parts = Parts(group, schedule.accumulate, self.batches.size)
        with seeded(self.schedule.seed, 0, "weights"):
            model = build(config.model, training.detector, domain)
            drawn = {name: value.clone() for name, value in model.named_buffers()}
            model.fit(fitted)
        begin_from(config, model, drawn)
        self.model = model.to(self.device)
        self.distillation = distillation(config, self.model)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        distilled = self.distillation.optimiser_steps(self.model) if self.distillation else None
        self.optimiser_steps = distilled or self.model.optimiser_steps()
        self.optimisers = {step.name: self._optimiser(step) for step in self.optimiser_steps}
        self.selection, self.scorer, self.listener = selection[:HELD_OUT], scorer, listener
        self.held_out = Batch.of(self.selection).to(self.device)
        self.symmetry = random_symmetry(training.detector, domain, self.device) if schedule.symmetries else None
        self.step = 0
        self.seconds = 0.0
        self.losses: list[dict[str, float]] = []
        apart = self.schedule.select == "loss" and self.distillation is None and self.model.parts_apart
        self.picker = Picker(self.average, parts_of(self.model, self.optimiser_steps, apart=apart), folder.best_file)
        self.pace: Pace | None = None
        self.board: Board | None = None

    def _optimiser(self, step: OptimiserStep) -> torch.optim.Optimizer:
        make = step.optimiser or partial(torch.optim.AdamW, fused=True)
        return make(step.parameters, lr=self.schedule.learning_rate, weight_decay=self.schedule.weight_decay)

    def _seconds_per_step(self) -> float:
        """Seconds of a step and its share of an evaluation, measured on steps that are undone afterwards."""
        before = copy.deepcopy(self.state())
        limit = 60 * SHARE * (self.schedule.minutes or 0.0)
        step = timed(self._train_step, limit if self.group.size == 1 else math.inf)  # as often in all processes
        begin = time.perf_counter()
        self._held_out_losses()
        evaluation = time.perf_counter() - begin
        self._load(before)
        return step + evaluation / self.schedule.evaluate_every

    def run(self, *, quiet: bool) -> TrainingSummary:
        """Train to the end of the schedule."""
        started, before = time.monotonic(), self.seconds
        keep_freed_memory()
        self.pace = self._agreed_pace()
        if self.group.is_leader:
            store = self.schedule.mlflow
            tracker = Tracker(store, self.folder, self.group.size) if store else None
            self.board = Board(self.folder, self.selection, self.step, self.schedule.seed, tracker)
        with steps(self.pace.steps, quiet=quiet or not self.group.is_leader) as show:
            show(self.step, self.losses[-1] if self.losses else {})
            while not self._done():
                loss = self._train_step()
                self.seconds = before + time.monotonic() - started
                show(self.step, {"loss": loss})
                if self.group.is_leader and (self.step % self.schedule.evaluate_every == 0 or self._done()):
                    self._evaluate(loss)
                    show(self.step, self.losses[-1])
        if self.group.is_leader:
            self._finish()
        return TrainingSummary(self.step, time.monotonic() - started, dict(self.picker.best))

    def _agreed_pace(self) -> Pace:
        """The pace, measured by all processes and decided by the leader."""
        file = self.folder.pace_file
        measure = self.group.broadcast(int(bool(self.schedule.minutes) and not file.exists()))
        seconds = self._seconds_per_step() if measure else 0.0
        pace = Pace.of(self.schedule, self.device, file, lambda: seconds) if self.group.is_leader else None
        agreed = self.group.broadcast(pace.steps if pace else 0)
        return pace or Pace(agreed, None, torch.get_num_threads(), self.device.type)

    def _finish(self) -> None:
        """Write the model file, which marks the training as ended."""
        if not self.folder.losses_file.exists():
            self._write_losses()
        picked = self.folder.best_file.exists() or not self.folder.model_file.exists()
        if picked:
            self.picker.check()
        if picked or not self.folder.response_file.exists():
            response = unmatched_response(self.picker.model, self.selection)
            write_text(self.folder.response_file, json.dumps(response, indent=1))
        if picked:
            self.folder.best_file.replace(self.folder.model_file)
        if self.board is not None:
            self.board.end()

    def _done(self) -> bool:
        return self._progress >= 1

    def _train_step(self) -> float:
        """Do all optimiser steps of one training step, and return the loss of the last."""
        self.model.train()
        with seeded(self.schedule.seed, self.step, "training"):
            updates = [part for part in self.optimiser_steps for _ in range(part.repeat)]
            for number, part in enumerate(updates, self.step * len(updates)):
                loss = self._update(part, number)
        self._update_average()
        self.step += 1
        return loss

    def _update(self, part: OptimiserStep, number: int) -> float:
        optimiser = self.optimisers[part.name]
        for group in optimiser.param_groups:
            group["lr"] = self.schedule.learning_rate * self.schedule.rate(self._progress)
        optimiser.zero_grad()
        loss = self.parts.backward(part.loss, self._draw(number), part.parameters)
        gradient = torch.nn.utils.clip_grad_norm_(part.parameters, self.schedule.clip)
        if not torch.isfinite(loss) or not torch.isfinite(gradient):
            raise RunError(
                f"the loss or its gradient is not finite at step {self.step}; the last checkpoint in "
                f"{self.folder.path} is kept"
            )
        optimiser.step()
        return float(loss)

    def _draw(self, number: int) -> Batch:
        """The batch of a draw, with each shower transformed by a random symmetry."""
        batch = self.batches.draw(number)
        return batch if self.symmetry is None else self.symmetry(batch)

    def _update_average(self) -> None:
        """Update the exponential moving average of the weights, which is over fewer steps early in the training."""
        kept = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(weight, 1 - kept)
            for kept_buffer, buffer in zip(self.average.buffers(), self.model.buffers(), strict=True):
                kept_buffer.copy_(buffer)

    @property
    def _progress(self) -> float:
        """Fraction of the training that is done; zero while the duration of a step is measured."""
        return self.step / self.pace.steps if self.pace else 0.0

    def _evaluate(self, loss: float) -> None:
        losses = self._held_out_losses()
        line = {"step": self.step, "seconds": round(self.seconds, 3), "loss": loss, "held_out": sum(losses.values())}
        if len(losses) > 1:
            line |= {f"held_out_{name}": value for name, value in losses.items()}
        self.picker.offer(self.average, self._scores(losses, line), self.step)
        self.losses.append(line)
        self._write_losses()
        if self.board is not None:
            self.board.tell(line, self._rates(), self.average)
        save_state(self.folder.checkpoint_file, self.state())
        if self.listener is not None:
            self.listener(line)

    def _rates(self) -> dict[str, float]:
        """Learning rate, and showers per second since the training began."""
        showers = self.step * self.batches.size * sum(part.repeat for part in self.optimiser_steps)
        rate = self.schedule.learning_rate * self.schedule.rate(self._progress)
        return {"learning": rate, "showers_per_second": showers / max(self.seconds, 1e-9)}

    def _write_losses(self) -> None:
        write_text(self.folder.losses_file, "".join(json.dumps(line) + "\n" for line in self.losses))

    def _scores(self, losses: dict[str, float], line: dict[str, float]) -> dict[str, float]:
        """Scores that select the weights: losses, or the distance of the judge's area from one half."""
        if self.scorer is None or self.schedule.select == "loss":
            return losses if self.picker.apart else {WHOLE: line["held_out"]}
        due = (len(self.losses) + 1) % self.schedule.judge_every == 0
        if not due and not self._done():
            return {}
        line["auc"] = separability(self.scorer, self.average, self.selection, self.schedule.seed)
        return {WHOLE: abs(line["auc"] - 0.5)}

    def _held_out_losses(self) -> dict[str, float]:
        """Mean losses of the averaged weights on the validation sample, with the same noise each time."""
        self.average.finalise()
        size = max(self.schedule.batch, self.model.selection_batch)
        with seeded(self.schedule.seed, 0, "selection"), torch.no_grad():
            parts = [self.held_out[i : i + size] for i in range(0, len(self.held_out), size)]
            losses = [(len(part), self._selection_losses(part)) for part in parts]
        return {name: sum(n * float(loss[name]) for n, loss in losses) / len(self.held_out) for name in losses[0][1]}

    def _selection_losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        if self.distillation:
            return {WHOLE: self.distillation.loss(self.average, batch)}
        return self.average.selection_losses(batch)

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on, except random numbers, which depend on seed and step only."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "step": self.step,
            "seconds": self.seconds,
            "best": dict(self.picker.best),
            "losses": self.losses,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            InputError: the state does not fit the model, which has changed since.
        """
        try:
            self._load(state)
            if self.group.is_leader:
                self.picker.restore(state["best"], self.folder.model_file)
        except (RuntimeError, AttributeError) as error:
            raise InputError(f"{self.folder.checkpoint_file} does not fit this version of the model; train in another "
                             f"folder: {str(error)[:200]}") from None  # fmt: skip

    def _load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.step, self.seconds, self.losses = state["step"], state["seconds"], state["losses"]
