"""Progress with rate and time left on stderr: a bar in a terminal, plain lines in a file."""

import time
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

STEP = 0.05  # a plain line after every such share of the work,
PAUSE = 60.0  # [s] or after this time


class RateColumn(ProgressColumn):
    """Items per second."""

    def render(self, task: Task) -> Text:
        """Rate of the task, without items that were finished before its start."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.3g}/s" if speed else "", style="cyan")


class PlainLines(Progress):
    """Progress as plain lines, one per 5 % or minute, for the log of a batch job."""

    def __init__(self, console: Console) -> None:
        super().__init__(console=console, disable=True)
        self._printed: dict[TaskID, tuple[float, float]] = {}  # share done and time of the last line
        self._begin: dict[TaskID, tuple[float, float]] = {}  # items done and time at the start

    def add_task(self, description: str, *args: Any, **kwargs: Any) -> TaskID:
        """Begin a task; its first line comes with the first progress."""
        task = super().add_task(description, *args, **kwargs)
        now = time.monotonic()
        self._begin[task] = (self._tasks[task].completed, now)
        self._printed[task] = (self._share(task), now)
        return task

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Update a task, and print a line if it is due."""
        super().update(task_id, **changes)
        self._print_if_due(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Advance a task, and print a line if it is due."""
        super().advance(task_id, advance)
        self._print_if_due(task_id)

    def _print_if_due(self, task: TaskID) -> None:
        share, last = self._printed[task]
        done = self._share(task)
        if _steps(done) > _steps(share) or time.monotonic() - last >= PAUSE:
            self._print(task)

    def _share(self, task: TaskID) -> float:
        total = self._tasks[task].total
        return self._tasks[task].completed / total if total else 0.0

    def _print(self, task: TaskID) -> None:
        now, share, state = time.monotonic(), self._share(task), self._tasks[task]
        self._printed[task] = (share, now)
        done, since = self._begin[task]
        rate = (state.completed - done) / (now - since) if now > since else 0.0
        left = ((state.total or 0) - state.completed) / rate if rate else 0.0
        ahead = f", {rate:.3g}/s, {_duration(left)} left" if rate and share < 1 else ""
        self.console.print(
            f"{state.description}: {state.completed:g}/{state.total or 0:g} ({share:.0%}), "
            f"{_duration(now - since)} elapsed{ahead}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _steps(share: float) -> int:
    return int(share / STEP + 1e-9)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def bar(*, quiet: bool = False, transient: bool = False) -> Progress:
    """Show the progress of a task: name, items done and in all, rate, elapsed and remaining time.

    Args:
        quiet: show nothing.
        transient: remove the bar from the terminal at the end.

    Returns:
        A bar in a terminal; plain lines where stderr is a file or a pipe.
    """
    console = Console(stderr=True)
    if not quiet and not console.is_terminal:
        return PlainLines(console)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=quiet,
        transient=transient,
    )
