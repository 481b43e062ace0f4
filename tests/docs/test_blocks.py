"""Every code block of README and docs: commands are parsed by the command line itself, TOML is loaded, Python is run.

A block that none of this fits says why above it: `<!-- not run: REASON -->`.
"""

import inspect
import json
import re
import shlex
import shutil
import tomllib
from functools import partial
from pathlib import Path

import pytest
import typer

import caloforge as cf
from caloforge import zoo
from caloforge.cli import app
from caloforge.detector import Detector
from caloforge.runs.config import RunConfig
from caloforge.simulators.geant4.physics import Physics

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?P<above>[^\n]*\n)?^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: (\S.{9,}) -->")
MODEL = zoo.path_of("wgan-gp-calogan-small")


def blocks():
    """Page, line, language, text and the reason not to run of every block."""
    for page in PAGES:
        content = page.read_text(encoding="utf-8")
        for found in BLOCK.finditer(content):
            line = content[: found.start("language")].count("\n") + 1
            reason = NOT_RUN.search(found["above"] or "")
            where = f"{page.relative_to(ROOT)}:{line}"
            yield pytest.param(page, found["language"], found["text"], reason and reason[1], id=where)


def of_language(*languages):
    """Blocks of some languages that are run."""
    return [block for block in blocks() if block.values[1] in languages and not block.values[3]]


def texts(*languages):
    return [pytest.param(block.values[2], id=block.id) for block in of_language(*languages)]


def commands(text):
    """Commands of a block, one a line, with continued lines joined and comments left out."""
    lines = text.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [one for one in words if one]


def check_caloforge(words):
    """Parse a command as `caloforge` does, without doing it; configs that it names exist."""
    group = typer.main.get_command(app)
    if words[0].startswith("-"):
        return
    command = group.commands[words[0]]
    if "..." in words:
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known
    else:
        command.make_context(words[0], words[1:])
    for word in words:
        if word.startswith("configs/"):
            assert (ROOT / word).is_file(), word


def check_script(words):
    """A script of this repository exists and knows the options."""
    source = (ROOT / words[0]).read_text(encoding="utf-8")
    for word in words[1:]:
        if word.startswith("--"):
            assert f'"{word}"' in source, f"{words[0]} has no option {word}"


def check_make(words):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(words) <= set(targets)


def check_pip(words):
    """Extras that are asked for exist."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for asked in re.findall(r"\[([\w,]+)\]", " ".join(words)):
        assert set(asked.split(",")) <= set(extras)


CHECKS = {"caloforge": check_caloforge, "python": check_script, "make": check_make, "pip": check_pip}


@pytest.mark.parametrize("text", texts("bash", "sh"))
def test_commands_are_those_of_the_command_line(text):
    found = commands(text)
    assert found
    for words in found:
        assignments = [word for word in words if re.fullmatch(r"[A-Z]+=\S*", word)]
        rest = words[len(assignments) :]
        if rest:
            assert rest[0] in CHECKS, f"no check of the command {rest[0]}"
            CHECKS[rest[0]](rest[1:])


@pytest.mark.parametrize("text", texts("toml"))
def test_toml_is_what_it_says(text):
    values = tomllib.loads(text)
    if "layer" in values:
        assert Detector.from_toml(text).n_cells > 0
    elif "showers" in values:
        RunConfig.build(values, "run")
    elif "physics" in values:
        Physics.build(values["physics"], "physics")
    else:
        from caloforge.export.foreign_spec import ForeignSpec

        assert "input" in values
        ForeignSpec.read(text, "spec")


@pytest.mark.parametrize("text", texts("json"))
def test_json_is_json(text):
    assert json.loads(text if text.lstrip().startswith(("{", "[")) else f"{{{text}}}")


def prepare_folder(folder):
    """A model and files of showers where the blocks of the pages name some."""
    (folder / "runs" / "quickstart").mkdir(parents=True)
    for name in ("model.onnx", "runs/quickstart/quickstart.onnx"):
        shutil.copy(MODEL, folder / name)
    for seed, name in enumerate(("geant4", "flow", "gflash", "geant4-independent", "training", "geant4-pions"), 1):
        cf.produce(
            "gflash", "calogan-ecal", "e+", "2 GeV:10 GeV", n=8, seed=seed, output=folder / f"{name}.h5", workers=1
        )
    cf.produce("gflash", "par04-siw", "e-", "2 GeV", n=4, seed=1, output=folder / "mesh.h5", workers=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pages")
    prepare_folder(place)
    return place


def only_bound(function, *given, **named):
    """The arguments fit; what takes minutes is left out."""
    inspect.signature(function).bind(*given, **named)
    return {}


@pytest.mark.parametrize(
    "page", sorted({block.values[0] for block in of_language("python")}), ids=lambda page: page.stem
)
def test_python_runs(page, folder, monkeypatch):
    """Blocks of a page run one after the other, as a reader would type them; judging is left out."""
    import caloforge.report

    monkeypatch.chdir(folder)
    monkeypatch.setattr(caloforge.report, "validate", partial(only_bound, caloforge.report.validate))
    names = {}
    for block in of_language("python"):
        if block.values[0] == page:
            exec(compile(block.values[2], block.id, "exec"), names)


def test_blocks_that_are_not_run_are_few_and_say_why():
    every = list(blocks())
    assert len(every) > 30
    unknown = [b.id for b in every if not b.values[3] and b.values[1] not in ("bash", "sh", "toml", "json", "python")]
    assert not unknown
    assert sum(bool(block.values[3]) for block in every) < len(every) / 4
