"""Workers of a search, which run trial after trial until all have ended, in this process or in several."""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, NoReturn

from caloforge.errors import InputError, RunError
from caloforge.limits import cores
from caloforge.processes import end_with_writer
from caloforge.search.objectives import OBJECTIVES, distance
from caloforge.search.study import ClaimedTrial, SharedStudy
from caloforge.search.trial import prepared, run_trial

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from caloforge.search.search import Search
    from caloforge.training import Listener

POLL_SECONDS = 2.0  # [s] between looks at trials of other processes
MOST_REPLACED = 3  # processes that are started in place of killed ones, per worker
Say = Callable[[str], None]


class _Pruned(Exception):  # noqa: N818
    """Raised in a training to end its trial early."""


def work(study: SharedStudy, total: int, deadline: float, say: Say) -> None:
    """Run trials until `total` of the study have ended in any process, or until no more may begin.

    Args:
        study: study of the search.
        total: number of trials.
        deadline: time by the monotonic clock [s] after which no trial begins.
        say: function that is called with a line on each trial.
    """
    while time.monotonic() < deadline:
        if taken := study.take(total):
            if taken.resumed:
                say(f"trial {taken.number} goes on: the process that had begun it has ended")
            _work_on(study, taken, say)
        elif study.running():
            time.sleep(POLL_SECONDS)
        else:
            return


def _work_on(study: SharedStudy, taken: ClaimedTrial, say: Say) -> None:
    """Run a claimed trial, and tell the study how it ended."""
    try:
        config = study.trial_config(taken.values)
        run = prepared(config, study.trial_folder(taken.number), _listener(study, taken))
    except InputError as error:
        _fail(study, taken, str(error), say)
        return
    try:
        outcome = run_trial(run, study.space.search.recipe)
    except _Pruned:
        study.prune(taken)
        say(f"trial {taken.number}: pruned")
    except RunError as error:
        _fail(study, taken, str(error), say)
    except (KeyboardInterrupt, SystemExit, OSError, InputError):
        study.leave(taken)
        raise
    except BaseException:
        taken.claim.release()  # it counts as lost, so that a trial which breaks every process ends
        raise
    else:
        scores = [OBJECTIVES[name].score(outcome) for name in study.space.search.objectives]
        study.finish(taken, scores, outcome.__dict__)
        say(f"trial {taken.number}: AUC {outcome.auc:.3f} +- {outcome.auc_error:.3f}, {outcome.ms:.3g} ms, "
            f"{outcome.seconds:.0f} s")  # fmt: skip


def _fail(study: SharedStudy, taken: ClaimedTrial, reason: str, say: Say) -> None:
    study.fail(taken.trial, reason)
    taken.claim.release()
    say(f"trial {taken.number}: failed, {reason}")


def _listener(study: SharedStudy, taken: ClaimedTrial) -> "Listener | None":
    """Function that reports a training's scores to the pruner, and ends the training if the pruner says so."""
    if not study.space.search.prune:
        return None
    trial, known = taken.trial, set(study.study.get_trials(deepcopy=False)[taken.number].intermediate_values)

    def listen(line: Mapping[str, float]) -> None:
        score = distance(line["auc"]) if "auc" in line else line["held_out"]
        step = int(line["step"])
        if step not in known:
            trial.report(score, step)
        if trial.should_prune():
            raise _Pruned

    return listen


def work_in_processes(search: "Search", total: int, deadline: float, workers: int, say: Say) -> None:
    """Run trials in several processes of this machine, which share its cores; a killed process is replaced."""
    pool, left = _Workers(search, total, deadline, max(1, cores() // workers)), MOST_REPLACED * workers
    try:
        for _ in range(workers):
            pool.start()
        while pool.processes:
            time.sleep(POLL_SECONDS / 10)
            for process in pool.ended():
                if (process.exitcode or 0) < 0 and left:
                    left -= 1
                    say(f"worker {process.pid} was killed; another takes its place")
                    pool.start()
    finally:
        pool.stop()


class _Workers:
    """Child processes that work, each with a pipe whose end tells it that its parent has died."""

    def __init__(self, search: "Search", total: int, deadline: float, threads: int) -> None:
        self._context, self._work = get_context("spawn"), (search, total, deadline, threads)
        self.processes: dict[SpawnProcess, Connection] = {}

    def start(self) -> None:
        """Start one more process."""
        theirs, ours = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_serve, args=(*self._work, theirs))
        process.start()
        theirs.close()
        self.processes[process] = ours

    def ended(self) -> list[SpawnProcess]:
        """Processes that have ended since the last call."""
        gone = [process for process in self.processes if process.exitcode is not None]
        for process in gone:
            self.processes.pop(process).close()
        return gone

    def stop(self) -> None:
        """End all processes that still run, and wait for them."""
        for process in self.processes:
            process.terminate()
        for process, ours in self.processes.items():
            process.join()
            ours.close()


def _serve(search: "Search", total: int, deadline: float, threads: int, parent: "Connection") -> None:
    """Work in a child process, which ends with its parent."""
    from caloforge.training.threads import use_threads

    end_with_writer(parent.fileno())
    signal.signal(signal.SIGTERM, _stop)
    use_threads(threads)
    try:
        work(search.attach(), total, deadline, _say)
    except KeyboardInterrupt:
        sys.exit(1)
    except (InputError, RunError) as error:
        sys.exit(f"a worker ended: {error}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _stop(*_: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)
