"""Number of steps of a training: the configured number, or as many as fit into its minutes."""

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

WARMING = 2  # steps before the timed ones, in which memory is allocated and kernels are chosen
TIMED = 15  # largest number of timed steps
SHARE = 0.02  # largest share of the minutes that timing takes


@dataclass(frozen=True)
class Pace:
    """Length of a training, and the machine on which it was determined.

    Attributes:
        steps: training steps, with which the training can be repeated elsewhere.
        seconds_per_step: measured time of a step and its share of an evaluation; None if no minutes are set.
        threads: threads of PyTorch.
        device: "cpu" or the name of a GPU.
    """

    steps: int
    seconds_per_step: float | None
    threads: int
    device: str

    @classmethod
    def of(cls, schedule: Schedule, device: torch.device, file: Path, seconds: Callable[[], float]) -> "Pace":
        """Read the pace from a file; if there is none, compute it from the schedule and write it.

        Args:
            schedule: schedule with steps and perhaps minutes.
            device: device of the training.
            file: file of the pace, so that a resumed training has the same.
            seconds: function that measures the seconds of a step.

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
            raise InputError(f"cannot read {file}; start a new training in another folder") from None
        return pace


def timed(step: Callable[[], object], limit: float) -> float:
    """Median seconds of up to `TIMED` steps, as many as the limit [s] allows."""
    for _ in range(WARMING):
        step()
    times: list[float] = []
    while not times or (len(times) < TIMED and sum(times) < limit):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return median(times)
