"""Progress bar of a training: rate, losses and time left."""

from types import TracebackType
from typing import Self

from rich import progress as rich_progress
from rich.console import Console


class Progress:
    """A bar over `steps` on stderr; nothing where `quiet`."""

    def __init__(self, steps: int, *, quiet: bool = False) -> None:
        self._steps = steps
        self._text: dict[str, float] = {}
        self._bar = rich_progress.Progress(
            rich_progress.TextColumn("training"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn("{task.fields[rate]}"),
            rich_progress.TextColumn("{task.fields[losses]}"),
            rich_progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._task = self._bar.add_task("training", total=steps, rate="", losses="")

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def show(self, step: int, losses: dict[str, float]) -> None:
        """Set the bar to `step` and update the shown losses."""
        self._text |= {name: losses[name] for name in ("loss", "held_out") if name in losses}
        text = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in self._text.items())
        speed = self._bar.tasks[0].speed
        rate = f"{speed:.1f} steps/s" if speed else ""
        self._bar.update(self._task, completed=step, losses=text, rate=rate)
