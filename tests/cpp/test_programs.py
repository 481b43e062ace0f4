"""The compiled programs: four threads, misuse, the host's half, and a project that finds the installed package."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.detector.detector import preset_names
from caloforge.showers import Incidents
from caloforge.simulators.geant4.world.sharing import share
from caloforge.simulators.learned import LearnedSimulator

ROOT = Path(__file__).parents[2]
Run = Callable[..., str]


def write_replay(folder: Path, detector: Detector, showers: np.ndarray, energies: np.ndarray, pdg: int) -> Path:
    """A folder that the replay of the C++ half reads."""
    folder.mkdir()
    np.save(folder / "showers.npy", showers)
    np.save(folder / "incident_energies.npy", energies[:, None])
    np.save(folder / "incident_pdg.npy", np.full(len(energies), pdg, np.int32))
    (folder / "detector.toml").write_text(detector.toml, encoding="utf-8")
    return folder


def test_threads_misuse_and_bad_files(build: Path, model: Path, bad: dict[str, Path], run_program: Run) -> None:
    refused = [path for name, path in bad.items() if name != "cells"]
    reasons = run_program(build / "tests" / "caloforge_exercise", model, *refused).splitlines()
    assert len(reasons) == len(refused)
    assert all(reasons)


@pytest.mark.parametrize("name", preset_names())
def test_cell_centres_equal_pythons(name: str, build: Path, run_program: Run, tmp_path: Path) -> None:
    detector = Detector.load(name)
    (tmp_path / "detector.toml").write_text(detector.toml, encoding="utf-8")
    told = run_program(build / "tests" / "caloforge_host_probe", "cells", tmp_path / "detector.toml").splitlines()
    assert told[0] == detector.readout.frame
    centres = np.array([line.split() for line in told[1:]], float)
    np.testing.assert_allclose(centres, detector.cell_centres, atol=1e-5)


def test_windows_lie_where_pythons_do(build: Path, run_program: Run, tmp_path: Path) -> None:
    detector = Detector.load("atlas-barrel")
    (tmp_path / "detector.toml").write_text(detector.toml, encoding="utf-8")
    probe, random = build / "tests" / "caloforge_host_probe", np.random.default_rng(3)
    cells = np.arange(detector.n_cells)
    for _ in range(12):
        theta, phi, x, y = random.uniform([0.2, -0.1, -90, -50], [0.25, 0.1, -25, 85])
        told = run_program(probe, "window", tmp_path / "detector.toml", theta, phi, x, y).splitlines()
        assert told[0] == "1"
        incidents = Incidents.make("gamma", np.full(len(cells), 1e3), theta=theta, phi=phi, position=(x, y, 0))
        centres = np.array([line.split() for line in told[1:]], float)
        np.testing.assert_allclose(centres, detector.frame.centres(incidents, cells), atol=1e-4)
    assert run_program(probe, "window", tmp_path / "detector.toml", 0, 0, 1e4, 0).splitlines()[0] == "0"


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


@pytest.mark.parametrize("name", ["calogan-ecal", "par04-siw", "mixed"])
def test_steps_are_shared_as_python_shares_them(name: str, build: Path, run_program: Run, tmp_path: Path) -> None:
    detector = Detector.from_toml(MIXED) if name == "mixed" else Detector.load(name)
    (tmp_path / "detector.toml").write_text(detector.toml)
    random, reach = np.random.default_rng(5), max(layer.cells.half_extent for layer in detector.layers)
    size = np.array([reach, reach, detector.depth])
    start = random.uniform((-1, -1, 0), 1, (200, 3)) * size
    end = start + random.normal(size=(200, 3)) * size * random.choice([0, 0.05, 0.8], (200, 1))
    numbers = [repr(x) for x in np.hstack([start, end]).ravel().tolist()]
    told = run_program(build / "tests" / "caloforge_host_probe", "along", tmp_path / "detector.toml", *numbers)
    crossed = 0
    for line, a, b in zip(told.splitlines(), start, end, strict=True):
        words = line.split()
        ours = np.bincount(np.array(words[::2], int), np.array(words[1::2], float), detector.n_cells)
        theirs = np.bincount(*share(detector, np.ones(1), a[None], b[None]), detector.n_cells)
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
        crossed += (theirs > 0).sum() > 1
    assert crossed > 15


def test_replay_plays_row_k_for_event_k(build: Path, small: Detector, run_program: Run, tmp_path: Path) -> None:
    showers = np.random.default_rng(0).random((3, small.n_cells), np.float32)
    folder = write_replay(tmp_path / "replay", small, showers, np.array([1e3, 2e3, 3e3]), 11)
    probe = build / "tests" / "caloforge_host_probe"
    told = run_program(probe, "replay", folder, 11, 2000, 2**20).split()
    np.testing.assert_array_equal(np.array(told, np.float32), showers[1])
    for wrong, said in {(22, 2000, 2**20): "particle", (11, 2050, 2**20): "MeV", (11, 3000, 3 * 2**20): "3 events",
                        (11, 2000, 2**20 + 1): "not stored"}.items():  # fmt: skip
        assert said in run_program(probe, "replay", folder, *wrong, expect=1)


def test_damaged_replay_gives_a_reason(build: Path, small: Detector, run_program: Run, tmp_path: Path) -> None:
    showers = np.zeros((3, small.n_cells), np.float32)
    folder = write_replay(tmp_path / "replay", small, showers, np.full(3, 1e3), 11)
    probe, whole = build / "tests" / "caloforge_host_probe", (folder / "showers.npy").read_bytes()
    for content in (b"", whole[:-4], whole[:50], b"x" * 500, whole.replace(b"(3, 26)", b"(9" + b"9" * 17 + b", 26)")):
        (folder / "showers.npy").write_bytes(content)
        assert "showers.npy" in run_program(probe, "replay", folder, 11, 1000, 0, expect=1)
    (folder / "showers.npy").write_bytes(whole)
    for text in ("", "[[layer]]", "layer = [[[[", "x" * 100, small.toml.replace("80.0 mm", "80.0 feet")):
        (folder / "detector.toml").write_text(text, encoding="utf-8")
        assert "detector.toml" in run_program(probe, "replay", folder, 11, 1000, 0, expect=1)


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
    assert "nothing.onnx" in run_program(examples / "shower_c", tmp_path / "nothing.onnx", expect=1)
