"""The library's own code under the address and undefined-behaviour sanitizers; its build takes a minute of one core."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sanitized(build_project: Callable[..., None]) -> Path:
    if not os.environ.get("CALOFORGE_SANITIZE"):
        pytest.skip("the sanitizers' own build takes a minute: set CALOFORGE_SANITIZE=1 to run it")
    folder = ROOT / "build" / "cpp-sanitize"
    build_project(ROOT / "cpp", folder, "-DCALOFORGE_SANITIZE=ON", "-DCALOFORGE_WITH_GEANT4=OFF")
    return folder / "tests"


@pytest.fixture(autouse=True)
def _plain_dlopen(monkeypatch: pytest.MonkeyPatch) -> None:
    # OpenVINO's thread library opens its parts with RTLD_DEEPBIND, which the address sanitizer cannot follow.
    monkeypatch.setenv("TBB_ENABLE_SANITIZERS", "1")


def damaged(model: Path, folder: Path) -> list[Path]:
    """The model cut at 60 lengths, and with a byte of its last 4000 (the metadata) changed 40 times."""
    whole, random = model.read_bytes(), np.random.default_rng(11)
    contents = [whole[: int(n)] for n in random.integers(1, len(whole), 60)]
    for _ in range(40):
        changed = bytearray(whole)
        changed[int(random.integers(len(whole) - 4000, len(whole)))] = int(random.integers(256))
        contents.append(bytes(changed))
    paths = [folder / f"{i}.onnx" for i in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def test_exercise_is_clean(sanitized: Path, model: Path, bad: dict[str, Path], run_program: Callable[..., str]) -> None:
    refused = [path for name, path in bad.items() if name != "cells"]
    assert len(run_program(sanitized / "caloforge_exercise", model, *refused).splitlines()) == len(refused)


def test_damaged_files_never_crash(
    sanitized: Path, model: Path, tmp_path: Path, run_program: Callable[..., str]
) -> None:
    good, of, n = run_program(sanitized / "caloforge_host_probe", "open", *damaged(model, tmp_path)).split()
    assert (of, n) == ("of", "100")
    assert int(good) <= 40, "no truncated file opens"


def test_damaged_tables_never_crash(
    sanitized: Path, card: Callable[..., object], tmp_path: Path, run_program: Callable[..., str]
) -> None:
    whole, random = card().to_json().encode(), np.random.default_rng(12)  # type: ignore[attr-defined]
    cells = whole.index(b'"cells":')
    digits = [place for place in range(cells, len(whole)) if whole[place : place + 1].isdigit()]
    paths = []
    for i in range(300):
        changed = bytearray(whole[: int(random.integers(1, len(whole) + 1))] if i % 3 == 0 else whole)
        for _ in range(int(random.integers(1, 4))):
            if i % 3 == 1:
                changed[digits[int(random.integers(len(digits)))]] = int(random.integers(ord("1"), ord("9") + 1))
            else:
                changed[int(random.integers(min(cells, len(changed) - 1), len(changed)))] = int(random.integers(256))
        paths.append(tmp_path / f"{i}.json")
        paths[-1].write_bytes(bytes(changed))
    good, of, n = run_program(sanitized / "caloforge_host_probe", "read", *paths).split()
    assert (of, n) == ("of", "300")
    assert 10 < int(good) < 150, "some changes are of a digit alone"
