"""Steps of a run, which are executed unless their results are whole."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from caloforge.files import remove_leftovers
from caloforge.runs.manifest import Manifest


@dataclass(frozen=True)
class Step:
    """One step of a run, which is finished when its results are whole.

    Attributes:
        title: name for users.
        results: files that the step makes.
        work: function that makes them.
        always: whether `work` is called in any case and checks the results itself.
        table: table of the config that only this step reads, and that may change until the step is finished.
    """

    title: str
    results: tuple[Path, ...]
    work: Callable[[], None]
    always: bool = False
    table: str | None = None


def execute(steps: Sequence[Step], manifest: Manifest, console: Console, last: str | None) -> None:
    """Execute every step whose results are not whole, up to the one titled `last`, and all steps after a new model."""
    for folder in {file.parent for step in steps for file in step.results}:
        remove_leftovers(folder)
    console.print(f"{len(steps)} steps: {', '.join(step.title for step in steps)}")
    again = False
    for number, step in enumerate(steps, 1):
        begin = time.perf_counter()
        if not again and not step.always and _is_done(step, manifest, console):
            console.print(f"{number}/{len(steps)} {step.title}: done already")
        else:
            console.rule(f"{number}/{len(steps)} {step.title}", align="left")
            again = again or number > 1  # showers that are made again are the same, so later steps stay valid
            _execute(step, manifest, anew=again)
            console.print(f"{step.title}: {time.perf_counter() - begin:.0f} s, {step.results[-1]}")
        if step.title == last:
            return


def _is_done(step: Step, manifest: Manifest, console: Console) -> bool:
    """Whether all results are whole; damaged ones are named and removed, so that they are made again."""
    damaged = manifest.damaged(step.results)
    for file in damaged:
        how = "damaged" if file.exists() else "missing"
        console.print(f"{file} is {how}: {step.title} is done again")
        file.unlink(missing_ok=True)
    return not damaged and manifest.has(step.results)


def _execute(step: Step, manifest: Manifest, *, anew: bool) -> None:
    own = [file for file in step.results if file.is_relative_to(manifest.folder)]
    manifest.forget(own)
    if anew and step.title != "training":  # training continues from its checkpoint
        for file in own:
            file.unlink(missing_ok=True)
    step.work()
    manifest.record(own)
