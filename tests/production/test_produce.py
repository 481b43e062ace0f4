"""Production of GFlash showers: the same file whatever happens on the way."""

import shutil
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import h5py
import numpy as np
import pytest

from caloforge import provenance
from caloforge.errors import InputError, RunError
from caloforge.production import Order, Source, SourceConfig, produce, workers
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


@pytest.mark.parametrize("seed_before", [5, 6])
def test_a_forced_production_is_resumed_beside_the_old_output(order, tmp_path, seed_before):
    output = tmp_path / "run.h5"
    produce(replace(order, seed=seed_before), output, quiet=True)
    before = output.read_bytes()
    made = Unreliable(order.make(), failing=N // 2, times=99)
    with pytest.raises(RunError, match="--resume"):
        produce(replace(order, make=lambda: made), output, force=True, quiet=True)
    assert output.read_bytes() == before
    assert produce(order, output, resume=True, quiet=True)
    produce(order, tmp_path / "plain.h5", quiet=True)
    assert_same_file(output, tmp_path / "plain.h5")
    assert not (tmp_path / "run.h5.parts").exists()
    assert not produce(order, output, resume=True, quiet=True)


def test_shards_of_another_order_beside_an_output_change_nothing(order, tmp_path):
    output = tmp_path / "run.h5"
    produce(order, output, quiet=True)
    ShardFolder(output, replace(order, seed=6).fingerprint).open(resume=False, force=False)
    assert not produce(order, output, resume=True, quiet=True)
    with pytest.raises(InputError, match="other showers"):
        produce(replace(order, seed=7), output, resume=True, quiet=True)


class Tabled(Unreliable):
    """A simulator that says it runs with tables."""

    def __init__(self, inner, tables, **failures):
        super().__init__(inner, **{"failing": -1, "times": 0} | failures)
        self.tables = tables

    def simulate(self, incidents, seed):
        return replace(super().simulate(incidents, seed), provenance=self.provenance())

    def provenance(self):
        return physics_of(em=self.tables)


def physics_of(version="0.1.3", **tables):
    lists = [{"list": name, "cut_mm": 0.7, "tables": {"G4LEDATA": label}} for name, label in tables.items()]
    return {"geant4_pybind": version, "physics": lists, "code": provenance.code()}


def test_resume_with_other_tables_is_refused(order, tmp_path):
    output = tmp_path / "run.h5"
    computed, official = (
        replace(order, make=partial(Tabled, order.make(), tables)) for tables in ("computed a", "official b")
    )
    failing = replace(order, make=partial(Tabled, order.make(), "computed a", failing=N // 2, times=99))
    with pytest.raises(RunError):
        produce(failing, output, quiet=True)
    with pytest.raises(InputError, match=r"other physics: G4LEDATA of em was computed a, is official b now.*--force"):
        produce(official, output, resume=True, quiet=True)
    assert len(list((tmp_path / "run.h5.parts").glob("shard-*"))) == 2
    assert produce(computed, output, resume=True, quiet=True)
    assert read(output).provenance["physics"] == physics_of(em="computed a")["physics"]
    assert read(output).provenance["ranges"]["energy"] == read(output).provenance["order"]["source"]["energy"]


def test_finished_shards_are_joined_whatever_the_tables_are_now(order, tmp_path):
    produce(order, tmp_path / "plain.h5", quiet=True)
    folder = ShardFolder(tmp_path / "run.h5", order.fingerprint)
    folder.open(resume=False, force=False)
    plain = replace(read(tmp_path / "plain.h5"), provenance=physics_of(em="computed a"))
    for shard in split(0, N):
        folder.save(shard, plain[shard.first : shard.first + shard.n])
    now = replace(order, make=partial(Tabled, order.make(), "official b"))
    assert produce(now, tmp_path / "run.h5", resume=True, quiet=True)


def test_a_file_of_several_particles_names_all_their_physics_lists(order, tmp_path):
    produce(order, tmp_path / "plain.h5", quiet=True)
    folder = ShardFolder(tmp_path / "run.h5", order.fingerprint)
    folder.open(resume=False, force=False)
    plain, used = read(tmp_path / "plain.h5"), (physics_of(em="a"), physics_of(FTFP_BERT="b"))
    for i, shard in enumerate(split(0, N)):
        folder.save(shard, replace(plain[shard.first : shard.first + shard.n], provenance=used[i % 2]))
    assert produce(order, tmp_path / "run.h5", resume=True, quiet=True)
    assert read(tmp_path / "run.h5").provenance["physics"] == physics_of(FTFP_BERT="b", em="a")["physics"]


@pytest.mark.skipif(not find_spec("geant4_pybind"), reason="needs the extra geant4")
def test_official_tables_that_appear_later_are_noticed(order, small, tmp_path, monkeypatch):
    for variable in ("G4LEDATA", "GEANT4_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    make = partial(create, "geant4", small)
    asked = replace(order, simulator="geant4", make=make)
    folder = ShardFolder(tmp_path / "run.h5", asked.fingerprint)
    folder.open(resume=False, force=False)
    showers = order.make().simulate(order.source.draw(0, SHARD_SIZE, 5), 5)
    folder.save(split(0, N)[0], replace(showers, provenance=make().provenance() | {"code": provenance.code()}))
    probe = tmp_path / "data" / "G4EMLOW8.8" / "brem_SB" / "br82"
    probe.parent.mkdir(parents=True)
    probe.touch()
    monkeypatch.setenv("GEANT4_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(InputError, match=r"G4LEDATA of FTFP_BERT was computed \w+, is official G4EMLOW8.8 now"):
        produce(asked, tmp_path / "run.h5", resume=True, quiet=True)


def test_shards_of_workers_with_other_physics_are_refused(order, tmp_path):
    folder = ShardFolder(tmp_path / "run.h5", order.fingerprint)
    folder.open(resume=False, force=False)
    showers, shards = order.make().simulate(order.source.draw(0, 1, 5), 5), split(0, N)
    text = {"simulator": "gflash", "physics": "text", "code": provenance.code()}
    for made_by in (physics_of(em="a"), physics_of(em="a", FTFP_BERT="b"), text):
        folder.save(shards[0], replace(showers, provenance=made_by))
    for made_by, words in (
        (physics_of(FTFP_BERT="c"), "G4LEDATA of FTFP_BERT was b, is c"),
        (physics_of("0.1.4", em="a"), "geant4_pybind was 0.1.3, is 0.1.4"),
    ):
        with pytest.raises(InputError, match=words):
            folder.save(shards[1], replace(showers, provenance=made_by))
    assert not folder.file(shards[1]).exists()


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
    kept = list((tmp_path / "run.h5.parts").glob("shard-*"))  # what came at the same time, or nothing, is kept, too
    assert not [path for path in kept if f"-{SHARD_SIZE:09d}-" in path.name]
    produce(order, tmp_path / "run.h5", resume=True, quiet=True)
    assert len(read(tmp_path / "run.h5")) == N


@pytest.mark.parametrize("finished", [0, 1, len(split(0, N))])
def test_a_disk_about_to_be_full_is_told_before_it_is(order, tmp_path, monkeypatch, finished):
    """Before the first shard, between shards, and at the merge."""
    usage, parts = shutil.disk_usage(tmp_path), tmp_path / "run.h5.parts"

    def full_after(_):
        done = len(list(parts.glob("shard-*")))
        return usage._replace(free=2**40 if done < finished else 2**10)

    monkeypatch.setattr("caloforge.production.shards.shutil.disk_usage", full_after)
    told = RunError if finished else InputError
    words = r"No space left on device, 0\.\d\d MiB are needed and 0.00 MiB free; .*--resume" if finished else "is full"
    with pytest.raises(told, match=words):
        produce(order, tmp_path / "run.h5", workers=1, quiet=True)
    monkeypatch.undo()
    assert not (tmp_path / "run.h5").exists()
    assert len(list(parts.glob("shard-*"))) == finished
    produce(order, tmp_path / "run.h5", resume=True, quiet=True)
    assert len(read(tmp_path / "run.h5")) == N


def test_a_disk_that_fails_at_the_merge_keeps_the_shards(order, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("caloforge.production.shards.fill", fail)
    with pytest.raises(RunError, match=r"cannot write showers: No space left on device; .*--resume"):
        produce(order, tmp_path / "run.h5", quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run.h5.parts"]


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
        with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
            kept = client.run(lambda: len(workers._own))
    assert list(kept.values()) == [0, 0]
    assert_same_file(tmp_path / "plain.h5", tmp_path / "cluster.h5")
    shutil.rmtree(tmp_path / "dask-scratch-space", ignore_errors=True)


def test_unreachable_cluster_is_refused(order, tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match="no Dask scheduler"):
        produce(order, tmp_path / "run.h5", cluster="nonsense", quiet=True)
    assert not list(tmp_path.iterdir())


class Rival(Unreliable):
    """A simulator that, when first asked, has another production try the same output."""

    def __init__(self, inner, rival):
        super().__init__(inner, failing=-1, times=0)
        self.rival, self.refused = rival, None

    def simulate(self, incidents, seed):
        if self.refused is None:
            with pytest.raises(InputError) as told:
                self.rival()
            self.refused = str(told.value)
        return super().simulate(incidents, seed)


@pytest.mark.parametrize("how", [{"force": True}, {"resume": True}, {}])
def test_two_productions_of_one_output_do_not_mix(order, tmp_path, how):
    output = tmp_path / "run.h5"
    other = replace(order, seed=8) if "force" in how else order
    made = Rival(order.make(), lambda: produce(other, output, quiet=True, **how))
    produce(replace(order, make=lambda: made), output, workers=1, quiet=True)
    assert "is being written by process" in made.refused
    produce(order, tmp_path / "plain.h5", quiet=True)
    assert_same_file(output, tmp_path / "plain.h5")


def test_a_shard_of_another_order_is_made_again_and_never_joined(order, tmp_path):
    output, shards = tmp_path / "run.h5", split(0, N)
    other = ShardFolder(output, replace(order, seed=8).fingerprint)
    other.open(resume=False, force=False)
    showers = order.make().simulate(order.source.draw(0, SHARD_SIZE, 8), 8)
    other.save(shards[0], replace(showers, provenance={"code": provenance.code()}))
    foreign = other.file(shards[0]).read_bytes()
    folder = ShardFolder(output, order.fingerprint)
    folder.open(resume=False, force=True)
    folder.file(shards[0]).write_bytes(foreign)
    with pytest.raises(InputError, match="holds showers of another order"):
        folder.load(shards[0])
    produce(order, output, resume=True, quiet=True)
    produce(order, tmp_path / "plain.h5", quiet=True)
    assert_same_file(output, tmp_path / "plain.h5")


def test_a_worker_of_another_version_is_refused(order, tmp_path, monkeypatch):
    ours = provenance.code()
    versions = iter([*[ours] * 2, "0.2 (sources 0123)", *[ours] * 9])
    with monkeypatch.context() as patch:
        patch.setattr(workers.provenance, "code", lambda: next(versions))
        with pytest.raises(InputError, match=r"begun with caloforge .*, and 0\.2 \(sources 0123\) would continue"):
            produce(order, tmp_path / "run.h5", workers=1, quiet=True)
    assert produce(order, tmp_path / "run.h5", resume=True, quiet=True)


def test_resume_after_an_upgrade_is_refused(order, tmp_path, monkeypatch):
    failing = Unreliable(order.make(), failing=N // 2, times=99)
    with pytest.raises(RunError):
        produce(replace(order, make=lambda: failing), tmp_path / "run.h5", quiet=True)
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "code", lambda: "0.2 (sources 0123)")
        with pytest.raises(InputError, match=r"and 0\.2 \(sources 0123\) would continue; continue with the former"):
            produce(order, tmp_path / "run.h5", resume=True, quiet=True)
    assert produce(order, tmp_path / "run.h5", resume=True, quiet=True)


def test_force_removes_shards_only(order, tmp_path):
    parts = tmp_path / "run.h5.parts"
    parts.mkdir()
    (parts / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"thesis\.tex is nothing that a production has made"):
        produce(order, tmp_path / "run.h5", force=True, quiet=True)
    assert (parts / "thesis.tex").exists()


def test_a_production_killed_before_it_wrote_its_order_is_begun_again(order, tmp_path):
    (tmp_path / "run.h5.parts").mkdir()
    (tmp_path / "run.h5.parts" / ".order.json-01234567.host-01234567-1-1.01234567.part").touch()
    assert produce(order, tmp_path / "run.h5", resume=True, quiet=True)
