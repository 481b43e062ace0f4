"""A running Dask cluster (Slurm, HTCondor, Kubernetes, ... through dask-jobqueue) as a pool of workers."""

from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from caloforge.errors import InputError, RunError
from caloforge.production.workers import Job
from caloforge.showers import Incidents, Showers


class DaskPool:
    """Shards as Dask tasks; results come back to this process, which writes them.

    Raises:
        InputError: Dask is not installed, or no scheduler answers at the address.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise InputError("--cluster needs Dask: pip install 'caloforge[cluster]'") from None
        try:
            self._client: Any = Client(address, timeout="20s", set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"no Dask scheduler answers at '{address}': {error}") from None

    @property
    def threads(self) -> int:
        """Threads of all workers there are now, at least one: more may come."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def submit(self, job: Job, incidents: Incidents) -> Future[Showers]:
        """Start the incidents of one shard; Dask's own retry of lost workers stands before ours."""
        task = self._client.submit(job.run, incidents, pure=False)
        future: Future[Showers] = Future()
        task.add_done_callback(lambda finished: _hand_over(finished, future))
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()


def _hand_over(task: Any, future: Future[Showers]) -> None:
    try:
        if task.status == "finished":
            future.set_result(task.result())
        else:
            future.set_exception(task.exception() if task.status == "error" else RunError(f"task was {task.status}"))
    except Exception as error:  # whatever the network does must reach the waiting side
        future.set_exception(error)
