"""Produce showers with any simulator, in shards that survive failures of the workers."""

import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from caloforge import provenance
from caloforge.claims import claim
from caloforge.detector import Detector
from caloforge.errors import InputError, RunError
from caloforge.files import check_output, digest
from caloforge.limits import check_showers, check_workers, cores
from caloforge.production import shards as sh
from caloforge.production.spectrum import IncidentSource
from caloforge.production.workers import Job, describe_failures, pool, simulate_all
from caloforge.progress import bar
from caloforge.seeds import check_seed
from caloforge.showers import Incidents, Showers
from caloforge.showers.lineage import RANGES
from caloforge.simulators import Simulator

SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True)
class Order:
    """An order: the showers to produce.

    Attributes:
        detector: the detector.
        simulator: the simulator's name, as on the command line.
        make: makes the simulator; can be pickled.
        source: source of the incidents.
        n: number of showers; first_id: row of the first in the source; seed: the run's seed.
        file: file that the simulator reads, if any; its content is part of the order.
        physics: Geant4's physics (`Physics.identity`), if Geant4 tracks.
    """

    detector: Detector
    simulator: str
    make: Callable[[], Simulator]
    source: IncidentSource
    n: int
    seed: int
    first_id: int = 0
    file: Path | None = None
    physics: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        check_showers(self.n, self.detector.n_cells)
        self.source.check(self.first_id, self.n)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """All that the showers depend on, except their number."""
        content = digest(self.file) if self.file else None
        return {
            "detector": self.detector.hash,
            "simulator": self.simulator,
            "file": content,
            "source": self.source.fingerprint,
            "seed": self.seed,
            **({"physics": self.physics} if self.physics else {}),
        }

    def is_in(self, output: Path) -> bool:
        """Whether a file holds exactly these showers."""
        return sh.same_order(output, self.fingerprint, self.source.ids(self.first_id, self.n))


def produce(
    order: Order,
    output: Path,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> bool:
    """Simulate showers into one HDF5 file; finished shards survive and are skipped with `resume`.

    Returns:
        False if the output was already complete and `resume` was given.

    Raises:
        InputError: the output exists, another process writes it, a production of another order, code or physics is
            unfinished there, or the simulator refuses the incidents.
        RunError: shards failed three times, the cluster is gone, or the disk is full; finished ones are kept.
    """
    if workers is not None:
        check_workers(workers)
    with claim(output) as claimed:
        folder = sh.ShardFolder(output, order.fingerprint)
        replace = force or (resume and folder.is_begun)  # a production beside an output was to replace it
        if output.exists() and resume and not replace:
            if order.is_in(output):
                return False
            raise InputError(
                f"{output} holds other showers than asked for; give another name, or --force to replace them"
            )
        check_output(output, force=replace, inputs=(order.file,), suffixes=SUFFIXES)
        with closing(order.make()) as simulator:  # one that cannot be made raises before anything is written
            physics = {} if cluster else simulator.provenance()  # workers of a cluster have their own tables
        todo = sh.split(order.first_id, order.n)
        try:
            folder.open(resume=resume, force=force)
            missing = [shard for shard in todo if not folder.is_finished(shard, order.source.ids(shard.first, shard.n))]
            if missing:
                folder.check_made({"code": provenance.code(), **physics})
            _fill(folder, order, missing, workers or cores(), cluster, quiet)
            claimed.check()
            sh.merge(folder, todo, output, _provenance(order))
        except OSError as error:
            raise RunError(f"cannot write showers: {error.strerror or error}; finished shards are kept in "
                           f"{folder.path}, --resume continues") from None  # fmt: skip
        folder.remove()
        return True


def _fill(
    folder: sh.ShardFolder, order: Order, missing: list[sh.Shard], workers: int, cluster: str | None, quiet: bool
) -> None:
    """Simulate the missing shards; if the first is refused, no folder remains."""
    try:
        failed = _simulate(folder, order, missing, workers, cluster, quiet)
    except InputError:
        folder.remove(only_empty=True)
        raise
    if failed:
        raise describe_failures(failed, str(folder.path))


def _simulate(
    folder: sh.ShardFolder, order: Order, missing: list[sh.Shard], workers: int, cluster: str | None, quiet: bool
) -> dict[sh.Shard, Exception]:
    """Simulate shards; return those that failed, with the reasons."""
    job = Job(f"{uuid.uuid4()}", order.make, order.seed)
    with bar(quiet=quiet) as progress, pool(job, min(workers, len(missing)) or 1, cluster) as runners:
        done = order.n - sum(shard.n for shard in missing)
        task = progress.add_task(f"{order.simulator.rpartition('/')[2]} showers", total=order.n, completed=done)

        def draw(shard: sh.Shard) -> Incidents:
            return order.source.draw(shard.first, shard.n, order.seed)

        def finish(shard: sh.Shard, showers: Showers) -> None:
            folder.save(shard, showers)
            progress.advance(task, shard.n)

        return simulate_all(job, missing, draw, runners, finish)


def _provenance(order: Order) -> dict[str, Any]:
    return {
        "versions": provenance.versions(),
        "order": order.fingerprint,
        "seed": order.seed,
        "first_id": order.first_id,
        "n": order.n,
        **({RANGES: order.source.ranges} if order.source.ranges else {}),
        **provenance.command(),
    }
