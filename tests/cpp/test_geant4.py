"""The fast-simulation model inside Geant4 itself, where Geant4's C++ libraries are installed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caloforge.showers import Incidents
from caloforge.simulators.learned import LearnedSimulator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def probe(build_project: Callable[..., None]) -> Path:
    """A small application of the library's Geant4 half."""
    if not (shutil.which("geant4-config") or os.environ.get("Geant4_DIR")):  # noqa: SIM112 - as CMake spells it
        pytest.skip("no Geant4 for C++: neither geant4-config nor Geant4_DIR")
    folder = ROOT / "build" / "cpp-geant4"
    build_project(ROOT / "cpp", folder)
    program = folder / "tests" / "caloforge_geant4_probe"
    if not program.exists():
        pytest.skip("no Geant4 for C++: CMake finds none of version 11.1 or newer")
    return program


@pytest.fixture
def deposits(
    probe: Path, model_of_the_axis: Callable[[str], Path], run_program: Callable[..., str]
) -> Callable[..., np.ndarray]:
    """Rows of cell, energy and position from a geantino of 10 GeV along z at a point."""

    def shoot(frame: str, point: tuple[float, float, float], runs: int = 1) -> np.ndarray:
        lines = run_program(probe, model_of_the_axis(frame), *point, runs).splitlines()
        rows = [line.split()[1:] for line in lines if line.startswith("deposit ")]
        return np.array(rows, float).reshape(-1, 5)

    return shoot


@pytest.mark.parametrize("point", [(0, 0, -50), (5, -3, -50), (40, 30, 70)], ids=["axis", "entrance", "inside"])
def test_a_mesh_along_the_particle_is_taken_all_over_the_face(
    point: tuple[float, float, float], deposits: Callable[..., np.ndarray], model_of_the_axis: Callable[[str], Path]
) -> None:
    found, (x, y, z) = deposits("shower", point), point
    z = max(z, 0)
    python = LearnedSimulator(model_of_the_axis("shower"))
    energies = python.simulate(Incidents.make("e-", 1e4, position=(0, 0, z)), 0).energies[0]
    cells = np.flatnonzero(energies)
    np.testing.assert_array_equal(found[:, 0], cells)
    np.testing.assert_allclose(found[:, 1], energies[cells], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found[:, 2:], python.detector.cell_centres[cells] + (x, y, z), atol=1e-5)


def test_fixed_cells_are_taken_on_the_axis_alone(deposits: Callable[..., np.ndarray]) -> None:
    assert len(deposits("detector", (0, 0, -50)))
    assert not len(deposits("detector", (5, -3, -50)))


def test_a_second_run_has_other_showers(deposits: Callable[..., np.ndarray]) -> None:
    once, twice = (deposits("detector", (0, 0, -50), runs) for runs in (1, 2))
    first, second = np.split(twice, [len(once)])
    np.testing.assert_array_equal(first, once)
    assert len(second)
    assert not np.isin(second[:, 1], first[:, 1]).all()
