"""SHA-256 digests of showers, weights, losses and exported graphs, which a change that only moves code must keep.

python benchmarks/digests.py -o before.json
python benchmarks/digests.py --against before.json

They cover small detectors of every frame and kind of cells, every simulator, and every kind of model, trained for a few
steps. Digests are comparable on one machine with one set of package versions only.
"""

import argparse
import contextlib
import hashlib
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from caloforge.detector import Detector, symmetries
from caloforge.detector.describe import describe
from caloforge.detector.neighbours import neighbours
from caloforge.errors import RunError
from caloforge.export import export
from caloforge.production import Source, SourceConfig
from caloforge.showers import Incidents, Showers, write
from caloforge.simulators import create
from caloforge.simulators.geant4 import HookedGeant4
from caloforge.simulators.learned import LearnedSimulator
from caloforge.training import TrainingConfig, train
from caloforge.validation.features import BUILD
from caloforge.validation.judges import inputs as judge_inputs
from caloforge.validation.table import observable_table

CELLS = {
    "rectangles": 'kind = "cartesian", n = [4, 5], size = ["20 mm", "15 mm"]',
    "strips": 'kind = "cartesian", n = [8, 2], size = ["10 mm", "40 mm"]',
    "rings": 'kind = "cylindrical", n = [6, 4], r_max = "45 mm"',
    "edges": 'kind = "cylindrical", n = [1, 3], r_edges = ["2 mm", "10 mm", "30 mm", "50 mm"]',
    "window": 'kind = "cartesian", n = [4, 5], size = ["20 mm", "15 mm"], grid = [12, 13]',
    "narrow": 'kind = "cartesian", n = [8, 5], size = ["10 mm", "15 mm"], grid = [24, 13]',
}
SAMPLING = '{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}'
LAYER = """
[[layer]]
copies = {copies}
repeat = 8
plates = [{plates}]
counts = [{counts}]
{more}
cells = {{{cells}}}
"""
DETECTORS = {
    "detector, rectangles": ("detector", ("rectangles", "strips"), ""),
    "detector, rings": ("detector", ("rings", "edges"), ""),
    "detector, both": ("detector", ("rectangles", "rings"), 'time_gate = "20 ns"'),
    "detector, uniform": ("detector", ("rectangles", "rectangles"), ""),
    "shower, rings": ("shower", ("rings", "rings"), ""),
    "shower, rectangles": ("shower", ("rectangles", "strips"), ""),
    "window": ("window", ("window", "narrow"), ""),
}
MODELS: dict[str, dict[str, Any]] = {
    "coupling-flow": {key: {"blocks": 2, "hidden": 8, "bins": 4} for key in ("layers", "cells")},
    "caloflow": {key: {"blocks": 1, "hidden": 16, "bins": 4} for key in ("layers", "cells")},
    "caloflow-student": {"layers": {"blocks": 1, "hidden": 16, "bins": 4},
                         "cells": {"blocks": 1, "hidden": 12, "bins": 4}},
    "distilled": {"layers": {"blocks": 2, "hidden": 8, "bins": 4}, "hidden": 16, "blocks": 2, "score": 0.5},
    "vae": {"latent": 4, "hidden": [16, 8]},
    "wgan-gp": {"latent": 4, "hidden": [16, 16]},
    "fast-ar": {"layers": {"blocks": 1, "hidden": 4, "bins": 2}, "widths": [4, 6], "blocks": [0, 1], "embedding": 4,
                "mixtures": 2},
    "gan-3d": {"noise": 6,
               "generator": {"start": 4, "blocks": [{"channels": 6, "kernel": [3, 3, 3]},
                                                    {"channels": 4, "kernel": [3, 3, 3], "up": [2, 2, 2]}]},
               "discriminator": {"blocks": [{"channels": 4, "kernel": [3, 3, 3], "join": [2, 2, 2]},
                                            {"channels": 4, "kernel": [3, 3, 3]}]}},
}  # fmt: skip
LEARNED = {  # the kinds of models that are trained in a detector; others would show the same
    "detector, rectangles": ("coupling-flow", "caloflow", "vae"),
    "detector, uniform": ("fast-ar", "gan-3d"),
    "shower, rings": ("coupling-flow", "wgan-gp"),
    "window": ("vae",),
}
STUDENTS = {"coupling-flow": "distilled", "caloflow": "caloflow-student"}
"""Kinds that learn from a model of another kind, in the same detectors."""
PARTS = ("geometry", "showers", "models")
Found = Iterator[tuple[str, str]]


def detector(name: str) -> Detector:
    """One of the small detectors."""
    frame, kinds, more = DETECTORS[name]
    counts = ('"G4_lAr"', '"G4_Pb", "G4_lAr"')
    layers = "".join(
        LAYER.format(copies=2, plates=SAMPLING, counts=counts[k], cells=CELLS[kind], more=more if k else "")
        for k, kind in enumerate(kinds)
    )
    centre = "centre_layer = 1" if frame == "window" else ""
    head = f'name = "small"\nhalf_width = "200 mm"\n[readout]\nframe = "{frame}"\nthreshold = "0.01 MeV"\n{centre}\n'
    return Detector.from_toml(head + layers, name)


INCLINED = {"theta": "0 rad:0.3 rad", "phi": "-1 rad:2 rad", "position": "-12 mm:17 mm, 3 mm:20 mm"}
STRAIGHT = {"theta": "0 rad", "phi": "0 rad", "position": "0 mm, 0 mm"}


def incidents(name: str, n: int, energy: str, ways: dict[str, str]) -> Incidents:
    """Electrons into a detector."""
    source = SourceConfig(particle="e-", energy=energy, **ways)
    return Source.from_config(source, detector(name)).draw(0, n, 5)


def digest(*arrays: Any) -> str:
    """Digest of the shapes, types and bytes of arrays."""
    found = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def text(value: object) -> str:
    """Digest of the text of a value."""
    return hashlib.sha256(str(value).encode()).hexdigest()


def geometry(name: str) -> Found:
    """Digests of the geometry of a detector's cells."""
    from rich.console import Console

    one = detector(name)
    yield "cells", digest(one.cell_centres, one.cell_volumes, one.cell_layer, one.thresholds)
    yield "symmetries", digest(symmetries(one))
    yield "neighbours", digest(neighbours(one))
    yield "corners", text([layer.cells.corners() for layer in one.layers])
    yield "names", text(judge_inputs.cell_names(one))
    console = Console(file=io.StringIO(), width=200)
    console.print(describe(one))
    yield "description", text(console.file.getvalue())  # type: ignore[attr-defined]
    yield "toml", text(one.toml)


def judge_inputs_of(showers: Showers) -> Found:
    """Digests of the judges' inputs."""
    table = observable_table(showers)
    yield "observables", digest(*(table[key].values for key in sorted(table)))
    yield "observables' names", text(sorted(table))
    for view, build in BUILD.items():
        yield f"view {view}", digest(build(showers))
    half = len(showers) // 2
    views = judge_inputs.make_inputs(showers[:half], showers[half:])
    yield "judge's views", digest(*(views.view(key) for key in ("features", "shapes", "cells")))
    yield "judge's columns", text(views.names(("features", "shapes", "cells")))


def simulated(name: str, folder: Path) -> Found:
    """Digests of showers of simulators without training."""
    for word, ways in (("inclined", INCLINED), ("straight", STRAIGHT)):
        yield from ((f"{word}, {key}", value) for key, value in _simulated(name, folder, ways))


def _simulated(name: str, folder: Path, ways: dict[str, str]) -> Found:
    few, many = incidents(name, 4, "300 MeV", ways), incidents(name, 40, "300 MeV:3 GeV", ways)
    with create("gflash", detector(name)) as simulator:
        fast = simulator.simulate(many, 3)
    yield "gflash", digest(fast.energies)
    yield from ((f"gflash, {key}", value) for key, value in judge_inputs_of(fast))
    write(folder / "library.h5", fast)
    for kind in ("frozen", "replay"):
        with create(f"{kind}={folder / 'library.h5'}", detector(name)) as simulator:
            yield kind, digest(simulator.simulate(many[:20], 4).energies)
    if ways is STRAIGHT and DETECTORS[name][0] != "shower":
        return  # Geant4 has the same volumes for all directions
    with create("geant4", detector(name)) as simulator:
        yield "geant4", digest(simulator.simulate(few, 3).energies)
    if ways is INCLINED:
        with HookedGeant4(detector(name), "gflash", threshold=250.0, batch_events=2) as simulator:
            yield "geant4 with gflash inside", digest(simulator.simulate(few, 3).energies)


def learned(name: str, kind: str, folder: Path) -> Found:
    """Digests of weights, losses, exported graph and showers of a model trained for a few steps, and of its student."""
    sample = incidents(name, 200, "300 MeV:3 GeV", INCLINED)
    with create("gflash", detector(name)) as simulator:
        showers = simulator.simulate(sample, 3)
    yield from ((f"{kind}; {key}", value) for key, value in _learned(kind, folder / kind, showers, {}))
    if student := STUDENTS.get(kind):
        teacher = {"teacher": str(folder / kind)}
        found = _learned(student, folder / student, showers, teacher)
        yield from ((f"{student}; {key}", value) for key, value in found)


def _learned(kind: str, run: Path, showers: Showers, more: dict[str, Any]) -> Found:
    config = {"model": {"kind": kind, **MODELS[kind]}, "training": {"steps": 4, "batch": 32, "evaluate_every": 2}}
    exported = run / "model.onnx"
    train(TrainingConfig.build(config | more, kind), showers[:150], showers[150:], run, quiet=True)
    weights = torch.load(run / "model.pt", weights_only=True)
    yield "weights", digest(*(value for _, value in sorted(_tensors(weights))))
    rows = [json.loads(line) for line in (run / "losses.jsonl").read_text(encoding="utf-8").splitlines()]
    yield "losses", text([{**row, "seconds": None} for row in rows])
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            export(run, exported)
    except RunError as error:  # a few steps may leave a flow that amplifies rounding
        yield "refused by export", text(error)
        return
    yield "exported graph", hashlib.sha256(onnx.load(exported).graph.SerializeToString()).hexdigest()
    with LearnedSimulator(exported, showers.detector, outside=True) as simulator:
        yield "learned", digest(simulator.simulate(showers.incidents[:20], 6).energies)


def _tensors(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, torch.Tensor):
        yield name, values.numpy()
    elif isinstance(values, dict):
        for key, value in values.items():
            yield from _tensors(value, f"{name}/{key}")


def digests(parts: list[str], log: Any) -> dict[str, str]:
    """Digests by name, for some of the parts geometry, showers and models."""
    found: dict[str, str] = {}
    torch.set_num_threads(1)
    for name in DETECTORS:
        with tempfile.TemporaryDirectory() as folder:
            makers = {"geometry": lambda: geometry(name), "showers": lambda: simulated(name, Path(folder))}  # noqa: B023
            for part in (part for part in makers if part in parts):
                found |= {f"{part}; {name}; {key}": value for key, value in makers[part]()}
        for kind in LEARNED.get(name, ()) if "models" in parts else ():
            with tempfile.TemporaryDirectory() as folder:
                found |= {f"models; {name}; {key}": value for key, value in learned(name, kind, Path(folder))}
        print(name, file=log, flush=True)
    return found


def main() -> int:
    """Print digests, or their differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="file for the digests; the terminal by default")
    parser.add_argument("--against", type=Path, help="file of an earlier run: list what differs, exit code 1 if any")
    parser.add_argument("--part", action="append", choices=PARTS, help="some of the digests; all by default")
    arguments = parser.parse_args()
    parts = arguments.part or list(PARTS)
    found = digests(parts, sys.stderr)
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    if not arguments.against:
        print("" if arguments.output else json.dumps(found, indent=1))
        return 0
    known = json.loads(arguments.against.read_text(encoding="utf-8"))
    before = {key: value for key, value in known.items() if key.split(";")[0] in parts}
    differing = [key for key in {**before, **found} if before.get(key) != found.get(key)]
    print("\n".join(differing) or f"all {len(found)} digests are the same")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
