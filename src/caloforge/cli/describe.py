"""`detectors`, `models` and `physics`: list and describe what is available."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.table import Table

from caloforge.cli import complete
from caloforge.cli.options import AsJson, Force, console
from caloforge.detector import Detector, preset_names
from caloforge.detector.detector import template
from caloforge.errors import InputError
from caloforge.files import check_output
from caloforge.plugins import broken, working


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("detectors", epilog="Example: `caloforge detectors calogan-ecal --draw ecal.png`")(detectors)
    app.command("physics", epilog="Example: `caloforge physics`")(physics)


def detectors(
    name: Annotated[
        str | None, typer.Argument(help="A preset or a TOML file.", autocompletion=complete.detectors)
    ] = None,
    draw: Annotated[Path | None, typer.Option(help="Draw plates and cells into this picture.")] = None,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print its TOML, a template for one of your own.")] = False,
    as_json: AsJson = False,
    force: Force = False,
) -> None:
    """List the detectors, or describe one: depths, Moliere radius, cells."""
    if name is None:
        if draw is not None or as_toml:
            raise InputError(f"{'--toml' if as_toml else '--draw'} needs the name of a detector")
        if as_json:
            print(json.dumps([_facts(Detector.load(one)) for one in _origins()], indent=1))  # noqa: T201
            return
        console.print(_list(), *broken("detectors"), sep="\n")
        return
    from caloforge.detector.describe import describe

    detector = Detector.load(name)
    if as_toml:
        print(template(name), end="")  # noqa: T201
        return
    if as_json:
        print(json.dumps(_facts(detector), indent=1))  # noqa: T201
        return
    if draw is not None:
        from caloforge.detector.draw import draw as picture

        check_output(draw, force=force, inputs=[Path(name)])
        picture(detector, draw)
    console.print(describe(detector))


def _facts(detector: Detector) -> dict[str, Any]:
    """A detector's name, sizes and hash; JSON values."""
    return {
        "name": detector.name,
        "description": detector.spec.description,
        "layers": len(detector.layers),
        "cells": detector.n_cells,
        "depth_mm": detector.depth,
        "frame": detector.readout.frame,
        "hash": detector.hash,
    }


def _origins() -> dict[str, str]:
    """Names of presets and of the detectors of other packages, with the package."""
    return dict.fromkeys(preset_names(), "") | {plugin.name: plugin.origin for plugin, _ in working("detectors")}


def _list() -> Table:
    table = Table("name", "layers", "cells", "depth [mm]", "frame", "description")
    for name, origin in _origins().items():
        detector, said = Detector.load(name), f" (of {origin})" if origin else ""
        table.add_row(name, str(len(detector.layers)), str(detector.n_cells), f"{detector.depth:g}",
                      detector.readout.frame, detector.spec.description + said)  # fmt: skip
    return table


def models(as_json: AsJson = False) -> None:
    """List the generative models and their settings."""
    from caloforge.models.configs import CONFIGS, ORIGINS, training_defaults

    if as_json:
        kinds = {name: {"config": config.model_json_schema(), "training": training_defaults(name)}
                 for name, config in CONFIGS.items()}  # fmt: skip
        print(json.dumps(kinds, indent=1))  # noqa: T201
        return
    for name, config in CONFIGS.items():
        origin = "" if ORIGINS[name] == "caloforge" else f" (of {ORIGINS[name]})"
        title = f"{name}: {(config.__doc__ or '').splitlines()[0]}{origin}"
        table = Table("key", "default", title=title, title_justify="left")
        for key, field in config.model_fields.items():
            default = "required" if field.is_required() else _toml(field.get_default(call_default_factory=True))
            table.add_row(key, default)
        for key, value in training_defaults(name).items():
            table.add_row(f"[training] {key}", _toml(value))
        console.print(table)
    for said in broken("models"):
        console.print(said)


def _toml(value: Any) -> str:
    """A default as a config spells it."""
    if isinstance(value, BaseModel):
        return _toml(dict(value))
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return "absent" if value is None else json.dumps(value, ensure_ascii=False)


def physics(as_json: AsJson = False) -> None:
    """Say which Geant4 data are found, which physics lists they allow, and how to get the official data."""
    from caloforge.simulators.geant4 import available, physics_line

    found = available()
    if as_json:
        print(json.dumps(found, indent=1))  # noqa: T201
        return
    data = Table("data set", "state", "folder", title="Geant4 data", title_justify="left")
    for row in found["data"]:
        data.add_row(row["variable"], row["state"], f"{row['folder']} {row['remark']}".strip())
    lists = Table("physics list", "usable", title="Physics lists", title_justify="left")
    for row in found["lists"]:
        lists.add_row(row["name"], f"no: {', '.join(row['missing'])} missing" if row["missing"] else "yes")
    console.print(data, lists, found["how"], physics_line(), sep="\n")
