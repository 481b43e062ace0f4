"""Production of GFlash showers: the same file whatever happens on the way."""

import shutil
from dataclasses import replace
from functools import partial

import h5py
import numpy as np
import pytest

from caloforge.errors import InputError, RunError
from caloforge.production import Order, Source, SourceConfig, produce
from caloforge.production.shards import SHARD_SIZE, ShardFolder, split
from caloforge.showers import read
from caloforge.simulators import create

N = 5 * SHARD_SIZE // 2


@pytest.fixture
def order(small):
    source = Source.from_config(SourceConfig(particle="e-", energy="1 GeV:2 GeV"), small)
    return Order(small, "gflash", partial(create, "gflash", small), source, N, seed=5)


def datasets(path):
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}


def assert_same_file(a, b):
    one, other = datasets(a), datasets(b)
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


class Unreliable:
    """A simulator that fails on given showers, a given number of times."""

    def __init__(self, inner, failing, times, error=RunError):
        self.inner, self.failing, self.times, self.error = inner, failing, times, error
        self.detector, self.name, self.calls = inner.detector, inner.name, 0

    def simulate(self, incidents, seed):
        if self.failing in incidents.shower_id and self.calls < self.times:
            self.calls += 1
            raise self.error("the worker was lost")
        return self.inner.simulate(incidents, seed)

    def provenance(self):
        return self.inner.provenance()

    def close(self):
        self.inner.close()


def test_any_number_of_workers_gives_the_same_file(order, tmp_path):
    produce(order, tmp_path / "one.h5", workers=1, quiet=True)
    produce(order, tmp_path / "two.h5", workers=2, quiet=True)
    assert_same_file(tmp_path / "one.h5", tmp_path / "two.h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.h5", "two.h5"]


def test_one_shower_alone_and_a_longer_run(order, tmp_path):
    produce(order, tmp_path / "run.h5", quiet=True)
    produce(replace(order, n=1, first_id=N // 2), tmp_path / "alone.h5", quiet=True)
    produce(replace(order, n=N + 10), tmp_path / "longer.h5", quiet=True)
    run, alone, longer = (read(tmp_path / f"{name}.h5") for name in ("run", "alone", "longer"))
    np.testing.assert_array_equal(run.energies[N // 2], alone.energies[0])
    np.testing.assert_array_equal(run.energies, longer.energies[:N])


def test_a_lost_worker_is_replaced(order, tmp_path):
    made = Unreliable(order.make(), failing=N // 2, times=2)
    produce(replace(order, make=lambda: made), tmp_path / "run.h5", workers=1, quiet=True)
    produce(order, tmp_path / "plain.h5", quiet=True)
    assert_same_file(tmp_path / "run.h5", tmp_path / "plain.h5")


def test_a_shard_that_fails_three_times_is_named_and_the_rest_kept(order, tmp_path):
    made = Unreliable(order.make(), failing=N // 2, times=99)
    with pytest.raises(
        RunError, match=f"showers {SHARD_SIZE} to {2 * SHARD_SIZE - 1} failed 3 times: the worker was lost.*--resume"
    ):
        produce(replace(order, make=lambda: made), tmp_path / "run.h5", workers=2, quiet=True)
    assert made.calls == 3
    assert len(list((tmp_path / "run.h5.parts").glob("shard-*"))) == 2
    assert not (tmp_path / "run.h5").exists()
    with pytest.raises(InputError, match="--resume"):
        produce(order, tmp_path / "run.h5", quiet=True)
    produce(order, tmp_path / "run.h5", resume=True, quiet=True)
    produce(order, tmp_path / "plain.h5", quiet=True)
    assert_same_file(tmp_path / "run.h5", tmp_path / "plain.h5")


def test_resume_keeps_finished_shards_and_remakes_damaged_ones(order, tmp_path):
    produce(order, tmp_path / "plain.h5", quiet=True)
    folder = ShardFolder(tmp_path / "run.h5", order.fingerprint)
    folder.open(resume=False, force=False)
    plain, shards = read(tmp_path / "plain.h5"), split(0, N)
    second = slice(SHARD_SIZE, 2 * SHARD_SIZE)
    marked = replace(plain[second], energies=plain.energies[second] + 1)
    folder.save(shards[1], marked)
    folder.file(shards[0]).write_bytes(b"cut off")
    produce(order, tmp_path / "run.h5", resume=True, quiet=True)
    run = read(tmp_path / "run.h5")
    np.testing.assert_array_equal(run.energies[:SHARD_SIZE], plain.energies[:SHARD_SIZE])
    np.testing.assert_array_equal(run.energies[second], marked.energies)


def test_resume_of_another_order_is_refused(order, tmp_path):
    folder = ShardFolder(tmp_path / "run.h5", order.fingerprint)
    folder.open(resume=False, force=False)
    with pytest.raises(InputError, match="another seed"):
        produce(replace(order, seed=6), tmp_path / "run.h5", resume=True, quiet=True)


def test_existing_output_is_never_overwritten(order, tmp_path):
    output = tmp_path / "run.h5"
    assert produce(order, output, quiet=True)
    before = output.read_bytes()
    with pytest.raises(InputError, match="--force"):
        produce(order, output, quiet=True)
    assert not produce(order, output, resume=True, quiet=True)
    with pytest.raises(InputError, match="other showers"):
        produce(replace(order, seed=6), output, resume=True, quiet=True)
    assert output.read_bytes() == before
    assert produce(replace(order, seed=6), output, force=True, quiet=True)


def test_refused_incidents_leave_nothing(order, small, tmp_path):
    pions = Source.from_config(SourceConfig(particle="pi+", energy="1 GeV"), small)
    with pytest.raises(InputError):
        produce(replace(order, source=pions), tmp_path / "run.h5", quiet=True)
    assert not list(tmp_path.iterdir())


def test_full_disk_keeps_what_is_finished(order, tmp_path, monkeypatch):
    save = ShardFolder.save

    def full(self, shard, showers):
        if shard.first == SHARD_SIZE:
            raise OSError(28, "No space left on device")
        save(self, shard, showers)

    monkeypatch.setattr(ShardFolder, "save", full)
    with pytest.raises(RunError, match=r"No space left on device.*--resume"):
        produce(order, tmp_path / "run.h5", workers=1, quiet=True)
    monkeypatch.undo()
    assert len(list((tmp_path / "run.h5.parts").glob("shard-*"))) == 1
    produce(order, tmp_path / "run.h5", resume=True, quiet=True)
    assert len(read(tmp_path / "run.h5")) == N


@pytest.mark.parametrize(
    ("change", "words"), [({"n": 0}, "at least 1"), ({"seed": -1}, "seed"), ({"first_id": -1}, "first-id")]
)
def test_bad_orders_are_refused(order, change, words):
    with pytest.raises(InputError, match=words):
        replace(order, **change)


def test_missing_folder_is_refused(order, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        produce(order, tmp_path / "nowhere" / "run.h5", quiet=True)


def test_dask_cluster_gives_the_same_file(order, tmp_path):
    distributed = pytest.importorskip("distributed")
    produce(order, tmp_path / "plain.h5", quiet=True)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        produce(order, tmp_path / "cluster.h5", cluster=cluster.scheduler_address, quiet=True)
    assert_same_file(tmp_path / "plain.h5", tmp_path / "cluster.h5")
    shutil.rmtree(tmp_path / "dask-scratch-space", ignore_errors=True)


def test_unreachable_cluster_is_refused(order, tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match="no Dask scheduler"):
        produce(order, tmp_path / "run.h5", cluster="nonsense", quiet=True)
    assert not list(tmp_path.iterdir())
