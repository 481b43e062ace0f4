"""Every code block of the Markdown pages: commands and Python are run, with at most four showers, and TOML is loaded.

A block that is not run says why above it: `<!-- not run: REASON -->`; its commands are parsed as `caloforge` does.
Lines that make environments (`pip`, `make`, `nox`, `pre-commit`) are only checked: extras, targets and sessions exist.
Commands within the text are parsed as well.
"""

import ast
import json
import re
import shlex
import shutil
import tomllib
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
FOLDERS = ("docs", "examples", "benchmarks")
PAGES = [*sorted(ROOT.glob("*.md")), *(page for folder in FOLDERS for page in sorted((ROOT / folder).rglob("*.md")))]
BLOCK = re.compile(r"(?P<above>[^\n]*\n)?^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:caloforge|python|make|nox|pre-commit|pip) [^`]+)`")
SHAPE = re.compile(r"\(\d+,[\d, ]*\)")  # the shape of an array, in a comment
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


def run_caloforge(words):
    """Run a command as `caloforge` does, with at most four showers."""
    words = list(words)
    if "-n" in words:
        place = words.index("-n") + 1
        words[place] = str(min(int(words[place]), 4))
    group = typer.main.get_command(app)
    code = group.main(args=words, prog_name="caloforge", standalone_mode=False)
    assert not code


def commands(text):
    """Commands of a block, one a line, with continued lines joined and comments left out."""
    lines = text.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [one for one in words if one]


def check_options(command, words):
    """A command has the options that it is shown with."""
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


def check_caloforge(words):
    """Parse a command as `caloforge` does, without doing it; configs that it names exist."""
    group = typer.main.get_command(app)
    if words[0].startswith("-"):
        return
    command = group.commands[words[0]]
    if "..." in words:
        check_options(command, words[1:])
    else:
        command.make_context(words[0], words[1:])
    for word in words:
        if word.startswith("configs/"):
            assert (ROOT / word).is_file(), word


def check_script(words):
    """A script or module of this repository exists and knows the options."""
    if words[0] == "-m":
        words = [words[1].replace(".", "/") + ".py", *words[2:]]
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


def check_torchrun(words):
    """The command that torchrun starts."""
    place = words.index("-m")
    assert words[place + 1] == "caloforge"
    check_caloforge(words[place + 2 :])


def check_nox(words):
    """Sessions exist."""
    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert {word for word in words if not word.startswith("-")} <= set(sessions)


def check_pre_commit(words):
    assert words == ["install"]
    assert (ROOT / ".pre-commit-config.yaml").is_file()


CHECKS = {
    "caloforge": check_caloforge,
    "nox": check_nox,
    "pre-commit": check_pre_commit,
    "python": check_script,
    "make": check_make,
    "pip": check_pip,
    "torchrun": check_torchrun,
}


ONLY_CHECKED = ("pip", "make", "nox", "pre-commit")

PARSED = [pytest.param(block.values[2], id=block.id) for block in blocks()
          if block.values[1] in ("bash", "sh") and "docs/cpp.md" not in block.id]  # fmt: skip


@pytest.mark.parametrize("text", PARSED)
def test_commands_are_those_of_the_command_line(text):
    found = commands(text)
    assert found
    for words in found:
        assignments = [word for word in words if re.fullmatch(r"[A-Z]+=\S*", word)]
        rest = words[len(assignments) :]
        if rest:
            assert rest[0] in CHECKS, f"no check of the command {rest[0]}"
            CHECKS[rest[0]](rest[1:])


def inline_commands():
    """Commands within the text of the pages, in words."""
    for page in PAGES:
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        for found in INLINE.finditer(re.sub(r"\$\([^)]*\)", "NAME", text)):
            yield pytest.param(shlex.split(found[1]), id=f"{page.relative_to(ROOT)}:{found[1][:60]}")


@pytest.mark.parametrize("words", list(inline_commands()))
def test_commands_within_the_text_exist(words):
    """Verbs, options and scripts that the text names; it need not name the arguments."""
    assert words[0] in CHECKS
    if words[0] == "caloforge":
        group = typer.main.get_command(app)
        assert words[1].startswith("-") or words[1] in group.commands
        check_options(group if words[1].startswith("-") else group.commands[words[1]], words[1:])
    else:
        CHECKS[words[0]](words[1:])


@pytest.mark.parametrize("page", sorted({block.values[0] for block in of_language("bash", "sh")}),
                         ids=lambda page: page.stem)  # fmt: skip
def test_commands_run(page, folder, monkeypatch):
    """Commands of a page run one after the other, as a reader would type them."""
    monkeypatch.chdir(folder)
    for block in of_language("bash", "sh"):
        if block.values[0] == page:
            for words in commands(block.values[2]):
                assert words[0] in (*ONLY_CHECKED, "caloforge"), f"{block.id} needs a reason why it is not run"
                if words[0] == "caloforge":
                    run_caloforge([*words[1:], *(["--force"] if "-o" in words else [])])


@pytest.mark.parametrize("text", texts("toml"))
def test_toml_is_what_it_says(text):
    values = tomllib.loads(text)
    if "layer" in values:
        assert Detector.from_toml(text).n_cells > 0
    elif "showers" in values:
        RunConfig.build(values, "run")
    elif "project" in values:
        assert text == (ROOT / "examples" / "plugin" / "pyproject.toml").read_text(encoding="utf-8")
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
    tutorial = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    (folder / "mine.toml").write_text(BLOCK.search(tutorial, tutorial.index("```toml") - 1)["text"])
    (folder / "beam.csv").write_text("particle,energy_MeV\ne+,2000\ngamma,3000\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pages")
    prepare_folder(place)
    return place


def told(text):
    """Expressions of a block that a comment behind them describes: the code and the comment."""
    lines = text.splitlines()
    for node in ast.parse(text).body:
        comment = lines[node.end_lineno - 1][node.end_col_offset :].strip()
        if isinstance(node, ast.Expr) and comment.startswith("# "):
            yield ast.unparse(node), comment.removeprefix("# ")


PYTHON = sorted({block.values[0] for block in of_language("python")})


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.stem)
def test_python_runs_and_gives_what_its_comments_say(page, folder, monkeypatch):
    """Blocks of a page run one after the other, as a reader would type them; shapes and texts in comments are true."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(ROOT / "examples" / "plugin")
    names = {}
    for block in of_language("python"):
        if block.values[0] == page:
            exec(compile(block.values[2], block.id, "exec"), names)
            for code, comment in told(block.values[2]):
                value = eval(code, names)
                if shape := SHAPE.match(comment):
                    assert value.shape == ast.literal_eval(shape[0]), code
                elif comment.startswith("Showers("):
                    assert repr(value) == comment
    assert set(names) > {"__builtins__"}


def test_comments_tell_shapes():
    """The test above has something to compare."""
    comments = [comment for block in of_language("python") for _, comment in told(block.values[2])]
    assert sum(bool(SHAPE.match(comment)) for comment in comments) >= 5


def test_the_page_on_parts_shows_the_example():
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    folder = ROOT / "examples" / "plugin" / "toy_calorimeter"
    assert (folder / "model.py").read_text(encoding="utf-8") in page
    parts = (folder / "__init__.py").read_text(encoding="utf-8").split("\n\n\n")
    shown = [part.strip() for part in parts if part.startswith(("class MeanShower", "def mean_energy"))]
    assert len(shown) == 2
    assert all(part in page for part in shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_fence_belongs_to_a_block(page):
    """No block escapes these tests, for example within a list."""
    fences = re.findall(r"^\s*(?:```|~~~)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * sum(block.values[0] == page for block in blocks())


def test_blocks_that_are_not_run_are_few_and_say_why():
    every = list(blocks())
    assert len(every) > 30
    unknown = [b.id for b in every if not b.values[3] and b.values[1] not in ("bash", "sh", "toml", "json", "python")]
    assert not unknown
    assert sum(bool(block.values[3]) for block in every) < len(every) / 2
