"""Dependencies point one way, and heavy packages stay where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "caloforge"
# what each part may import of caloforge, besides itself
GROUND = ("errors", "units", "config", "seeds", "particles", "provenance", "progress", "files", "processes", "extras",
          "seed_hash", "trial", "claims", "limits", "terminal", "zoo", "plugins")  # fmt: skip
CORE = {"", "__version__", *GROUND}
ALLOWED = {
    **dict.fromkeys(CORE, CORE),
    "detector": CORE,
    "showers": CORE | {"detector"},
    "simulators": CORE | {"detector", "showers"},
    "models": CORE | {"detector", "showers"},
    "production": CORE | {"detector", "showers", "simulators"},
    "training": CORE | {"detector", "showers", "models"},
    "export": CORE | {"detector", "showers", "simulators", "models", "training"},
    "validation": CORE | {"detector", "showers"},
    "report": CORE | {"detector", "showers", "validation"},
    "studies": CORE | {"detector", "showers", "validation", "report"},
    "bench": CORE | {"detector", "showers", "simulators", "production"},
}
ALLOWED["named_runs"] = CORE
ALLOWED["runs"] = set().union(*ALLOWED.values()) | set(ALLOWED) | {"search"}  # the table [search], as tested below
ALLOWED["search"] = ALLOWED["runs"] | {"runs"}
ALLOWED["fit"] = ALLOWED["api"] = ALLOWED["search"]
ALLOWED["cli"] = ALLOWED["api"] | {"api", "fit"}
ALLOWED["__main__"] = {"cli"}
ALLOWED[""] = ALLOWED["api"] | {"api"}  # lazily
HOMES = {
    "geant4_pybind": ("simulators/geant4/",),
    "torch": ("models/", "training/", "export/", "validation/classifier", "validation/judges/"),
    "sklearn": ("validation/",),
    "lightgbm": ("validation/judges/trees.py",),
    "distributed": ("production/cluster.py",),
    "uproot": ("showers/foreign/",),
    "awkward": ("showers/",),
    "pyhepmc": ("production/",),
    "pandas": ("showers/",),
    "optuna": ("search/",),
}
WINGS = {  # which parts of a package may import which others of it; what is not named here, any
    "models/parts": {"models/base", "models/config_types"},
    "models/flows": {"models/base", "models/config_types", "models/parts"},
    "models/caloflow": {"models/base", "models/config_types", "models/parts", "models/flows", "models/distillation"},
    "models/coupling_flow": {
        "models/base",
        "models/config_types",
        "models/parts",
        "models/flows",
        "models/distillation",
    },
    "models/fast_ar": {"models/base", "models/matched", "models/config_types", "models/parts", "models/flows"},
    "models/gan_3d": {"models/base", "models/matched", "models/config_types", "models/parts"},
    "models/matched": {"models/base", "models/parts"},
    "models/vae": {"models/base", "models/matched", "models/config_types", "models/parts"},
    "models/wgan": {"models/base", "models/matched", "models/config_types", "models/parts"},
    "search/config": set(),
    "simulators/geant4/tables": set(),
    "simulators/geant4/world": {"simulators/geant4/process", "simulators/geant4/physics"},
    "simulators/geant4/hook": {"simulators/geant4/world", "simulators/base", "simulators/replay"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def part(module: str) -> str:
    return ([*module.split("."), ""])[1]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} if node.module != "caloforge" else {f"caloforge.{a.name}" for a in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(PACKAGE)) for p in FILES])
def test_imports_point_down(path):
    own = path.relative_to(PACKAGE).with_suffix("").parts[0].replace("__init__", "")
    modules = imported(path)
    upward = {m for m in modules if m.startswith("caloforge.") and part(m) not in ALLOWED[own] | {own}}
    assert not upward, f"{own} must not import {upward}"
    relative = str(path.relative_to(PACKAGE))
    for package, homes in HOMES.items():
        if any(m.split(".")[0] == package for m in modules):
            assert relative.startswith(homes), f"{package} belongs in {homes}"


def test_runs_know_the_table_of_a_search_and_nothing_else_of_it():
    modules = {module for path in (PACKAGE / "runs").glob("*.py") for module in imported(path)}
    assert {module for module in modules if part(module) == "search"} == {"caloforge.search.config"}
    known = imported(PACKAGE / "search" / "config.py")
    assert {part(module) for module in known if module.startswith("caloforge.")} <= CORE


@pytest.mark.parametrize("wing", WINGS)
def test_wings_keep_apart(wing):
    """A model imports no other model, and what runs in Geant4's processes does not import what starts them."""
    within = wing.split("/")[0]
    home = PACKAGE / wing
    files = [home.with_suffix(".py")] if home.with_suffix(".py").is_file() else sorted(home.rglob("*.py"))
    assert files
    for path in files:
        modules = (m.removeprefix("caloforge.").replace(".", "/") for m in imported(path))
        inside = {m for m in modules if m.startswith(f"{within}/")}
        stray = {m for m in inside if not any(m == a or m.startswith(f"{a}/") for a in (wing, *WINGS[wing]))}
        assert not stray, f"{path.relative_to(PACKAGE)} must not import {stray}"


@pytest.mark.parametrize(
    "module", ["caloforge", "caloforge.cli", "caloforge.models", "caloforge.simulators.learned", "caloforge.production"]
)
def test_light_modules_load_nothing_heavy(module):
    code = f"import sys, {module}; print([m for m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = {name.split(".")[0] for name in ast.literal_eval(out)}
    assert not loaded & {"torch", "geant4_pybind", "matplotlib", "sklearn", "distributed", "onnx", "uproot", "pandas"}
