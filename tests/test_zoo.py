"""The trained models of the package: they fit the detectors and the code of today, and are found by name."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from caloforge import zoo
from caloforge.cli import app
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.extras import EXTRAS
from caloforge.production import Source, SourceConfig
from caloforge.showers import Incidents, read, write
from caloforge.showers.physics import tracked_with
from caloforge.simulators import create, file_of, labelled
from caloforge.simulators.learned import LearnedSimulator

PHOTONS = ("atlas-barrel", "gamma", "65 GeV", 0.234, 0.003)  # 0.2355 at 30 and 0.2345 at 100 GeV, presets.md
EXPORTED = {  # preset, particle, energy, mean E/E_inc of Geant4 and how far off it may be
    "coupling-flow-eplus-small": ("calogan-ecal", "e+", "50 GeV", 0.9935, 0.001),
    "coupling-flow-par04-small": ("par04-siw", "e-", "50 GeV", 0.02865, 0.0003),
    "fast-ar-high-small": ("pbwo4-cylinder", "e-", "95 GeV", 0.9886, 0.002),
    "gan-3d-small": ("clic-ecal", "e-", "300 GeV", 0.0176, 0.0003),
    "vae-small": PHOTONS,
    "wgan-gp-calogan-small": ("calogan-ecal", "e+", "50 GeV", 0.9966, 0.001),
    "wgan-gp-small": PHOTONS,
}


def test_every_exported_model_is_tested():
    assert set(zoo.names()) == EXPORTED.keys()


@pytest.mark.parametrize("name", EXPORTED)
def test_exported_models_answer_for_their_preset(name):
    preset, particle, energy, expected, off = EXPORTED[name]
    model = LearnedSimulator(zoo.path_of(name))
    detector = Detector.load(preset)
    assert model.detector == detector
    incidents = Source.from_config(SourceConfig(particle=particle, energy=energy), detector).draw(0, 100, 1)
    response = (model.simulate(incidents, 1).energies.sum(1) / incidents.energy).mean()
    assert response == pytest.approx(expected, abs=off)


def test_every_model_has_a_row_and_all_are_small():
    assert all(zoo.row_of(name).command.startswith("caloforge run configs/") for name in zoo.names())
    assert sum(path.stat().st_size for path in zoo.FOLDER.iterdir() if path.is_file()) < 24 * 2**20


def test_names_are_simulators_in_every_verb(tmp_path):
    with create("vae-small") as model:
        assert model.detector == Detector.load("atlas-barrel")
        assert model.name == "vae-small"
    assert file_of("vae-small") == zoo.path_of("vae-small")
    assert labelled(["vae-small", "gflash"]) == {"vae-small": "vae-small", "gflash": "gflash"}
    with pytest.raises(InputError, match="unknown simulator 'vae-smal'; did you mean 'vae-small'"):
        create("vae-smal", "atlas-barrel")
    words = ["produce", "--detector", "atlas-barrel", "--simulator", "vae-small", "--particle", "gamma", "--seed", "3"]
    result = CliRunner().invoke(app, [*words, "--energy", "65 GeV", "-n", "30", "-q", "-o", str(tmp_path / "a.h5")])
    assert result.exit_code == 0, result.output
    assert read(tmp_path / "a.h5").provenance["file"] == "vae-small.onnx"


def test_listing(capsys):
    for words in ([], ["vae-small"], ["vae-small", "--path"], ["--json"], ["--kinds"]):
        assert CliRunner().invoke(app, ["models", *words]).exit_code == 0
    said = CliRunner().invoke(app, ["models", "vae-small", "--path"]).output.strip()
    assert said == str(zoo.path_of("vae-small"))
    entries = json.loads(CliRunner().invoke(app, ["models", "--json"]).output)
    assert [entry["name"] for entry in entries] == list(zoo.names())
    assert entries[0].keys() >= {"name", "detector", "particles", "energy", "auc", "floor", "ms"}
    assert "unknown model 'nope'" in str(CliRunner().invoke(app, ["models", "nope"]).exception)
    capsys.readouterr()


def test_cards_tell_data_range_figures_and_command():
    card = CliRunner().invoke(app, ["models", "vae-small"]).output
    for words in (
        "gamma of 1 GeV to 260 GeV",
        "2400 showers",
        "Geant4's FTFP_BERT",
        "0.981 ± 0.004, floor 0.456 ± 0.018",
        "500 showers per side",
        "limit: The strips have twice as many hits without a hit neighbour",
        "caloforge run configs/vae-small",
    ):
        assert words in card  # fmt: skip


OLD = "wgan-gp-calogan-small"  # it learned from showers of the list em


@pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="geant4_pybind is not installed")
def test_a_model_of_the_list_em_says_so_inside_geant4_and_runs(tmp_path):
    words = ["simulate", "--detector", "calogan-ecal", "--simulator", OLD, "--particle", "e+", "--energy", "10 GeV",
             "-n", "3", "--seed", "1", "-o", str(tmp_path / "events.h5")]  # fmt: skip
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.exception
    said = " ".join(result.output.split())
    assert "Geant4 physics FTFP_BERT" in said
    assert "has learned from Geant4's em (cut 0.7 mm)" in said
    assert "in 3 of 3 events" in said
    showers = read(tmp_path / "events.h5")
    assert showers.fast_energy.sum() > 0.99 * showers.energies.sum()


def test_a_model_of_the_list_em_is_judged_with_other_physics_only(tmp_path):
    """The reference holds the model's own showers, and its provenance names the list FTFP_BERT."""
    model = LearnedSimulator(zoo.path_of(OLD))
    made = model.simulate(Incidents.make("e+", [1e4] * 20), 3)
    physics = [one | {"list": "FTFP_BERT"} for one in tracked_with(made.provenance)]
    write(tmp_path / "geant4.h5", replace(made, provenance={"simulator": "geant4", "physics": physics}))
    words = ["validate", str(tmp_path / "geant4.h5"), OLD, "-o", str(tmp_path / "report")]
    result = CliRunner().invoke(app, words)
    assert "of other physics than the reference: list em, not FTFP_BERT; --other-physics" in str(result.exception)
    result = CliRunner().invoke(app, [*words, "--other-physics"])
    assert "physics" not in str(result.exception)
    assert "200" in str(result.exception), "too few showers is what is left to refuse"


WITHOUT_EXTRAS = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
from caloforge.showers import Incidents
from caloforge.simulators import create
with create("wgan-gp-calogan-small") as model:
    print(model.simulate(Incidents.make("e+", ["10 GeV"]), seed=1).energies.shape)
"""


def test_base_packages_are_enough():
    code = WITHOUT_EXTRAS.format(blocked=sorted(EXTRAS))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "(1, 504)\n", done.stderr
