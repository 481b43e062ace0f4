"""The notebooks of examples/ run, hold no outputs, and their statements are true."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
PACKAGES = ("awkward", "pandas", "uproot", "hist", "matplotlib")


def run(path):
    """Variables that the code cells of a notebook define."""
    names: dict = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec("".join(cell["source"]), names)
    return names


@pytest.fixture(scope="module")
def left():
    """Variables of each notebook, by its name."""
    for package in PACKAGES:
        pytest.importorskip(package, reason="needs the extras files and report")
    return {path.stem: run(path) for path in NOTEBOOKS}


def test_there_are_two(left):
    assert sorted(left) == ["detector", "showers"]


def test_showers_of_a_model(left):
    names = left["showers"]
    assert len(names["both"]) == 110
    assert 0.9 < names["showers"].response.mean() < 1.1


def test_a_shallow_detector_leaks(left):
    (deep, narrow), (shallow, wide) = (left["detector"]["responses"][f"crystals-{depth}"] for depth in (240, 160))
    assert deep > shallow + 0.01
    assert narrow < wide
    assert all(found.sum(flow=True) == 300 for found in left["detector"]["histograms"].values())
