"""Tables of the pages that are written by hand name what the code has: keys, defaults, verbs, files."""

import re
import tomllib
from pathlib import Path

import pytest
import typer

import caloforge as cf
from caloforge.cli import app
from caloforge.models.configs import CONFIGS
from caloforge.search.config import SearchConfig
from caloforge.training.config import Schedule

ROOT = Path(__file__).parents[2]
DEFAULTS = ("batch", "learning_rate", "clip", "average")  # the columns of the table of kinds


def rows(page, head):
    """Cells of the table of a page whose first line begins so."""
    lines = (ROOT / page).read_text(encoding="utf-8").partition(head)[2].splitlines()[2:]
    table = lines[: next((i for i, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    ("page", "head", "config"),
    [("docs/training.md", "| key of `[training]` |", Schedule), ("docs/search.md", "| key | default |", SearchConfig)],
)
def test_every_key_of_a_table_has_a_row(page, head, config):
    told = [name for row in rows(page, head) for name in names(row[0])]
    assert sorted(told) == sorted(config.model_fields)


def test_defaults_of_each_kind_are_those_of_the_code():
    common = {name: Schedule.model_fields[name].default for name in DEFAULTS}
    found = {names(row[0])[0]: [float(cell) for cell in row[1:]] for row in rows("docs/training.md", "| kind |")}
    own = {kind: config.training for kind, config in CONFIGS.items() if getattr(config, "training", None)}
    assert found == {kind: [float((common | values)[name]) for name in DEFAULTS] for kind, values in own.items()}


def test_the_readme_names_every_verb_model_and_extra():
    verbs = [name.removeprefix("caloforge ") for row in rows("README.md", "| verb |") for name in names(row[0])]
    assert sorted(verbs) == sorted(typer.main.get_command(app).commands)
    kinds = [name for row in rows("README.md", "| `kind` |") for name in names(row[0])]
    assert sorted(kinds) == sorted(CONFIGS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("The extras are")[2].partition("\n\n")[0]
    assert set(names(text)) == set(project["optional-dependencies"]) - {"dev", "docs"}


def test_the_page_on_python_names_all_that_the_package_gives():
    told = {name for row in rows("docs/python.md", "| name |") for name in re.findall(r"cf\.(\w+)", row[0])}
    assert told == set(cf.__all__) - {"__version__"}


@pytest.mark.parametrize("page", ["DESIGN.md", "CONTRIBUTING.md"])
def test_files_that_the_tables_name_exist(page):
    tables = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    told = {name for line in tables for name in names(line) if re.fullmatch(r"[\w.-]+/[\w./-]*", name)}
    assert len(told) > 10
    folders = (ROOT, ROOT / "src" / "caloforge", *(ROOT / "src" / "caloforge").iterdir())
    assert not [name for name in told if not any((folder / name).exists() for folder in folders)]


def test_design_lists_every_package_that_is_required():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [name for extra, needed in project["optional-dependencies"].items() if extra != "dev" for name in needed]
    needed = {re.split(r"[\[<>=]", name)[0] for name in (*project["dependencies"], *extras)} - {"caloforge"}
    told = {name for row in rows("DESIGN.md", "| package |") for name in row[0].split(", ")}
    assert needed == told
