"""Parts of other packages: the example package as installed, and packages that do not work."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.plugins import plugins
from caloforge.showers import Incidents
from caloforge.simulators import create

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin"
LIVES = """
import sys
import numpy as np
from pathlib import Path
from caloforge.detector import Detector
from caloforge.export import export
from caloforge.production import Source, SourceConfig
from caloforge.simulators import create
from caloforge.training import TrainingConfig, train

detector, folder = Detector.load("toy-block"), Path(sys.argv[1])
incidents = Source.from_config(SourceConfig(particle="e-", energy="1 GeV:2 GeV"), detector).draw(0, 120, 1)
with create("pencil", detector) as pencil:
    showers = pencil.simulate(incidents, 1)
config = TrainingConfig.build({"model": {"kind": "mean-shower"}, "training": {"steps": 2, "batch": 16}}, "run")
train(config, showers[:80], showers[80:], folder / "run", quiet=True)
export(folder / "run", folder / "mean.onnx")
with create(folder / "mean.onnx", detector) as learned:
    drawn = learned.simulate(incidents, 2)
assert 0.9 < drawn.energies.sum() / showers.energies.sum() < 1.1
"""


def install(folder, name, version, entries, code=None):
    """A package as pip leaves it: its modules, and a .dist-info beside them."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in found.items())
             for group, found in entries.items()]  # fmt: skip
    (info / "entry_points.txt").write_text("\n".join(lines))
    if code is not None:
        (folder / f"{name}.py").write_text(code)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages: the example, and one whose parts fail."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copytree(EXAMPLE / "toy_calorimeter", tmp_path / "site" / "toy_calorimeter")
    install(tmp_path / "site", project["name"], project["version"], project["entry-points"])
    failing = {f"caloforge.{group}": {"failing": "failing:PART"} for group in ("models", "simulators", "detectors")}
    install(tmp_path / "site", "failing", "0.1", failing, 'raise RuntimeError("no luck\\nat all")')
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def ask(site, *words):
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from caloforge.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True,
                          env={**os.environ, "COLUMNS": "300"})  # fmt: skip


def test_parts_of_the_example_are_found_by_name(site):  # noqa: ARG001
    detector = Detector.load("toy-block")
    assert detector.n_cells == 64
    with create("pencil", "toy-block") as simulator:
        assert simulator.detector == detector
        showers = simulator.simulate(Incidents.make("e-", [1000.0, 2000.0]), 1)
    assert plugins("metrics")["mean-energy"].load()(showers, showers) == {"ratio": 1.0}
    with pytest.raises(InputError, match="did you mean 'toy-block'"):
        Detector.load("toy-blok")
    with pytest.raises(InputError, match="did you mean 'pencil'"):
        create("pencl", "toy-block")


def test_a_broken_part_is_reported_in_one_line(site):  # noqa: ARG001
    said = "^plugin 'failing' of failing 0.1 is broken: RuntimeError: no luck at all$"
    with pytest.raises(InputError, match=said):
        Detector.load("failing")
    with pytest.raises(InputError, match=said):
        create("failing", "calogan-ecal")


def test_defaults_of_models_are_shown_as_configs_spell_them(site):
    words = " ".join(ask(site, "models", "--kinds").stdout.split())
    assert "│ { blocks = 6, hidden = 64, depth = 2, bins = 6, plain = 0 } │" in words
    assert '│ "coupling-flow" │' in words
    assert "FlowConfig" not in words
    assert "│ false │" in words


@pytest.mark.parametrize(("verb", "own", "added"), [
    ("models --kinds", "coupling-flow", "mean-shower: Config of the mean shower, scaled to the incident energy"),
    ("detectors", "calogan-ecal", "toy-block"),
])  # fmt: skip
def test_listings_name_the_package_and_what_is_broken(site, verb, own, added):
    done = ask(site, *verb.split())
    words = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert own in words
    assert added in words
    assert "(of toy-calorimeter 1.0)" in words
    assert "plugin 'failing' of failing 0.1 is broken: RuntimeError: no luck at all" in words


def test_a_part_that_fails_at_work_is_told_with_its_line(site, tmp_path):
    code = """
import caloforge as cf
class Lazy(cf.Simulator):
    name = "lazy"
    def __init__(self, detector):
        self.detector = detector
    def simulate(self, incidents, seed):
        return incidents.energies
    def close(self):
        pass
    def provenance(self):
        return {}
"""
    install(site, "lazybones", "0.2", {"caloforge.simulators": {"lazy": "lazybones:Lazy"}}, code)
    incidents = ["--detector", "calogan-ecal", "--particle", "e-", "--energy", "1 GeV", "--seed", "1", "-q", "-n"]
    line = (
        f"lazybones 0.2: AttributeError: 'Incidents' object has no attribute 'energies' ({site}/lazybones.py, line 8)"
    )
    done = ask(site, "produce", "--simulator", "lazy", *incidents, "2", "-o", str(tmp_path / "lazy.h5"))
    assert done.returncode == 1
    assert line in done.stderr, done.stderr
    done = ask(site, "produce", "--simulator", "gflash", *incidents, "200", "-o", str(tmp_path / "true.h5"))
    assert done.returncode == 0, done.stderr
    done = ask(site, "validate", str(tmp_path / "true.h5"), "lazy", "-o", str(tmp_path / "report"))
    assert (done.returncode, done.stderr) == (1, f"failed: {line}\n")


def test_a_broken_model_is_refused_by_its_reason(site, tmp_path):
    (tmp_path / "run.toml").write_text('[model]\nkind = "failing"\n')
    code = f"""
import sys; sys.path.insert(0, {str(site)!r})
from pathlib import Path
from caloforge.config import read_file
from caloforge.training.config import TrainingConfig
read_file(TrainingConfig, Path(sys.argv[1]))
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "run.toml"], capture_output=True, text=True)
    assert "InputError" in done.stderr
    assert "plugin 'failing' of failing 0.1 is broken: RuntimeError: no luck at all" in done.stderr


def test_the_example_is_produced_trained_and_exported(site, tmp_path):
    """Its detector, simulator and model: showers, training, ONNX."""
    pytest.importorskip("torch")
    code = f"import sys; sys.path.insert(0, {str(site)!r})\n" + LIVES
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mean.onnx").exists()
