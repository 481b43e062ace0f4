"""Dask clusters: what they leave behind, and how they are missed."""

from concurrent.futures import Future
from functools import partial

import pytest

from caloforge.errors import InputError, RunError
from caloforge.production import Order, Source, SourceConfig, produce
from caloforge.production.workers import Job, pool
from caloforge.provenance import code
from caloforge.simulators import create

distributed = pytest.importorskip("distributed")


@pytest.fixture
def order(small):
    source = Source.from_config(SourceConfig(particle="e-", energy="1 GeV:2 GeV"), small)
    return Order(small, "gflash", partial(create, "gflash", small), source, 60, seed=5)


class LostClient:
    """A client whose scheduler is gone once it was asked for threads some times."""

    status = "connecting"

    def __init__(self, answers):
        self.answers = answers

    def nthreads(self):
        if not self.answers:
            raise OSError("timed out")
        self.answers -= 1
        return {"worker": 1}

    def run(self, function, **_):
        return {"tcp://there:2": function()}

    def submit(self, *_, **__):
        raise RuntimeError("closed")

    def close(self):
        pass


@pytest.mark.parametrize(("answers", "reason"), [(0, "timed out"), (1, "closed")])
def test_a_lost_scheduler_is_named(order, tmp_path, monkeypatch, answers, reason):
    monkeypatch.setattr(distributed, "Client", lambda *_, **__: LostClient(answers))
    words = rf"the Dask cluster at tcp://there:1 is gone: {reason}; finished shards are kept, --resume continues"
    with pytest.raises(RunError, match=words):
        produce(order, tmp_path / "run.h5", cluster="tcp://there:1", quiet=True)


@pytest.mark.parametrize("answer", ["0.2 (sources 0123)", AttributeError("code")])
def test_a_worker_of_another_version_is_named(order, tmp_path, monkeypatch, answer):
    client = LostClient(9)
    client.run = lambda *_, **__: {"tcp://there:2": code(), "tcp://there:3": answer}
    monkeypatch.setattr(distributed, "Client", lambda *_, **__: client)
    with pytest.raises(InputError, match=r"worker tcp://there:3 has caloforge (0\.2|of another version)"):
        produce(order, tmp_path / "run.h5", cluster="tcp://there:1", quiet=True)
    assert not list(tmp_path.iterdir())


class IdleClient(LostClient):
    """A client whose scheduler is there, but never ends a task."""

    status = "running"

    def __init__(self):
        super().__init__(answers=99)
        self.tasks, self.cancelled, self.ran = [], [], []

    def submit(self, *_, **__):
        self.tasks.append(Future())
        return self.tasks[-1]

    def cancel(self, tasks, *, force):
        assert force
        self.cancelled += tasks

    def run(self, function, **_):
        self.ran.append(function)
        return {}


def test_what_is_left_on_the_workers_is_ended(order, monkeypatch):
    client, job = IdleClient(), Job("job", order.make, 1)
    monkeypatch.setattr(distributed, "Client", lambda *_, **__: client)
    with pool(job, 1, "tcp://there:1") as runners:
        runners.submit(job, order.source.draw(0, 1, 1))
    assert client.cancelled == client.tasks
    assert client.ran == [code, job.close]
