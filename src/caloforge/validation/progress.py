"""The progress bar of a validation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from caloforge.validation.features import VIEWS
from caloforge.validation.samples import Samples

PER_SAMPLE = len(VIEWS) + 4  # observables, distances, every view, trees, analysis
COMMON = 2  # analysis networks, report


@contextmanager
def steps(shown: bool, samples: Samples) -> Iterator[Callable[[str], None]]:
    """Give a function that names the step that begins; the bar counts the steps that ended."""
    columns = (TextColumn("validate"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, disable=not shown, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=PER_SAMPLE * len(samples.compared) + COMMON)
        first = True

        def tick(what: str) -> None:
            nonlocal first
            bar.update(task, description=what, advance=0 if first else 1)
            first = False

        yield tick
