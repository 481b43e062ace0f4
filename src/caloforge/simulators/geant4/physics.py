"""Physics lists: which exist, which data they need, and how they are described; imports no Geant4."""

from collections.abc import Sequence
from typing import Any

from caloforge.detector import Detector
from caloforge.errors import InputError, nearest
from caloforge.simulators.geant4 import datasets, tables

CUT = 0.7  # production cut [mm], Geant4's default
# option1's own step limit loses 15 % of the visible energy of a sampling calorimeter against option0
ACCURATE_MSC = ("/process/msc/StepLimit UseSafety", "/process/msc/RangeFactor 0.04")
FOLDED_STEPS = "/process/em/transportationWithMsc MultipleSteps"
EM = "em"
DEFAULT = "FTFP_BERT"  # for every particle: photons and electrons have nuclear reactions, too
_BASE = ("G4LEDATA", "G4ENSDFSTATEDATA")
_HADRONIC = (*_BASE, "G4PARTICLEXSDATA", "G4LEVELGAMMADATA")
LISTS = {
    EM: _BASE,
    DEFAULT: _HADRONIC,
    "FTFP_BERT_ATL": _HADRONIC,
    "QGSP_BERT": _HADRONIC,
    "QGSP_FTFP_BERT": _HADRONIC,
    "FTFP_BERT_HP": (*_HADRONIC, "G4NEUTRONHPDATA"),
    "QGSP_BERT_HP": (*_HADRONIC, "G4NEUTRONHPDATA"),
}
HOW_TO_GET = (
    "official data: download the sets of Geant4 11.4 from https://geant4.web.cern.ch/download, unpack them into one "
    "folder and set GEANT4_DATA_DIR to it (or set G4LEDATA and the others one by one)"
)


def check(name: str) -> str:
    """Return the name of a physics list if its data are there.

    Raises:
        InputError: unknown list, or one whose data sets are absent.
    """
    if name not in LISTS:
        raise InputError(f"unknown physics list '{name}'; {nearest(name, LISTS)}")
    absent = _absent(name, datasets.find())
    if absent:
        raise InputError(f"physics list {name} needs {', '.join(absent)}; {HOW_TO_GET}")
    return name


def _absent(name: str, sets: dict[str, datasets.DataSet]) -> list[str]:
    return [variable for variable in LISTS[name] if sets[variable].state == "absent"]


def multiple_scattering(detector: Detector) -> tuple[str, ...]:
    """Geant4's commands: in one material throughout, steps that multiple scattering shortens are taken inside one step.

    The same steps are computed, but energy loss and scoring come once, at a wall or the next interaction
    (G4TransportationWithMsc). Sampling calorimeters keep each step: their visible energy was not shown to stay.
    """
    materials = {plate.material for spec in detector.spec.layer for plate in spec.plates}
    return (*ACCURATE_MSC, FOLDED_STEPS) if len(materials) == 1 else ACCURATE_MSC


def provenance(name: str, msc: Sequence[str] = ACCURATE_MSC) -> dict[str, Any]:
    """What a shower's physics was: list, constructor, multiple scattering, cut, and where the tables come from."""
    sets = datasets.find()
    return {
        "list": name,
        "electromagnetic": "G4EmStandardPhysics_option1",
        "multiple_scattering": list(msc),
        "fluorescence": False,
        "cut_mm": CUT,
        "tables": {variable: sets[variable].label for variable in LISTS[name]},
        "approximate": _approximate(name, sets),
    }


def _approximate(name: str, sets: dict[str, datasets.DataSet]) -> str:
    hadronic = "G4PARTICLEXSDATA" in LISTS[name] and sets["G4PARTICLEXSDATA"].state == "computed"
    return "neutron, light-ion and photonuclear cross sections" if hadronic else ""


def physics_line(name: str = DEFAULT) -> str:
    """One line on a physics list: its tables, and what is approximate."""
    sets = datasets.find()
    computed = [variable for variable in LISTS[name] if sets[variable].state == "computed"]
    source = "official Geant4 data"
    if computed:
        source = f"tables computed from formulas and xraydb ({tables.cache_folder()})"
    if 0 < len(computed) < len(LISTS[name]):
        source += f" for {', '.join(computed)}, official data else"
    approximate = _approximate(name, sets)
    remarks = [f"{sets[v].variable}: {sets[v].remark}" for v in LISTS[name] if sets[v].remark]
    parts = [f"Geant4 physics {name} (option1, safe multiple scattering, cut {CUT} mm) on {source}", *remarks]
    return "; ".join([*parts, f"{approximate} are approximate"] if approximate else parts)


def available() -> dict[str, Any]:
    """Data sets found, the physics lists that they allow, and how to get the official data."""
    sets = datasets.find()
    return {
        "data": [
            {"variable": s.variable, "state": s.state, "folder": str(s.folder or ""), "remark": s.remark}
            for s in sets.values()
        ],
        "lists": [{"name": name, "missing": _absent(name, sets)} for name in LISTS],
        "how": HOW_TO_GET,
    }
