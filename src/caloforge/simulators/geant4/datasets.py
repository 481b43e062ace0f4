"""Where Geant4 finds its data: the official sets that the environment names, else the tables computed here."""

import os
from dataclasses import dataclass
from pathlib import Path

from caloforge.simulators.geant4 import tables

# environment variable -> official folder name, and a file that a complete set holds
OFFICIAL = {
    "G4LEDATA": ("G4EMLOW", "brem_SB/br82"),
    "G4PARTICLEXSDATA": ("G4PARTICLEXS", "neutron/inel82"),
    "G4ENSDFSTATEDATA": ("G4ENSDFSTATE", "ENSDFSTATE.dat"),
    "G4LEVELGAMMADATA": ("PhotonEvaporation", "z82.a208"),
    "G4NEUTRONHPDATA": ("G4NDL", "Elastic/CrossSection"),
}


@dataclass(frozen=True)
class DataSet:
    """One of Geant4's data sets.

    Attributes:
        variable: the environment variable that names it to Geant4.
        state: "official", "computed" or "absent".
        folder: where it is or will be; None where absent.
        remark: why a folder that the environment names is not used.
    """

    variable: str
    state: str
    folder: Path | None
    remark: str = ""

    @property
    def label(self) -> str:
        """For provenance: the official folder's name, or the version of the computed tables."""
        if self.state == "official" and self.folder:
            return f"official {self.folder.name}"
        return f"computed {tables.version()}" if self.state == "computed" else "absent"


def find() -> dict[str, DataSet]:
    """Data sets by variable; nothing is computed yet."""
    return {variable: _find(variable, *what) for variable, what in OFFICIAL.items()}


def _find(variable: str, prefix: str, probe: str) -> DataSet:
    named, base = os.environ.get(variable), os.environ.get("GEANT4_DATA_DIR")
    candidates = [Path(named)] if named else sorted(Path(base).glob(f"{prefix}*"), reverse=True) if base else []
    for folder in candidates:
        if folder.is_dir() and (folder / probe).exists():
            return DataSet(variable, "official", folder.resolve())
    remark = f"{candidates[0]} holds no {probe} and is not used" if candidates else ""
    if variable not in tables.FOLDERS:
        return DataSet(variable, "absent", None, remark)
    computed = tables.cache_folder() / f"geant4-tables-{tables.version()}" / tables.FOLDERS[variable]
    return DataSet(variable, "computed", computed, remark)


def environment() -> dict[str, str]:
    """Environment that names the data sets to Geant4; computes the tables where they are needed and not there yet.

    Raises:
        InputError: the tables cannot be computed or written.
    """
    sets = find()
    if any(found.state == "computed" for found in sets.values()):
        tables.ensure()
    folders = {variable: str(found.folder) for variable, found in sets.items() if found.folder}
    # the package asks whether to download the data where this variable is missing
    return {"GEANT4_DATA_DIR": os.environ.get("GEANT4_DATA_DIR") or str(tables.cache_folder()), **folders}
