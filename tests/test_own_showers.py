"""A run on the user's own showers: split, trained, exported, judged; Geant4 has no part in it."""

import json
import tomllib
from dataclasses import replace
from importlib.util import find_spec

import h5py
import numpy as np
import pytest
from rich.console import Console

from caloforge import runs
from caloforge.errors import InputError
from caloforge.fit import fit_to_minutes
from caloforge.runs.config import RunConfig
from caloforge.showers import Incidents, read, write
from caloforge.showers.domain import Domain
from caloforge.showers.foreign import LAYOUTS
from caloforge.showers.share import hashed
from caloforge.simulators import create
from caloforge.validation.recipes import RECIPES

pytestmark = pytest.mark.skipif(not find_spec("torch"), reason="needs the extra train")
N = 4400


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small, toy):
    """A file in CaloChallenge's layout, which names neither detector nor particle, and a run's config."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "small.toml").write_text(small.toml)
    showers = toy(small, N, seed=1)
    with LAYOUTS["calochallenge"].writer(folder / "mine.hdf5", small, N) as put:
        put(showers)
    (folder / "run.toml").write_text(f"""
name = "mine"
detector = "{folder / "small.toml"}"
[showers]
train = "{folder / "mine.hdf5"}"
particle = "e+"
[model]
kind = "coupling-flow"
cells = {{hidden = 16, blocks = 2}}
[training]
steps = 30
[validation]
recipe = "quick"
seeds = 1
competitors = ["gflash"]
""")
    return folder


def quiet(run):
    run.console = Console(quiet=True)
    return run


def test_hashes_split_evenly_and_depend_on_nothing_else():
    place = hashed(np.arange(100_000))
    assert place.min() >= 0
    assert place.max() < 1
    counts, _ = np.histogram(place, np.linspace(0, 1, 11))
    assert np.abs(counts - 10_000).max() < 500  # five standard deviations
    assert abs(np.corrcoef(place[1:], place[:-1])[0, 1]) < 0.02
    np.testing.assert_array_equal(hashed(np.array([7, 3])), place[[7, 3]])


def test_from_a_file_to_a_judged_model(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("caloforge.bench.SECONDS_PER_BATCH", 0.01)
    monkeypatch.setitem(RECIPES, "default", RECIPES["quick"])
    run = quiet(runs.load(folder / "run.toml", tmp_path / "run"))
    assert [step.title for step in run.steps] == ["showers from files", "training", "export", "timing", "validation"]
    run.open(resume=False, force=False)
    run.execute()
    parts = {name: read(run.paths.showers(name)) for name in ("train", "select", "test")}
    ids = np.concatenate([part.incidents.shower_id for part in parts.values()])
    assert sorted(ids.tolist()) == list(range(N))
    assert 0.75 * N < len(parts["train"]) < 0.85 * N
    whole = read(folder / "mine.hdf5", run.detector)
    np.testing.assert_array_equal(parts["test"].energies, whole.energies[parts["test"].incidents.shower_id])
    source = parts["train"].provenance["source_file"]
    assert (source["file"], source["share"]) == ("mine.hdf5", [0.0, 0.8])
    whole_range = (whole.incidents.energy.min(), whole.incidents.energy.max())
    assert Domain.of_showers(parts["train"]).energy == whole_range  # the test may lie beyond the training part
    learned = json.loads((tmp_path / "run" / "training" / "provenance.json").read_text())
    assert learned["training"]["showers"]["source_file"] == source
    metrics = json.loads((tmp_path / "run" / "report" / "metrics.json").read_text())
    assert metrics["candidates"].keys() == {"mine", "gflash"}
    bench = json.loads((tmp_path / "run" / "bench.json").read_text())
    assert bench["simulators"].keys() == {"mine", "gflash"}
    assert bench["geant4_ms"] == {}
    assert run.manifest.foreign() == []
    again = quiet(runs.load(folder / "run.toml", tmp_path / "run"))
    assert fit_to_minutes(again, 1.0, print) is again
    again.open(resume=True, force=False)
    again.execute()


def test_the_saved_config_is_one_of_the_same_run(folder, tmp_path, small, toy):
    """Files decide at which energy the model is timed, so that no other energy is saved."""
    showers = toy(small, N, seed=1)
    cold = replace(showers, incidents=replace(showers.incidents, energy=showers.incidents.energy / 100))
    write(tmp_path / "cold.h5", replace(cold, energies=cold.energies / 100))
    text = (folder / "run.toml").read_text().replace('competitors = ["gflash"]', "")
    (tmp_path / "run.toml").write_text(text.replace(str(folder / "mine.hdf5"), str(tmp_path / "cold.h5")))
    quiet(runs.load(tmp_path / "run.toml", tmp_path / "run")).open(resume=False, force=False)
    again = quiet(runs.load(tmp_path / "run" / "config.toml", tmp_path / "run"))
    again.open(resume=True, force=False)
    assert again.config_table == tomllib.loads((tmp_path / "run" / "config.toml").read_text())


def test_a_changed_file_is_noticed(folder, tmp_path, small, toy):
    write(tmp_path / "a.h5", toy(small, N, seed=1))
    text = (folder / "run.toml").read_text().replace(str(folder / "mine.hdf5"), str(tmp_path / "a.h5"))
    (tmp_path / "run.toml").write_text(text)
    run = quiet(runs.load(tmp_path / "run.toml", tmp_path / "run"))
    run.open(resume=False, force=False)
    run.copy_showers()
    run.copy_showers()
    write(tmp_path / "a.h5", toy(small, N, seed=2))
    run = quiet(runs.load(tmp_path / "run.toml", tmp_path / "run"))
    run.open(resume=True, force=False)
    with pytest.raises(InputError, match=r"a\.h5 has changed since this run began"):
        run.execute()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('particle = "e+"', "", r"do not tell their particle; add particle"),
        ('particle = "e+"', 'particle = "e+"\nselect = 5', "select and test are files"),
        ('particle = "e+"', 'particle = "e+"\nshares = [0.5, 0.2, 0.2]', "shares must sum to 1"),
        ('particle = "e+"', 'particle = "e+"\nshares = [0.9, 0.05, 0.05]', r"test has \d+ showers; 400 are needed"),
        ("[model]", '[incidents]\nparticle = "e-"\nenergy = "1 GeV"\n[model]', r"leave out \[incidents\]"),
        ("mine.hdf5", "none.hdf5", "no such file"),
        ('"coupling-flow"', '"gan-3d"', "layers that share one grid"),
    ],
)
def test_what_does_not_fit_is_refused_first(folder, tmp_path, old, new, said):
    text = (folder / "run.toml").read_text()
    assert old in text
    text = text.replace("cells =", "#cells =") if "gan-3d" in new else text
    (tmp_path / "run.toml").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=said):
        runs.load(tmp_path / "run.toml", tmp_path / "run")


def test_counts_want_incidents():
    values = {"name": "a", "detector": "calogan-ecal", "model": {}, "showers": {"train": 1, "select": 1, "test": 400}}
    with pytest.raises(InputError, match=r"\[incidents\] is missing"):
        RunConfig.build(values, "a.toml")
    with pytest.raises(InputError, match="three numbers of showers, or files"):
        RunConfig.build(values | {"showers": {"train": 1}}, "a.toml")


def test_three_files(folder, tmp_path, small, toy):
    for name, n in (("train", 300), ("select", 100), ("test", 400)):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            showers = toy(small, n, seed=n)
            file["showers"], file["incident_energies"] = showers.energies, showers.incidents.energy[:, None]
    text = (folder / "run.toml").read_text()
    files = "\n".join(f'{name} = "{tmp_path / name}.h5"' for name in ("train", "select", "test"))
    text = text.replace(f'train = "{folder / "mine.hdf5"}"', files)
    (tmp_path / "run.toml").write_text(text)
    run = quiet(runs.load(tmp_path / "run.toml", tmp_path / "run"))
    run.open(resume=False, force=False)
    run.copy_showers()
    assert [len(read(run.paths.showers(name))) for name in ("train", "select", "test")] == [300, 100, 400]
    assert run.config.beam.particle == "e+"


def test_one_model_for_several_particles(folder, tmp_path, small, toy):
    """A file of e-, e+ and photons makes one model with the particle as input."""
    showers = toy(small, 1000, seed=3)
    pdg = np.tile([11, -11, 22, 22], 250).astype(np.int32)
    write(tmp_path / "mixed.h5", replace(showers, incidents=replace(showers.incidents, pdg=pdg)))
    text = (folder / "run.toml").read_text().replace('particle = "e+"', "shares = [0.4, 0.1, 0.5]")
    text = text.replace(str(folder / "mine.hdf5"), str(tmp_path / "mixed.h5")).replace("steps = 30", "steps = 2")
    (tmp_path / "run.toml").write_text(text)
    run = quiet(runs.load(tmp_path / "run.toml", tmp_path / "run"))
    run.open(resume=False, force=False)
    run.execute(last="export")
    with create(str(run.paths.model)) as model:
        assert model.card.pdgs == (-11, 11, 22)
        made = model.simulate(Incidents.make([11, -11, 22], [5000.0] * 3), 1)
        assert (made.energies.sum(1) > 0).all()
        with pytest.raises(InputError, match="not a particle of the model"):
            model.simulate(Incidents.make("pi+", 5000.0), 1)
