"""Pool of workers on a running Dask cluster (Slurm, HTCondor, Kubernetes, ... through dask-jobqueue)."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any

from caloforge.errors import InputError, RunError
from caloforge.production.workers import Job
from caloforge.provenance import code
from caloforge.showers import Incidents, Showers


class DaskPool:
    """Run shards as Dask tasks and return the results to this process, which writes them.

    Raises:
        InputError: Dask is not installed, no scheduler answers at the address, or a worker has another caloforge.
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
        self._address = address
        self._tasks: set[Any] = set()
        self._check_code()

    def _check_code(self) -> None:
        with self._answering():
            found: dict[str, Any] = self._client.run(code, on_error="return")
        for worker, theirs in found.items():
            if theirs != code():
                self._client.close()
                theirs = theirs if isinstance(theirs, str) else "of another version"
                raise InputError(f"worker {worker} has caloforge {theirs}, this process has {code()}; "
                                 "install the same on both")  # fmt: skip

    @property
    def threads(self) -> int:
        """Number of threads of the present workers, at least one, since more may join.

        Raises:
            RunError: the cluster is gone.
        """
        with self._answering():
            threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def submit(self, job: Job, incidents: Incidents) -> Future[Showers]:
        """Start the incidents of one shard; Dask retries lost workers before caloforge does.

        Raises:
            RunError: the cluster is gone.
        """
        with self._answering():
            task = self._client.submit(job.run, incidents, pure=False)
        future: Future[Showers] = Future()
        self._tasks.add(task)
        task.add_done_callback(lambda finished: self._hand_over(finished, future))
        return future

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # Dask's client raises many kinds of errors once it has given up
            raise RunError(f"the Dask cluster at {self._address} is gone: {error}; finished shards are kept, "
                           "--resume continues") from None  # fmt: skip

    def close(self, job: Job) -> None:
        """Cancel shards that have not started, stop running ones, and end the workers' simulators."""
        if self._client.status == "running":
            with suppress(Exception):  # a lost worker has no simulator left to end
                self._client.cancel(list(self._tasks), force=True)
                self._client.run(job.close)
        self._client.close()

    def _hand_over(self, task: Any, future: Future[Showers]) -> None:
        self._tasks.discard(task)
        try:
            if task.status == "finished":
                future.set_result(task.result())
            else:
                future.set_exception(
                    task.exception() if task.status == "error" else RunError(f"task was {task.status}")
                )
        except Exception as error:  # all errors must reach the waiting side
            future.set_exception(error)
