"""The short form of the attack by kills; `make attack` runs the long one."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find child processes")


@pytest.mark.parametrize(("kind", "kills", "needs"), [("production", 4, "caloforge"), ("geant4", 2, "geant4_pybind")])
def test_killed_work_is_resumed_with_the_same_results(kind, kills, needs):
    if not find_spec(needs):
        pytest.skip(f"needs {needs}")
    words = [sys.executable, "-m", "tests.attack.kills", str(kills), "5", kind]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    figures = json.loads(result.stdout)
    assert figures["kills"] == kills
    bad = ("failed", "doubled", "different", "files_left", "orphans", "wrong_codes")
    assert not any(figures[name] for name in bad), result.stdout
