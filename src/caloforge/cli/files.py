"""`convert` and `info`: convert files of showers in any layout, and describe files and models."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from caloforge import units
from caloforge.cli import complete
from caloforge.cli.options import OUTPUT, SOURCE, AsJson, Force, Quiet, console
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.files import check_output
from caloforge.particles import particle_name
from caloforge.progress import bar
from caloforge.showers import Incidents, foreign
from caloforge.showers.convert import convert as convert_table
from caloforge.showers.convert import write_binning_of
from caloforge.showers.domain import Domain
from caloforge.showers.overview import Overview, ranges, sketch
from caloforge.showers.physics import describe
from caloforge.simulators import kind_and_file

DRAWN = 100  # number of showers that a model makes for its profile
FormatName = Annotated[
    str | None,
    typer.Option(
        "--format", help="Layout of a file that is not ours; found by its content if absent.", rich_help_panel=SOURCE
    ),
]
AnyDetector = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME|FILE",
        help="Preset, TOML or binning XML, if the file names none.",
        autocompletion=complete.detectors,
        rich_help_panel=SOURCE,
    ),
]
AnyParticle = Annotated[
    str | None,
    typer.Option(
        "--particle",
        help="Particle, if the file does not tell it.",
        autocompletion=complete.particles,
        rich_help_panel=SOURCE,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("convert", epilog="Example: `caloforge convert dataset_1_photons_1.hdf5 --detector "
                "binning_dataset_1_photons.xml -o photons.h5`")(convert)  # fmt: skip
    app.command("info", epilog="Example: `caloforge info showers.h5`")(info)


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="File of showers, in any layout.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help=".h5: ours, .hdf5: CaloChallenge, .root: a ROOT tree.",
            rich_help_panel=OUTPUT,
        ),
    ],
    layout: FormatName = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT", help="Layout of OUT; its suffix if absent.", rich_help_panel=OUTPUT),
    ] = None,
    detector: AnyDetector = None,
    particle: AnyParticle = None,
    rows: Annotated[
        str | None, typer.Option(help="'A:B', from row A on and below row B.", rich_help_panel=SOURCE)
    ] = None,
    binning: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.xml", help="Also write CaloChallenge's binning of the cells.", rich_help_panel=OUTPUT
        ),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Convert files of showers: caloforge, CaloChallenge, CaloGAN, 3D GAN, Par04, LEMURS, points, ROOT, EDM4hep."""
    target, selected = foreign.written_layout(output, to), _rows(rows)
    found = foreign.detector_of(detector, particle)
    check_output(output, force=force, inputs=[source, *_paths(detector)])
    if binning:
        check_output(binning, force=force, inputs=[source, output, *_paths(detector)], suffixes=(".xml",))
    with foreign.opened(source, found, particle, layout) as (known, table), bar(quiet=quiet) as progress:
        start, stop = table.bounds(selected)
        task = progress.add_task(f"{known.name} to {target.name}", total=max(stop - start, 1))
        if binning:
            write_binning_of(binning, table)
        done = convert_table(source.name, known, table, target, output, selected,
                             lambda n: progress.advance(task, n))  # fmt: skip
    if not quiet:
        size = output.stat().st_size / 2**20
        made = units.counted(done.n, "shower")
        formats = f"{known.name} to {target.name}"
        console.print(f"{output}: {made} in {table.detector.name}, {formats}; {size:.1f} MiB")  # fmt: skip
        for note in done.notes:
            console.print(f"note: {note}")


def _paths(detector: str | None) -> list[Path]:
    return [Path(detector)] if detector else []


def _rows(text: str | None) -> slice:
    """Rows "A:B"; either end may be absent."""
    if text is None:
        return slice(None)
    begin, colon, end = text.partition(":")
    try:
        ends = [int(word) if word.strip() else None for word in (begin, end)]
    except ValueError:
        ends = [-1]
    if not colon or any(value is not None and value < 0 for value in ends):
        raise InputError(f"--rows '{text}' must read 'A:B', for example '0:1000'")
    return slice(*ends)


def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="File of showers in any layout, or a model.", autocompletion=complete.samples
        ),
    ],
    layout: FormatName = None,
    detector: AnyDetector = None,
    particle: AnyParticle = None,
    as_json: AsJson = False,
) -> None:
    """Describe a file or a model: origin, ranges, and mean showers."""
    path, found = kind_and_file(name)[1], foreign.detector_of(detector, particle)
    place: Detector | None
    if path.suffix.lower() == ".onnx":
        values, place = _model(path)
    else:
        values, place = _showers(path, found, particle, layout)
    if as_json:
        print(json.dumps(values))  # noqa: T201
        return
    for line in _lines(name, values):
        console.print(line)
    if place is not None and "layers_MeV" in values:
        console.print(*sketch(place, np.array(values["layers_MeV"])), sep="\n")


def _showers(
    path: Path, detector: Detector | None, particle: str | None, layout: str | None
) -> tuple[dict[str, Any], Detector | None]:
    try:
        with foreign.opened(path, detector, particle, layout) as (known, table):
            values = {
                "kind": "showers", "format": known.name, "n": len(table), "detector": table.detector.name,
                "n_cells": table.detector.n_cells, **ranges(table.incidents), **Overview.of(table).numbers,
                "notes": table.notes, "provenance": table.provenance,
            }  # fmt: skip
            return values, table.detector
    except InputError as error:
        if "name it with --detector" not in str(error):
            raise
        return {"kind": "showers", **foreign.outline(path, layout), "detector": None}, None


def _model(path: Path) -> tuple[dict[str, Any], Detector]:
    """Card of an exported model, and the means of some of its showers at a middle energy."""
    from caloforge.simulators.learned import LearnedSimulator

    with LearnedSimulator(path) as model:
        card, domain = model.card, model.card.domain
        drawn = model.simulate(_middle(domain), seed=1)
        table = foreign.Table(drawn.detector, drawn.incidents, lambda first, last: drawn.energies[first:last], {})
        values = {
            "kind": "model", "name": card.name, "detector": model.detector.name, "n_cells": card.n_cells,
            "particles": [particle_name(code) for code in card.pdgs], "energy": list(domain.energy),
            "theta": list(domain.theta), "phi": list(domain.phi), "position": [list(side) for side in domain.position],
            **Overview.of(table).numbers, "drawn_at": float(drawn.incidents.energy[0]), "noise": card.noise,
            "bytes": path.stat().st_size, "versions": card.versions, "provenance": {"training": card.training},
        }  # fmt: skip
        return values, model.detector


def _middle(domain: Domain) -> Incidents:
    """Incidents of the first particle, in the middle of all ranges."""
    energy = np.full(DRAWN, math.sqrt(domain.energy[0] * domain.energy[1]))
    theta, phi, *position = (sum(side) / 2 for side in (domain.theta, domain.phi, *domain.position))
    return Incidents.make([domain.pdgs[0]] * DRAWN, energy, theta=theta, phi=phi, position=position)


def _lines(name: str, values: dict[str, Any]) -> list[str]:
    """Description in lines."""
    if values["kind"] == "model":
        head = f"{name}: model {values['name']}, {values['bytes'] / 2**20:.1f} MiB, {values['noise']} noise values"
    else:
        head = f"{name}: {units.counted(values['n'], 'shower')}, format {values['format']}"
    lines = [head]
    if values["detector"] is None:
        lines += [f"  {one}" for one in values["data_sets"]]
        return [*lines, "name the detector with --detector for energies and profile"]
    lines.append(f"detector {values['detector']}, {units.counted(values['n_cells'], 'cell')}")
    lines += _range_lines(values) + _origin_lines(values["provenance"])
    lines += [f"note: {note}" for note in values.get("notes", [])]
    at = f" at {units.show_energy(values['drawn_at'])}" if "drawn_at" in values else ""
    response = values["response"]
    mean, rms = units.show_shares(response["mean"], response["std"])
    means = f"response {mean}, rms {rms}, {values['hits']:.1f} cells above the threshold"
    lines.append(f"means of {units.counted(values['averaged'], 'shower')}{at}: {means}; energy per layer:")
    return lines


def _range_lines(values: dict[str, Any]) -> list[str]:
    if values["energy"] is None:
        return ["no showers"]
    low, high = (units.show_energy(energy) for energy in values["energy"])
    angles = ", ".join(f"{name} {a:.4g} to {b:.4g} rad" for name in ("theta", "phi") for a, b in [values[name]])
    place = ", ".join(f"{axis} {a:.4g} to {b:.4g} mm" for axis, (a, b) in zip("xyz", values["position"], strict=True))
    particles = ", ".join("unknown particles" if name == "0" else name for name in values["particles"])
    energies = low if low == high else f"{low} to {high}"
    return [f"{particles} of {energies}; {angles}; {place}"]


def _origin_lines(provenance: dict[str, Any]) -> list[str]:
    """What made the showers, and what the model behind them has learned from, as far as known."""
    lines = _made_lines(provenance)
    training = provenance.get("training")
    if isinstance(training, dict):
        lines.append(f"learned from {training.get('n_showers', '?')} showers, seed {training.get('seed', '?')}")
        showers = training.get("showers")
        lines += [f"  {line}" for line in _made_lines(showers if isinstance(showers, dict) else {})]
    if physics := describe(provenance):
        lines.append(f"Geant4's {physics}")
    return lines


def _made_lines(own: dict[str, Any]) -> list[str]:
    """Simulator, seed and command of showers."""
    known = {key: own[key] for key in ("simulator", "file", "layout", "seed", "n", "time") if own.get(key) is not None}
    lines = [", ".join(f"{key} {value}" for key, value in known.items())] if known else []
    return lines + ([f"made by: {own['command']}"] if isinstance(own.get("command"), str) else [])
