"""Workers simulate shards on this machine's cores or on a Dask cluster; the showers are the same."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from caloforge import provenance
from caloforge.errors import InputError, RunError
from caloforge.plugins import blame
from caloforge.production.shards import Shard
from caloforge.showers import Incidents, Showers
from caloforge.simulators import Simulator

ATTEMPTS = 3

# by thread: the key of its job and its simulator, kept for all shards of the job
_own: dict[int, tuple[str, Simulator]] = {}


@dataclass(frozen=True)
class Job:
    """A job: all that a worker needs; can be pickled.

    Attributes:
        key: name of the job; a thread keeps its simulator while the key stays.
        make: makes the simulator.
        seed: the run's seed.
    """

    key: str
    make: Callable[[], Simulator]
    seed: int

    def run(self, incidents: Incidents) -> Showers:
        """Simulate the incidents of one shard with this thread's own simulator; the provenance tells the code."""
        showers = self._own_simulator().simulate(incidents, self.seed)
        return replace(showers, provenance={**showers.provenance, "code": provenance.code()})

    def _own_simulator(self) -> Simulator:
        thread = threading.get_ident()
        if thread in _own:
            key, simulator = _own[thread]
            if key == self.key:
                return simulator
            simulator.close()
        simulator = self.make()
        _own[thread] = self.key, simulator
        return simulator

    def close(self) -> None:
        """Close the simulators of all threads of this process, even running ones."""
        found = [_own.pop(thread) for thread, (key, _) in list(_own.items()) if key == self.key]
        for _, simulator in found:
            simulator.close()


class Pool(Protocol):
    """Run jobs elsewhere and return futures."""

    @property
    def threads(self) -> int:
        """Number of shards that run at the same time."""
        ...

    def submit(self, job: Job, incidents: Incidents) -> Future[Showers]:
        """Start the incidents of one shard."""
        ...

    def close(self, job: Job) -> None:
        """Cancel shards that have not started, and stop running ones."""
        ...


class LocalPool:
    """Threads of this process, each with its own simulator (Geant4's runs in a child process of the thread)."""

    def __init__(self, workers: int) -> None:
        self.threads = workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="caloforge")

    def submit(self, job: Job, incidents: Incidents) -> Future[Showers]:
        """Start the incidents of one shard."""
        return self._threads.submit(job.run, incidents)

    def close(self, job: Job) -> None:
        """Cancel shards that have not started, and stop running ones."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        job.close()
        self._threads.shutdown()


@contextmanager
def pool(job: Job, workers: int, cluster: str | None) -> Iterator[Pool]:
    """Pool of local threads, or of a running Dask cluster at `cluster`.

    Raises:
        InputError: the cluster cannot be reached.
    """
    if cluster is None:
        runners: Pool = LocalPool(workers)
    else:
        from caloforge.production.cluster import DaskPool

        runners = DaskPool(cluster)
    try:
        yield runners
    finally:
        runners.close(job)


def simulate_all(
    job: Job,
    shards: Sequence[Shard],
    draw: Callable[[Shard], Incidents],
    runners: Pool,
    finish: Callable[[Shard, Showers], None],
) -> dict[Shard, Exception]:
    """Simulate the incidents that `draw` gives for each shard, and pass the showers to `finish`.

    Each thread has one shard waiting behind the one it simulates. A lost shard is tried three times.

    Returns:
        Shards that failed for good, with the last reason.

    Raises:
        InputError: the simulator refuses the incidents.
    """
    waiting = [(shard, 1) for shard in reversed(shards)]
    running: dict[Future[Showers], tuple[Shard, int]] = {}
    failed: dict[Shard, Exception] = {}
    while waiting or running:
        while waiting and len(running) < 2 * runners.threads:
            shard, attempt = waiting.pop()
            running[runners.submit(job, draw(shard))] = shard, attempt
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            shard, attempt = running.pop(future)
            error = future.exception()
            if error is None:
                finish(shard, future.result())
            elif isinstance(error, InputError) or not isinstance(error, Exception):
                raise error
            elif attempt < ATTEMPTS:
                waiting.append((shard, attempt + 1))
            else:
                failed[shard] = error
    return failed


def describe_failures(failed: dict[Shard, Exception], kept: str) -> RunError:
    """One error that names the failed shards and the folder of the others."""
    shard, reason = next(iter(failed.items()))
    more = f" (and {len(failed) - 1} more shards)" if len(failed) > 1 else ""
    said = f"{shard}{more} failed {ATTEMPTS} times: {blame(reason) or reason}"
    return RunError(f"{said}; the rest is kept in {kept}, --resume tries again")
