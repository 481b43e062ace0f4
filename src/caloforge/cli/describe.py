"""`detectors`, `models` and `physics`: what there is."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from caloforge.cli.options import Force, console
from caloforge.detector import Detector, preset_names
from caloforge.errors import InputError
from caloforge.files import check_output


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("detectors", epilog="Example: `caloforge detectors calogan-ecal --draw ecal.png`")(detectors)
    app.command("models")(models)
    app.command("physics")(physics)


def detectors(
    name: Annotated[str | None, typer.Argument(help="A preset or a TOML file.")] = None,
    draw: Annotated[Path | None, typer.Option(help="Draw plates and cells into this picture.")] = None,
    force: Force = False,
) -> None:
    """List the detectors, or describe one: depths, Moliere radius, cells."""
    if name is None:
        if draw is not None:
            raise InputError("--draw needs the name of a detector")
        console.print(_list())
        return
    from caloforge.detector.describe import describe

    detector = Detector.load(name)
    if draw is not None:
        from caloforge.detector.draw import draw as picture

        check_output(draw, force=force, inputs=[Path(name)])
        picture(detector, draw)
    console.print(describe(detector))


def _list() -> Table:
    table = Table("name", "layers", "cells", "depth [mm]", "frame", "description")
    for name in preset_names():
        detector = Detector.load(name)
        table.add_row(name, str(len(detector.layers)), str(detector.n_cells), f"{detector.depth:g}",
                      detector.readout.frame, detector.spec.description)  # fmt: skip
    return table


def models() -> None:
    """List the generative models and their settings."""
    from caloforge.models import CONFIGS

    for name, config in CONFIGS.items():
        title = f"{name}: {(config.__doc__ or '').splitlines()[0]}"
        table = Table("key", "default", title=title, title_justify="left")
        for key, field in config.model_fields.items():
            default = "required" if field.is_required() else repr(field.get_default(call_default_factory=True))
            table.add_row(key, default)
        console.print(table)


def physics() -> None:
    """Say which Geant4 data are found, which physics lists they allow, and how to get the official data."""
    from caloforge.simulators.geant4 import available, physics_line

    found = available()
    data = Table("data set", "state", "folder", title="Geant4 data", title_justify="left")
    for row in found["data"]:
        data.add_row(row["variable"], row["state"], f"{row['folder']} {row['remark']}".strip())
    lists = Table("physics list", "usable", title="Physics lists", title_justify="left")
    for row in found["lists"]:
        lists.add_row(row["name"], f"no: {', '.join(row['missing'])} missing" if row["missing"] else "yes")
    console.print(data, lists, found["how"], physics_line(), sep="\n")
