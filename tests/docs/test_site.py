"""The site's tables of keys are made from the code, and its pages are all in its menu."""

import importlib.util
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def load():
    spec = importlib.util.spec_from_file_location("caloforge_site", ROOT / "docs" / "site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE = load()
TABLES = SITE.KEYS.findall((ROOT / "docs" / "reference" / "configs.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_every_key_with_type_and_default(name):
    module, _, cls = name.rpartition(".")
    fields = getattr(import_module(module), cls).model_fields
    rows = [row.split(" | ") for row in SITE.keys_table(name).splitlines() if row.startswith("| `")]
    assert [row[0].strip("|` ") for row in rows] == [field.alias or key for key, field in fields.items()]
    for row, field in zip(rows, fields.values(), strict=True):
        assert len(row) == 4
        assert (row[2] == "required") == field.is_required()


def test_every_table_that_a_user_writes_is_there_and_every_key_has_a_meaning():
    from caloforge.detector.spec import DetectorSpec
    from caloforge.export.foreign_spec import ForeignSpec
    from caloforge.models.configs import CONFIGS
    from caloforge.runs.config import RunConfig
    from caloforge.training.config import Schedule

    written = {model for root in (RunConfig, DetectorSpec, ForeignSpec, Schedule, *CONFIGS.values())
               for model in SITE.nested(root)}  # fmt: skip
    ours = {f"{model.__module__}.{model.__name__}" for model in written}
    wanted = {name for name in ours if name.startswith("caloforge.")} - {"caloforge.detector.threshold.Threshold"}
    assert wanted <= set(TABLES)
    assert not [row for name in TABLES for row in SITE.keys_table(name).splitlines() if row.endswith("|  |")]


def test_every_verb_and_option_is_on_the_page_of_the_command_line():
    import typer

    from caloforge.cli import app

    page = SITE.commands()
    for name, command in typer.main.get_command(app).commands.items():
        assert f"\n## {name}\n" in f"\n{page}"
        options = [option for one in command.params if one.param_type_name == "option" for option in one.opts]
        assert all(option in page for option in options)


def test_results_within_metrics_have_tables_of_their_own():
    page = SITE.schema_tables("caloforge.validation.schema.MetricsFile")
    assert all(f"## {name}\n" in page for name in ("MetricsFile", "Headline", "Member", "Observable"))
    for target in re.findall(r"\]\(#(\w+)\)", page):
        assert f"## {target}\n" in page.lower()


def test_links_lead_to_pages_of_the_site_and_files_become_their_names():
    text = "[a](../../docs/cpp.md#build) [b](hook.md) ![c](../../docs/images/c.png) [e](../../README.md) [d](x.json)"
    there = "[a](../cpp.md#build) [b](hook.md) ![c](../images/c.png) [e](../index.md) d (`benchmarks/results/x.json`)"
    assert SITE.with_links(text, "benchmarks/results/cpp.md", "results/cpp.md") == there
    home = SITE.with_links("[cpp](docs/cpp.md) [`LICENSE`](LICENSE)", "README.md", "index.md")
    assert home == "[cpp](cpp.md) `LICENSE`"


def test_every_page_is_in_the_menu_and_every_link_leads_somewhere():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f": {page.relative_to(ROOT / 'docs').as_posix()}" in menu, page
    results = sorted((ROOT / "benchmarks" / "results").glob("*.md"))
    assert all(f": results/{page.name}" in menu for page in results)
    for page in [*ROOT.glob("*.md"), *results, *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not target.startswith(("http", "#")):
                assert (page.parent / target.partition("#")[0]).exists(), f"{page}: {target}"
