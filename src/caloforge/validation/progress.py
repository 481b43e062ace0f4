"""The progress bar of a validation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from caloforge.progress import bar
from caloforge.validation.features import VIEWS
from caloforge.validation.judges.members import find_members
from caloforge.validation.judges.verdict import n_steps
from caloforge.validation.recipes import Recipe
from caloforge.validation.samples import Samples

PER_SAMPLE = len(VIEWS) + 4  # steps: observables, distances, every view, trees, analysis
COMMON = 2  # steps: analysis networks, report


@contextmanager
def steps(shown: bool, samples: Samples, recipe: Recipe) -> Iterator[Callable[[str], None]]:
    """Show a progress bar, and yield a function that takes the name of a step that begins."""
    with bar(quiet=not shown, transient=True) as progress:
        members = find_members(recipe.judges, samples.reference.detector)
        trainings = n_steps(len(members), recipe.folds, recipe.curve)
        task = progress.add_task("validate", total=(PER_SAMPLE + trainings) * len(samples.compared) + COMMON)
        first = True

        def tick(what: str) -> None:
            nonlocal first
            progress.update(task, description=f"validate  {what}", advance=0 if first else 1)
            first = False

        yield tick
