"""The verbs that list what there is, where packages are missing."""

import subprocess
import sys

BLOCKED = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
from caloforge.cli import main
sys.argv = ["caloforge", {verb!r}]
main()
"""


def without(blocked, verb):
    code = BLOCKED.format(blocked=blocked, verb=verb)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_models_are_listed_without_pytorch():
    done = without(["torch"], "models")
    assert done.returncode == 0, done.stderr
    assert "coupling-flow" in done.stdout
    assert "latent" in done.stdout


def test_physics_lists_are_not_usable_without_geant4():
    done = without(["geant4_pybind"], "physics")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "FTFP_BERT " in line)
    assert "no: geant4_pybind" in " ".join(row.split())
