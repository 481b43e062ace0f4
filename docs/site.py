"""What the site is made of beside the pages of this folder: README, DESIGN, and tables of the keys of configs.

`make docs` runs it; a page asks for a table of keys by the line `<!-- keys: module.Class -->`.
"""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

ROOT = Path(__file__).parents[1]
KEYS = re.compile(r"^<!-- keys: ([\w.]+) -->$", re.MULTILINE)
ATTRIBUTE = re.compile(r"^(\w+(?:, \w+)*): (.*)$")
OUTSIDE = re.compile(r"\]\((?!https?:|#)([^)]+)\)")
NAMES = {int: "whole number", float: "number", bool: "true or false", str: "text"}
ADDED = {"README.md": "index.md", "DESIGN.md": "design.md"}


def on_files(files: Any, config: Any) -> Any:
    """Add README and DESIGN, whose links are those of the site."""
    from mkdocs.structure.files import File

    for source, target in ADDED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=OUTSIDE.sub(_from_root, text)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the tables of keys, and lead links to README and DESIGN to their pages."""
    depth = page.file.src_uri.count("/")
    markdown = KEYS.sub(lambda found: keys_table(found[1]), markdown)
    return OUTSIDE.sub(lambda found: _from_page(found, depth), markdown)


def _from_root(found: re.Match[str]) -> str:
    """A link of README or DESIGN as one of the site; a link to a file that is no page becomes code."""
    target = found[1].removeprefix("docs/")
    if target in ADDED:
        return f"]({ADDED[target]})"
    return f"]({target})" if found[1].startswith("docs/") else "](#)"


def _from_page(found: re.Match[str], depth: int) -> str:
    """A link of a page that leaves the folder of the docs."""
    up = "../" * (depth + 1)
    if not found[1].startswith(up):
        return found[0]
    name, _, anchor = found[1].removeprefix(up).partition("#")
    return f"]({'../' * depth}{ADDED[name]}{'#' + anchor if anchor else ''})" if name in ADDED else "](#)"


def keys_table(name: str) -> str:
    """Keys of a table of a config, with types, defaults and meaning, from its class.

    Args:
        name: module and class of a pydantic model.
    """
    module, _, cls = name.rpartition(".")
    model: type[BaseModel] = getattr(import_module(module), cls)
    meanings = attributes(model)
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in model.model_fields.items():
        default = "required" if field.is_required() else shown(field.get_default(call_default_factory=True))
        rows.append(f"| `{key}` | {kind(field.annotation)} | {default} | {meanings.get(key, '')} |")
    first = (model.__doc__ or "").strip().splitlines()[0]
    return "\n".join([first, "", *rows])


def kind(annotation: Any) -> str:
    """A type in words of TOML."""
    origin, inner = get_origin(annotation), [one for one in get_args(annotation) if one is not type(None)]
    if origin is Annotated:
        return kind(inner[0])
    if origin is Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(kind, inner)))
    if origin in (tuple, list):
        return f"list of {kind(inner[0])}"
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "table"
    return NAMES.get(annotation, "text")


def shown(value: Any) -> str:
    """A default as in TOML; of a table, that it has defaults of its own."""
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "its own"
    return f"`{json.dumps(value, default=lambda one: one.model_dump())}`"


def attributes(model: type[BaseModel]) -> dict[str, str]:
    """What the section `Attributes` of a docstring says of each key."""
    text = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2].split("\n\n")[0]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        if (match := ATTRIBUTE.match(line.strip())) and not line.startswith("    "):
            names = match[1].split(", ")
            found |= dict.fromkeys(names, match[2])
        else:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found
