"""Number of steps of a training: the configured one, or as many as fit into its minutes by a measured step."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch

from caloforge.errors import InputError
from caloforge.files import write_text
from caloforge.training.config import Schedule

WARMING = 2  # steps before those that are timed: memory and code are found then
TIMED = 15
SHARE = 0.02  # of the minutes at most that timing takes


@dataclass(frozen=True)
class Pace:
    """Length of a training, and the machine that it was decided on.

    Attributes:
        steps: training steps; what makes it reproducible elsewhere.
        seconds_per_step: as measured, with the step's share of an evaluation; None where no minutes are set.
        threads: of PyTorch.
        device: "cpu" or the name of a GPU.
    """

    steps: int
    seconds_per_step: float | None
    threads: int
    device: str

    @classmethod
    def of(cls, schedule: Schedule, device: torch.device, file: Path, seconds: Callable[[], float]) -> "Pace":
        """The pace in a file, or that of the schedule, written into it.

        Args:
            schedule: its steps, and minutes if any.
            device: that trains.
            file: where it is kept, so that a resumed training has the same.
            seconds: measures a step.

        Raises:
            InputError: the file is damaged.
        """
        if file.exists():
            return cls._read(file)
        measured = seconds() if schedule.minutes else None
        steps = schedule.steps
        if measured and schedule.minutes:
            steps = min(steps, max(1, int(60 * schedule.minutes / measured)))
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        pace = cls(steps, measured, torch.get_num_threads(), name)
        write_text(file, json.dumps(asdict(pace), indent=1))
        return pace

    @classmethod
    def _read(cls, file: Path) -> "Pace":
        try:
            pace = cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise InputError(f"cannot read {file}; train anew in another folder") from None
        return pace


def timed(step: Callable[[], object], limit: float) -> float:
    """Median seconds of a step, of 15 or as many as a limit [s] allows."""
    for _ in range(WARMING):
        step()
    times: list[float] = []
    while not times or (len(times) < TIMED and sum(times) < limit):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return median(times)
