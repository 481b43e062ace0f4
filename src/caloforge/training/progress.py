"""Progress bar of a training: steps, rate, remaining time and losses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from caloforge.progress import bar


@contextmanager
def steps(total: int, *, quiet: bool) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """Show a progress bar, and yield a function that sets it to a step and shows losses."""
    shown: dict[str, float] = {}
    with bar(quiet=quiet) as progress:
        task = progress.add_task("training", total=total)

        def show(step: int, losses: dict[str, float]) -> None:
            shown.update((name, losses[name]) for name in ("loss", "held_out") if name in losses)
            text = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in shown.items())
            progress.update(task, completed=step, description=f"training  {text}")

        yield show
