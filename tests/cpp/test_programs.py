"""The compiled programs: four threads, misuse, the host's half, and a project that finds the installed package."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from caloforge.cli import app
from caloforge.detector import Detector
from caloforge.detector.detector import preset_names
from caloforge.showers import Incidents
from caloforge.simulators.cell_table import CellTable
from caloforge.simulators.geant4.world.sharing import share
from caloforge.simulators.learned import LearnedSimulator

ROOT = Path(__file__).parents[2]
Run = Callable[..., str]
Table = Callable[[Detector], Path]


@pytest.fixture
def table(tmp_path: Path) -> Callable[[Detector], Path]:
    """Write the part of a model card that tells the cells of a detector."""

    def write(detector: Detector) -> Path:
        path = tmp_path / f"{detector.name}.json"
        path.write_text(json.dumps({"cells": CellTable.of(detector).model_dump(mode="json")}), encoding="utf-8")
        return path

    return write


def test_threads_misuse_and_bad_files(build: Path, model: Path, bad: dict[str, Path], run_program: Run) -> None:
    refused = [path for name, path in bad.items() if name != "cells"]
    reasons = run_program(build / "tests" / "caloforge_exercise", model, *refused).splitlines()
    assert len(reasons) == len(refused)
    assert all(reasons)


@pytest.mark.parametrize("name", ["pads", *preset_names()])
def test_cell_centres_equal_pythons(name: str, build: Path, run_program: Run, table: Table) -> None:
    detector = Detector.from_toml(PADS) if name == "pads" else Detector.load(name)
    told = run_program(build / "tests" / "caloforge_host_probe", "cells", table(detector)).splitlines()
    assert told[0] == detector.readout.frame
    centres = np.array([line.split() for line in told[1:]], float)
    np.testing.assert_allclose(centres, detector.cell_centres, atol=1e-5)


def test_windows_lie_where_pythons_do(build: Path, run_program: Run, table: Table) -> None:
    detector = Detector.load("atlas-barrel")
    card = table(detector)
    probe, random = build / "tests" / "caloforge_host_probe", np.random.default_rng(3)
    cells = np.arange(detector.n_cells)
    for _ in range(12):
        theta, phi, x, y = random.uniform([0.2, -0.1, -90, -50], [0.25, 0.1, -25, 85])
        told = run_program(probe, "window", card, theta, phi, x, y).splitlines()
        assert told[0] == "1"
        incidents = Incidents.make("gamma", np.full(len(cells), 1e3), theta=theta, phi=phi, position=(x, y, 0))
        centres = np.array([line.split() for line in told[1:]], float)
        np.testing.assert_allclose(centres, detector.frame.centres(incidents, cells), atol=1e-4)
    assert run_program(probe, "window", card, 0, 0, 1e4, 0).splitlines()[0] == "0"


PADS = """
name = "pads"
[[layer]]
copies = 2
plates = [{material = "G4_Si", thickness = "9 mm"}]
counts = ["G4_Si"]
cells = {kind = "hexagonal", size = "12 mm", width = "150 mm"}
"""

MIXED = """
name = "mixed"
[readout]
frame = "shower"
[[layer]]
copies = 2
plates = [{material = "G4_Si", thickness = "7 mm"}]
counts = ["G4_Si"]
cells = {kind = "cylindrical", n = [3, 2], r_edges = ["5 mm", "20 mm", "35 mm"]}
[[layer]]
plates = [{material = "G4_Si", thickness = "25 mm"}]
counts = ["G4_Si"]
cells = {kind = "cartesian", n = [3, 5], size = ["20 mm", "12 mm"]}
"""


@pytest.mark.parametrize("name", ["calogan-ecal", "par04-siw", "mixed", "pads"])
def test_steps_are_shared_as_python_shares_them(name: str, build: Path, run_program: Run, table: Table) -> None:
    own = {"mixed": MIXED, "pads": PADS}
    detector = Detector.from_toml(own[name]) if name in own else Detector.load(name)
    random, reach = np.random.default_rng(5), max(layer.cells.half_extent for layer in detector.layers)
    size = np.array([reach, reach, detector.depth])
    start = random.uniform((-1, -1, 0), 1, (200, 3)) * size
    end = start + random.normal(size=(200, 3)) * size * random.choice([0, 0.05, 0.8], (200, 1))
    numbers = [repr(x) for x in np.hstack([start, end]).ravel().tolist()]
    told = run_program(build / "tests" / "caloforge_host_probe", "along", table(detector), *numbers)
    crossed = 0
    for line, a, b in zip(told.splitlines(), start, end, strict=True):
        words = line.split()
        ours = np.bincount(np.array(words[::2], int), np.array(words[1::2], float), detector.n_cells)
        theirs = np.bincount(*share(detector, np.ones(1), a[None], b[None]), detector.n_cells)
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
        crossed += (theirs > 0).sum() > 1
    assert crossed > 15


@pytest.mark.parametrize("name", ["calogan-ecal", "par04-siw", "mixed", "pads"])
def test_steps_along_walls_count_once(name: str, build: Path, run_program: Run, table: Table) -> None:
    """Through centres, corners and the axis, whole layers deep: a wall belongs to one cell, not to two or none."""
    own = {"mixed": MIXED, "pads": PADS}
    detector = Detector.from_toml(own[name]) if name in own else Detector.load(name)
    cells = detector.layers[0].cells
    corners = np.concatenate([np.array(outline)[:2] for outline in cells.corners()])
    inside = corners[np.abs(corners).max(axis=1) < cells.half_extent * 0.6][:40]
    places = np.concatenate([[(0.0, 0.0)], cells.centres[:10], inside])
    steps = np.array([(x, y, z, x, y, detector.depth) for x, y in places for z in (0.0, detector.layers[0].z_max)])
    numbers = map(repr, steps.ravel().tolist())
    told = run_program(build / "tests" / "caloforge_host_probe", "along", table(detector), *numbers).splitlines()
    depths = np.array([layer.z for layer in detector.layers])
    for line, (x, y, z, *_) in zip(told, steps, strict=True):
        crossed = depths[depths > z]
        if (detector.locate(np.array([(x + 1e-7, y + 1e-8, depth) for depth in crossed])) >= 0).all():
            np.testing.assert_allclose(sum(map(float, line.split()[1::2])), 1, atol=1e-9)


def test_damaged_tables_give_a_reason(build: Path, small: Detector, run_program: Run, tmp_path: Path) -> None:
    probe, whole = build / "tests" / "caloforge_host_probe", CellTable.of(small).model_dump(mode="json")
    changes: dict[str, dict[str, Any]] = {
        "'depths' does not fit": {"depths": whole["depths"][:-1]},
        "not strictly increasing": {"depths": [0.0] * len(whole["depths"])},
        "'layers' is 99": {"layers": [99] * len(whole["layers"])},
        "too many cells": {"layers": [0] * 2_000_000, "depths": list(range(2_000_001))},
        "three corners": {"planes": [whole["planes"][0] | {"outlines": [[0, 0, 1, 1]]}] * 9},
        "do not fit": {"planes": [whole["planes"][0] | {"outlines": whole["planes"][0]["outlines"] * 2}] * 9},
        "pairs of x and y": {"planes": [whole["planes"][0] | {"centres": [1.0]}] * 9},
        "'windows' has not one entry": {"frame": "window"},
        "larger than its grid": {"frame": "window", "windows": [[1, 1, 3, 3, 5, 5]]},
        "too small": {"frame": "window", "windows": [[0, 1, 3, 3, 3, 3]]},
        "a finite number": {"depths": ["far"] * len(whole["depths"])},
    }
    for said, change in changes.items():
        (tmp_path / "card.json").write_text(json.dumps({"cells": whole | change}))
        assert said in run_program(probe, "cells", tmp_path / "card.json", expect=1)
    for text in ("", "[]", "{", "[" * 10**6, '{"cells": null}', '{"cells": 1e999}'):
        (tmp_path / "card.json").write_text(text)
        assert run_program(probe, "cells", tmp_path / "card.json", expect=1)


def test_old_files_are_upgraded(
    build: Path, model: Path, write_model: Callable[..., Path], old_card: str, run_program: Run, tmp_path: Path
) -> None:
    """Files of schema 1 simulate; placing hits asks for the table of cells, which `upgrade` adds."""
    old, new = write_model(tmp_path / "old.onnx", metadata=old_card), tmp_path / "new.onnx"
    probe = build / "tests" / "caloforge_host_probe"
    assert "`caloforge upgrade` adds it" in run_program(probe, "learned", old, 11, 20000, 5, expect=1)
    assert CliRunner().invoke(app, ["upgrade", str(old), "-o", str(new)]).exit_code == 0
    assert run_program(probe, "learned", new, 11, 20000, 5) == run_program(probe, "learned", model, 11, 20000, 5)


def test_host_half_reaches_the_model_through_c(build: Path, model: Path, run_program: Run) -> None:
    told = run_program(build / "tests" / "caloforge_host_probe", "learned", model, 11, 20000, 5).split()
    python = LearnedSimulator(model).simulate(Incidents.make("e-", 2e4, shower_id=5), 7).energies[0]
    np.testing.assert_allclose(np.array(told, float), python, rtol=1e-4, atol=1e-3)


def test_cells_that_follow_the_shower_are_asked_for_on_the_axis(
    build: Path, model_of_the_axis: Callable[[str], Path], run_program: Run
) -> None:
    probe, entry = build / "tests" / "caloforge_host_probe", (11, 20000, 5, 40, -30, 70)
    told = run_program(probe, "learned", model_of_the_axis("shower"), *entry).split()
    incident = Incidents.make("e-", 2e4, position=(0, 0, 70), shower_id=5)
    python = LearnedSimulator(model_of_the_axis("shower")).simulate(incident, 7).energies[0]
    np.testing.assert_allclose(np.array(told, float), python, rtol=1e-4, atol=1e-3)
    assert "x 40 mm" in run_program(probe, "learned", model_of_the_axis("detector"), *entry, expect=1)


def test_an_outside_project_finds_the_installed_package(
    build: Path, build_project: Callable[..., None], model: Path, run_program: Run, tmp_path: Path
) -> None:
    run_program("cmake", "--install", build, "--prefix", tmp_path / "prefix")
    examples = tmp_path / "examples"
    build_project(ROOT / "cpp" / "examples" / "inference", examples, f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}")
    python = LearnedSimulator(model).simulate(Incidents.make("e-", 1e4), 42).energies.sum()
    total, _, _, cells, _ = run_program(examples / "shower_c", model).split()
    assert int(cells) == 504
    assert float(total) == pytest.approx(python, rel=1e-4)
    assert "ms per shower" in run_program(examples / "showers", model, 11, 10000, 20)
    assert "MeV in 504 cells" in run_program(examples / "shower_c", model, 22)
    assert "particle 13 is not one the model was trained on: 11, 22" in run_program(
        examples / "shower_c", model, 13, expect=1
    )
    missing = run_program(examples / "shower_c", tmp_path / "nothing.onnx", expect=1)
    assert "nothing.onnx: it cannot be opened: No such file or directory" in missing
