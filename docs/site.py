"""The site beside the pages of this folder: README, DESIGN, measurements, and tables of the keys of configs.

`make docs` runs it; a page asks for a table of keys by the line `<!-- keys: module.Class -->`.
"""

import inspect
import json
import posixpath
import re
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

ROOT = Path(__file__).parents[1]
KEYS = re.compile(r"^<!-- keys: ([\w.]+) -->$", re.MULTILINE)
SCHEMA = re.compile(r"^<!-- schema: ([\w.]+) -->$", re.MULTILINE)
COMMANDS = re.compile(r"^<!-- commands -->$", re.MULTILINE)
ATTRIBUTE = re.compile(r"^(\w+(?:, \w+)*): (.*)$")
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")
NAMES = {int: "whole number", float: "number", bool: "true or false", str: "text"}
RESULTS = sorted(path.name for path in (ROOT / "benchmarks" / "results").glob("*.md"))
ADDED = {"README.md": "index.md", "DESIGN.md": "design.md"} | {
    f"benchmarks/results/{name}": f"results/{name}" for name in RESULTS
}  # by path from the root; the others are those of this folder


def on_files(files: Any, config: Any) -> Any:
    """Add README, DESIGN and the measurements."""
    from mkdocs.structure.files import File

    for source, target in ADDED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=with_links(text, source, target)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the tables of keys, and lead links to pages that are added."""
    place = page.file.src_uri
    if place not in ADDED.values():
        markdown = with_links(markdown, f"docs/{place}", place)
    markdown = KEYS.sub(lambda found: keys_table(found[1]), markdown)
    markdown = SCHEMA.sub(lambda found: schema_tables(found[1]), markdown)
    return COMMANDS.sub(lambda _: commands(), markdown)


def with_links(text: str, source: str, place: str) -> str:
    """A page whose links are those of the site; a link to a file that is no page becomes the name of the file.

    Args:
        text: the page.
        source: its path from the root of the repository.
        place: its path on the site.
    """

    def link(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[2]))
        target = ADDED.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if target is None:
            return found[1] if path in found[1] else f"{found[1]} (`{path}`)"
        return f"[{found[1]}]({posixpath.relpath(target, posixpath.dirname(place) or '.')}{found[3] or ''})"

    return LINK.sub(link, text)


def keys_table(name: str) -> str:
    """Keys of a table of a config, with types, defaults and meaning, from its class.

    Args:
        name: module and class of a pydantic model.
    """
    model = _model(name)
    meanings = attributes(model)
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in model.model_fields.items():
        default = "required" if field.is_required() else shown(field.get_default(call_default_factory=True))
        name, types = field.alias or key, kind(field.annotation)
        said = meanings.get(key, "what the table is" if key == "kind" else "")
        rows.append(f"| `{name}` | {types} | {default} | {said} |")
    return "\n".join([_first_line(model), "", *rows])


def schema_tables(name: str) -> str:
    """Keys of a result and of all results within it, one table each.

    Args:
        name: module and class of a pydantic model.
    """
    parts = []
    for model in nested(_model(name)):
        rows = ["| key | type |", "|---|---|"]
        rows += [f"| `{field.alias or key}` | {kind(field.annotation, link=True)} |"
                 for key, field in model.model_fields.items()]  # fmt: skip
        parts.append("\n".join([f"## {model.__name__}", "", _first_line(model), "", *rows]))
    return "\n\n".join(parts)


def nested(model: type[BaseModel]) -> list[type[BaseModel]]:
    """A model and all models within it, each once."""
    found: dict[type[BaseModel], None] = {}
    waiting = [model]
    while waiting:
        one = waiting.pop(0)
        if one not in found:
            found[one] = None
            extra = get_type_hints(one, include_extras=True).get("__pydantic_extra__")
            for annotation in [*(field.annotation for field in one.model_fields.values()), extra]:
                waiting += _models_in(annotation)
    return list(found)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def commands() -> str:
    """Every verb with its arguments and options, group by group."""
    import typer

    from caloforge.cli import app

    group: Any = typer.main.get_command(app)
    parts = []
    for name, command in group.commands.items():
        parts += [f"## {name}", inspect.cleandoc(command.help or ""), command.epilog or ""]
        panels: dict[str, list[Any]] = {}
        for one in command.params:
            arguments = one.param_type_name == "argument"
            panels.setdefault("Arguments" if arguments else one.rich_help_panel or "Options", []).append(one)
        for title, members in panels.items():
            rows = [f"| {title} | |", "|---|---|", *map(_option, members)]
            parts.append("\n".join(rows))
    return "\n\n".join(filter(None, parts))


def _option(option: Any) -> str:
    """A row of a table: an option with its value, and what it says."""
    value = "" if getattr(option, "is_flag", False) else option.metavar or option.name.upper()
    opts = [option.metavar or option.name.upper()] if option.param_type_name == "argument" else option.opts
    words = ", ".join(opts) + (f" {value}" if value and option.param_type_name == "option" else "")
    shown_default = option.default not in (None, False, ()) and not option.required and not callable(option.default)
    default = f" Default: `{option.default}`." if shown_default else ""
    needed = " Required." if option.required else ""
    said = (option.help or "").replace("|", "\\|").replace("[default: ", "[default is ")
    return f"| `{words}` | {said}{needed}{default} |".replace("|FILE", "\\|FILE").replace("|CONFIG", "\\|CONFIG")


def _model(name: str) -> type[BaseModel]:
    module, _, cls = name.rpartition(".")
    model: type[BaseModel] = getattr(import_module(module), cls)
    return model


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def kind(annotation: Any, *, link: bool = False) -> str:
    """A type in words of TOML; with `link`, tables lead to the headings of their names."""
    origin, inner = get_origin(annotation), [one for one in get_args(annotation) if one is not type(None)]
    if origin is Annotated:
        return kind(inner[0], link=link)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(kind(one, link=link) for one in inner))
    if origin in (tuple, list):
        return f"list of {kind(inner[0], link=link)}"
    if link and _models_in(annotation):
        model = _models_in(annotation)[0].__name__
        return f"{'table of ' if origin is dict else ''}[{model}](#{model.lower()})"
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
