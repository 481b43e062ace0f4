"""The short form of the attack by mutations; `make attack` runs the long one."""

import random
from importlib.util import find_spec

import pytest
from tests.attack.mutations import damaged, run

NUMBERS = {"toml": 150, "showers": 100, "onnx": 60, "checkpoints": 25, "runs": 25}
NEEDS = {"onnx": "onnx", "checkpoints": "torch", "runs": "torch"}
MEMORY = 500  # MB


@pytest.mark.parametrize("kind", NUMBERS)
def test_nothing_breaks(kind, tmp_path):
    if not find_spec(NEEDS.get(kind, "caloforge")):
        pytest.skip(f"needs {NEEDS[kind]}")
    figures = run(kind, NUMBERS[kind], seed=3, keep=tmp_path)
    assert not figures["said"], figures
    assert figures["refused"] > NUMBERS[kind] / 5
    assert figures["memory_MB"] < MEMORY + (kind in ("checkpoints", "runs")) * 300  # of which PyTorch takes over 250


def test_mutations_are_those_of_the_seed():
    whole = bytes(range(256)) * 4
    first, second = ([damaged(whole, random.Random(seed)) for seed in range(50)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 45
