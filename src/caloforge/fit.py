"""Fit a run into given minutes: reduce showers and training steps if this machine would take longer."""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from caloforge.config import read_file
from caloforge.limits import cores
from caloforge.runs import Run
from caloforge.runs.config import RunConfig, ShowerCounts
from caloforge.simulators import GEANT4, create

CHAIN = 3.8  # time of the quickstart's whole chain over that of its Geant4 showers
SHARE = 0.9  # share of the minutes that is planned
WARMING, TIMED = 2, 10  # showers per worker
FEWEST = {"train": 400, "select": 120, "test": 400}  # 120: a judge of three folds
FEWEST_STEPS = 200

Say = Callable[[str], None]


def fit_to_minutes(run: Run, minutes: float, say: Say, *, anew: bool = False) -> Run:
    """Return the run with as many showers and steps as fit into the minutes.

    Args:
        run: a new run, or one in progress, which keeps its numbers.
        minutes: time of the whole chain.
        say: called with a message on the reduction.
        anew: ignore the numbers of an earlier run.
    """
    if run.own is not None:
        say("showers come from files: --minutes reduces nothing; [training] minutes bounds the training")
        return run
    if run.paths.config.exists() and not anew:
        begun: RunConfig = read_file(RunConfig, run.paths.config)
        same = {"showers": begun.showers, "training": begun.training}
        return Run(run.config.model_copy(update=same), run.folder, workers=run.workers)
    total = sum(run.config.showers.sizes)
    say(f"timing a few Geant4 showers, to fit the run into {minutes:g} minutes")
    expected = CHAIN * total * seconds_per_shower(run) / 60
    share = min(1.0, SHARE * minutes / expected)
    if share == 1.0:
        say(f"all {total} showers fit: the run takes about {math.ceil(expected)} minutes here")
        return run
    config = reduced(run.config, share)
    left = config.showers.sizes
    fewer = sum(left)
    about = expected * fewer / total
    say(f"all {total} showers would take about {expected:.0f} minutes here: the run makes {fewer} ({left[0]} for "
        f"training, {left[1]} for selection, {left[2]} for the test) and takes about {about:.0f}; "
        "its figures are those of a smaller training")  # fmt: skip
    return Run(config, run.folder, workers=run.workers)


def reduced(config: RunConfig, share: float) -> RunConfig:
    """Config with a share of its showers and training steps, at least as many as judging and training need."""
    counts = config.showers.model_dump()
    fewer = {key: min(counts[key], max(least, math.ceil(share * counts[key]))) for key, least in FEWEST.items()}
    training = dict(config.training)
    if isinstance(steps := training.get("steps"), int):
        training["steps"] = min(steps, max(FEWEST_STEPS, math.ceil(share * steps)))
    showers = ShowerCounts(**{**counts, **fewer})
    return config.model_copy(update={"showers": showers, "training": training})


def seconds_per_shower(run: Run) -> float:
    """Time [s] of a Geant4 shower of a run with all its workers, without their start."""
    workers = run.workers or cores()

    def work(number: int) -> tuple[float, float]:
        with create(GEANT4, run.detector, run.config.physics) as geant4:
            geant4.simulate(run.source.draw(0, WARMING, run.config.seed), number)
            begin = time.perf_counter()
            geant4.simulate(run.source.draw(WARMING, TIMED, run.config.seed), number)
            return begin, time.perf_counter()

    with ThreadPoolExecutor(workers) as pool:
        spans = list(pool.map(work, range(workers)))
    return sum(end - begin for begin, end in spans) / (workers * workers * TIMED)
