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
    assert [row[0].strip("|` ") for row in rows] == list(fields)
    for row, field in zip(rows, fields.values(), strict=True):
        assert len(row) == 4
        assert (row[2] == "required") == field.is_required()


def test_every_kind_of_model_has_a_table():
    from caloforge.models.configs import CONFIGS

    ours = {f"{config.__module__}.{config.__name__}" for config in CONFIGS.values()}
    assert {name for name in ours if name.startswith("caloforge.")} <= set(TABLES)


def test_every_page_is_in_the_menu_and_every_link_leads_somewhere():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f": {page.relative_to(ROOT / 'docs').as_posix()}" in menu, page
    for page in [ROOT / "README.md", ROOT / "DESIGN.md", *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not target.startswith(("http", "#")):
                assert (page.parent / target.partition("#")[0]).exists(), f"{page}: {target}"
