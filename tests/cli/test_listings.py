"""The verbs that list what there is: where packages are missing, as JSON, as templates, in the shell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from caloforge.cli import app, complete
from caloforge.detector import Detector, preset_names
from caloforge.errors import InputError
from caloforge.named_runs import config_file, run_names

BLOCKED = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
from caloforge.cli import main
sys.argv = ["caloforge", *{verb!r}.split()]
main()
"""


def without(blocked, verb):
    code = BLOCKED.format(blocked=blocked, verb=verb)
    wide = os.environ | {"COLUMNS": "200"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=wide)


def test_models_are_listed_without_pytorch():
    done = without(["torch"], "models --kinds")
    assert done.returncode == 0, done.stderr
    assert "coupling-flow" in done.stdout
    assert "latent" in done.stdout


def test_physics_lists_are_not_usable_without_geant4():
    done = without(["geant4_pybind"], "physics")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "FTFP_BERT " in line)
    assert "no: geant4_pybind (pip install caloforge[geant4])" in " ".join(row.split())


def printed(capsys, *words):
    app(list(words), standalone_mode=False)
    return capsys.readouterr().out


def test_listings_as_json(capsys):
    found = json.loads(printed(capsys, "detectors", "--json"))
    assert [one["name"] for one in found] == preset_names()
    assert json.loads(printed(capsys, "detectors", "calogan-ecal", "--json"))["cells"] == 504
    named = json.loads(printed(capsys, "runs", "--json"))
    assert [one["name"] for one in named] == run_names()
    models = json.loads(printed(capsys, "models", "--kinds", "--json"))
    assert models["vae"]["config"]["properties"]["latent"]["default"] == 10
    assert models["vae"]["training"]["batch"] == 100
    assert {"data", "lists"} <= json.loads(printed(capsys, "physics", "--json")).keys()


def test_a_detector_as_a_template(capsys, tmp_path):
    text = printed(capsys, "detectors", "atlas-barrel", "--toml")
    assert Detector.from_toml(text) == Detector.load("atlas-barrel")
    (tmp_path / "mine.toml").write_text(text)
    again = printed(capsys, "detectors", str(tmp_path / "mine.toml"), "--toml")
    assert Detector.from_toml(again) == Detector.load("atlas-barrel")
    with pytest.raises(InputError, match="--toml needs the name"):
        app(["detectors", "--toml"], standalone_mode=False)


def test_every_verb_has_an_example_and_groups_its_options():
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        assert f"caloforge {name}" in (command.epilog or ""), name
    panels = {parameter.rich_help_panel for parameter in group.commands["produce"].params}
    assert {"Incidents", "Geant4", "Output", "How it runs"} <= panels


def test_the_shell_completes_values():
    code = "import sys; sys.argv = ['caloforge']; from caloforge.cli import app; app(prog_name='caloforge')"
    for typed, word in (("produce --detector calo", "calogan-ecal"), ("produce --particle gam", "gamma"),
                        ("run quicks", "quickstart"), ("simulate --simulator gf", "gflash"),
                        ("validate a.h5 gf", "gflash"), ("produce --physics QGSP_F", "QGSP_FTFP_BERT")):  # fmt: skip
        words = f"caloforge {typed}"
        asked = {"_CALOFORGE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        done = subprocess.run([sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert word in done.stdout.split(), (typed, done.stderr)


def test_files_are_completed_beside_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.toml", "model.onnx", "notes.txt", ".hidden.toml"):
        Path(name).touch()
    Path("folder").mkdir()
    assert complete.detectors("m") == ["mine.toml"]
    assert complete.simulators("m") == ["model.onnx"]
    assert complete.configs("fo") == ["folder/"]
    assert complete.simulators("nowhere/x") == []


def test_named_runs_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "quickstart" in run_names()
    assert config_file("quickstart").is_file()
    assert config_file("other.toml") == Path("other.toml")
    with pytest.raises(InputError, match="did you mean 'quickstart'"):
        config_file("quickstrat")


def test_listings_are_cut_by_no_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    lines = printed(capsys, "runs").splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == run_names()
    assert "e+, 1 GeV:20 GeV" in next(line for line in lines if line.startswith("quickstart "))


@pytest.mark.parametrize("verb", sorted(typer.main.get_command(app).commands))
def test_options_of_long_helps_are_in_groups(verb):
    command = typer.main.get_command(app).commands[verb]
    options = [one for one in command.params if one.param_type_name == "option" and "--help" not in one.opts]
    ungrouped = [one.name for one in options if not one.rich_help_panel]
    assert len(ungrouped) <= 7, ungrouped


@pytest.mark.parametrize(
    ("verb", "name"),
    [("models", "name"), ("info", "name"), ("info", "detector"), ("convert", "particle"), ("bench", "simulator"),
     ("validate", "candidates"), ("produce", "detector"), ("simulate", "particle"), ("run", "config")],
)  # fmt: skip
def test_values_complete(verb, name):
    command = typer.main.get_command(app).commands[verb]
    parameter = next(one for one in command.params if one.name == name)
    with command.make_context(verb, [], resilient_parsing=True) as context:
        assert parameter.shell_complete(context, "")
