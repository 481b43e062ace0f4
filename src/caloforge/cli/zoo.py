"""`models`: trained models of the package, their cards and files, and the kinds that can be trained."""

import json
from typing import Annotated, Any

import typer

from caloforge import units, zoo
from caloforge.cli import complete, describe
from caloforge.cli.options import AsJson, aligned, console
from caloforge.errors import InputError
from caloforge.particles import particle_name
from caloforge.showers.physics import describe as describe_physics
from caloforge.simulators.model_card import ModelCard
from caloforge.simulators.onnx_file import OnnxFile
from caloforge.zoo import Judged, Row

TITLES = ("name", "detector", "particles", "energy", "AUC", "floor", "ms")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("models", epilog="Example: `caloforge models vae-small`")(models)


def models(
    name: Annotated[
        str | None, typer.Argument(help="A trained model: print its card.", autocompletion=complete.models)
    ] = None,
    kinds: Annotated[bool, typer.Option("--kinds", help="List the kinds that can be trained and their keys.")] = False,
    as_json: AsJson = False,
    path: Annotated[bool, typer.Option("--path", help="Print the path of the model's file, for C++.")] = False,
) -> None:
    """List the trained models that come with caloforge, or print the card of one."""
    if kinds:
        describe.models(as_json)
    elif path:
        if name is None:
            raise InputError("--path needs the name of a model")
        print(zoo.path_of(name))  # noqa: T201
    elif as_json:
        print(json.dumps([_entry(one) for one in ([name] if name else zoo.names())]))  # noqa: T201
    elif name is None:
        console.print(*_list(), sep="\n")
        console.print("`caloforge models NAME` prints a card, `caloforge models --kinds` what can be trained.")
    else:
        console.print(*_card(name), sep="\n")


def _read(name: str) -> tuple[ModelCard, Row]:
    return OnnxFile.read(zoo.path_of(name)).card, zoo.row_of(name)


def _entry(name: str) -> dict[str, Any]:
    """Figures of a model; AUC and floor are the headline's, None if it was not measured."""
    card, row = _read(name)
    head, time = row.headline, row.time
    return {
        "name": name, "detector": card.detector.name, "particles": [particle_name(code) for code in card.pdgs],
        "energy": list(card.ranges.energy), "auc": head.auc if head else None, "floor": head.floor if head else None,
        "ms": time.batch_100 if time else None, "judged": [one.model_dump() for one in row.judged],
        "path": str(zoo.path_of(name)),
    }  # fmt: skip


def _list() -> list[str]:
    """The models, a line each."""
    return aligned([TITLES, *map(_cells, zoo.names())])


def _cells(name: str) -> tuple[str, ...]:
    card, row = _read(name)
    head, ms = row.headline, f"{row.time.batch_100:.2g}" if row.time else ""
    areas = (_area(head.auc, head.error), _area(head.floor, head.floor_error)) if head else ("see card", "")
    return (name, card.detector.name, _particles(card), _energies(card), *areas, ms)


def _particles(card: ModelCard) -> str:
    return ", ".join(particle_name(code) for code in card.pdgs)


def _energies(card: ModelCard) -> str:
    low, high = card.ranges.energy
    return f"{units.show_energy(low)} to {units.show_energy(high)}"


def _area(value: float, error: float) -> str:
    return f"{value:.3f} ± {error:.3f}"


def _judged(one: Judged) -> str:
    return (f"AUC ({one.by}): {_area(one.auc, one.error)}, floor {_area(one.floor, one.floor_error)}, {one.showers} "
            f"showers per side, against {one.against}")  # fmt: skip


def _card(name: str) -> list[str]:
    """Lines of the model card: data, seeds, range, figures with sizes and floors, limits, and the command."""
    card, row = _read(name)
    training, ranges = card.training, card.ranges
    showers = training.get("showers")
    seed = showers.get("seed") if isinstance(showers, dict) else None
    physics = describe_physics({"training": training})
    lines = [
        f"{name}: {row.about}",
        f"kind {card.name}; detector {card.detector.name}, {units.counted(card.n_cells, 'cell')}; "
        f"{units.counted(card.noise, 'noise value')}",
        f"range: {_particles(card)} of {_energies(card)}, theta {_side(ranges.theta)} rad, phi {_side(ranges.phi)} rad",
        f"entry: x {_side(ranges.position[0])} mm, y {_side(ranges.position[1])} mm",
        f"data: {training.get('n_showers')} showers, {training.get('n_selection')} more to select the weights, "
        f"of Geant4's {physics}, seed {seed}; training's seed {training.get('seed')}",
        *map(_judged, row.judged),
    ]
    if row.headline is None:
        lines.append("the headline was not measured")
    if time := row.time:
        lines.append(f"{time.batch_1:g} ms per shower at batch 1, {time.batch_100:g} at batch 100, at {time.energy}, "
                     f"one thread of {time.cpu}")  # fmt: skip
    path = zoo.path_of(name)
    return [*lines, *(f"limit: {limit}" for limit in row.limits), f"made by: {row.command}",
            f"file: {path} ({path.stat().st_size / 2**20:.1f} MiB)"]  # fmt: skip


def _side(side: tuple[float, float]) -> str:
    return f"{side[0]:.4g}" if side[0] == side[1] else f"{side[0]:.4g} to {side[1]:.4g}"
