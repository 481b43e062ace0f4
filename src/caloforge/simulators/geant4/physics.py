"""Physics lists and production cuts, their data sets and their description; does not import Geant4."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated, Any

from pydantic import Field, field_validator

from caloforge.config import Strict
from caloforge.detector import Detector
from caloforge.errors import InputError, nearest
from caloforge.simulators.geant4 import datasets
from caloforge.simulators.geant4.tables import cache
from caloforge.units import Length

CUT = 0.7  # production cut [mm], Geant4's default
# the step limit of option1 loses 15 % of the visible energy of a sampling calorimeter, compared with option0
ACCURATE_MSC = ("/process/msc/StepLimit UseSafety", "/process/msc/RangeFactor 0.04")
FOLDED_STEPS = "/process/em/transportationWithMsc MultipleSteps"
EM = "em"
NOT_INSTALLED = "geant4_pybind (pip install caloforge[geant4])"
DEFAULT = "FTFP_BERT"  # for every particle, since photons and electrons have nuclear reactions, too
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


Cut = Annotated[Length, Field(gt=0, le=1e4)]


class Physics(Strict):
    """Physics list and production cuts of Geant4: the table [physics] of a run.

    Secondary photons, electrons, positrons and protons whose range is below a cut are not produced; their energy is
    deposited locally.

    Attributes:
        list: name of the physics list.
        cut: production cut [mm].
        material_cuts: cuts [mm] of plates by their material, which override those of layers.
        layer_cuts: cuts [mm] by the number of the [[layer]] table, counted from 0.

    Examples:
        >>> Physics(list="QGSP_BERT", cut="0.1 mm").cut
        0.1
    """

    list: str = DEFAULT
    cut: Cut = CUT
    material_cuts: dict[str, Cut] = Field(default_factory=dict)
    layer_cuts: dict[int, Cut] = Field(default_factory=dict)

    @field_validator("list")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in LISTS:
            raise ValueError(f"unknown physics list '{name}'; {nearest(name, LISTS)}")
        return name

    def check(self, detector: Detector) -> None:
        """Check that Geant4 can track particles in a detector with this physics.

        Raises:
            InputError: data sets of the list are absent, or the detector has no plates for some cut.
        """
        if absent := _absent(self.list, datasets.find()):
            raise InputError(f"physics list {self.list} needs {', '.join(absent)}; {HOW_TO_GET}")
        for material in set(self.material_cuts) - set(detector.materials):
            raise InputError(f"material_cuts: {detector.name} has no plate of '{material}'; "
                             f"{nearest(material, detector.materials)}")  # fmt: skip
        tables_of_layers = len(detector.spec.layer)
        for number in set(self.layer_cuts) - set(range(tables_of_layers)):
            raise InputError(f"layer_cuts: {detector.name} has no [[layer]] table {number}; they are counted from 0 "
                             f"to {tables_of_layers - 1}")  # fmt: skip

    def describe(self) -> str:
        """Short description: list, electromagnetic constructor and cuts."""
        own = [f"{name} {cut:g} mm" for name, cut in self.material_cuts.items()]
        own += [f"layer table {number} {cut:g} mm" for number, cut in self.layer_cuts.items()]
        return ", ".join([f"{self.list} (option1, safe multiple scattering, cut {self.cut:g} mm", *own]) + ")"

    @property
    def identity(self) -> dict[str, Any]:
        """Identity of the physics in orders of showers, as JSON values."""
        return self.model_dump(mode="json")


def _absent(name: str, sets: dict[str, datasets.DataSet]) -> list[str]:
    return [variable for variable in LISTS[name] if sets[variable].state == "absent"]


def multiple_scattering(detector: Detector) -> tuple[str, ...]:
    """Geant4 commands for multiple scattering; in one material without a field, they join shortened steps.

    The joined steps are still computed, but energy loss and scoring come once, at a wall or the next interaction
    (G4TransportationWithMsc). Sampling calorimeters keep each step, since it is not known whether joined steps would
    change their visible energy.
    """
    straight = detector.field == (0.0, 0.0, 0.0)
    return (*ACCURATE_MSC, FOLDED_STEPS) if straight and len(detector.materials) == 1 else ACCURATE_MSC


def provenance(physics: Physics, msc: Sequence[str] = ACCURATE_MSC) -> dict[str, Any]:
    """Provenance of the physics: list, constructor, multiple scattering, cuts and origin of the tables."""
    sets = datasets.find()
    own = {
        "material_cuts_mm": physics.material_cuts,
        "layer_cuts_mm": {str(n): c for n, c in physics.layer_cuts.items()},
    }
    return {
        "list": physics.list,
        "electromagnetic": "G4EmStandardPhysics_option1",
        "multiple_scattering": [*msc],
        "fluorescence": False,
        "cut_mm": physics.cut,
        **{key: value for key, value in own.items() if value},
        "tables": {variable: sets[variable].label for variable in LISTS[physics.list]},
        "approximate": _approximate(physics.list, sets),
    }


def _approximate(name: str, sets: dict[str, datasets.DataSet]) -> str:
    hadronic = "G4PARTICLEXSDATA" in LISTS[name] and sets["G4PARTICLEXSDATA"].state == "computed"
    return "neutron, light-ion and photonuclear cross sections" if hadronic else ""


def physics_line(physics: Physics | None = None) -> str:
    """One line on Geant4's physics: list, cuts, tables, and approximate cross sections."""
    physics, sets = physics or Physics(), datasets.find()
    name = physics.list
    computed = [variable for variable in LISTS[name] if sets[variable].state == "computed"]
    source = "official Geant4 data"
    if computed:
        source = f"tables computed from formulas and xraydb ({cache.cache_folder()})"
    if 0 < len(computed) < len(LISTS[name]):
        source += f" for {', '.join(computed)}, else official data"
    approximate = _approximate(name, sets)
    remarks = [f"{sets[v].variable}: {sets[v].remark}" for v in LISTS[name] if sets[v].remark]
    parts = [f"Geant4 physics {physics.describe()} on {source}", *remarks]
    return "; ".join([*parts, f"{approximate} are approximate"] if approximate else parts)


def available() -> dict[str, Any]:
    """Data sets found, the physics lists with what each one misses, and how to get the official data."""
    sets = datasets.find()
    absent = [] if find_spec("geant4_pybind") else [NOT_INSTALLED]
    return {
        "data": [
            {"variable": s.variable, "state": s.state, "folder": str(s.folder or ""), "remark": s.remark}
            for s in sets.values()
        ],
        "lists": [{"name": name, "missing": absent + _absent(name, sets)} for name in LISTS],
        "how": HOW_TO_GET,
    }
