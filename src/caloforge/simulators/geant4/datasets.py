"""Data sets of Geant4: the official ones that the environment names, else computed tables."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from caloforge.simulators.geant4.tables import cache, formats

GEANT4 = "11.4"


@dataclass(frozen=True)
class Official:
    """An official data set: its name, the version that Geant4 11.4 needs, and a file that a complete set holds."""

    name: str
    version: tuple[int, ...]
    probe: str

    def __str__(self) -> str:
        return self.name + ".".join(map(str, self.version))

    def version_of(self, folder: Path) -> tuple[int, ...] | None:
        """Version in a folder's name, as in G4EMLOW8.8, G4EMLOW-8.8 or G4EMLOW/8.8; None if it has none."""
        found = re.fullmatch(rf"(?:{self.name})?[-_]?(\d+(?:\.\d+)*)", folder.name)
        return tuple(map(int, found.group(1).split("."))) if found else None


OFFICIAL = {
    "G4LEDATA": Official("G4EMLOW", (8, 8), "brem_SB/br82"),
    "G4PARTICLEXSDATA": Official("G4PARTICLEXS", (4, 2), "neutron/inel82"),
    "G4ENSDFSTATEDATA": Official("G4ENSDFSTATE", (3, 0), "ENSDFSTATE.dat"),
    "G4LEVELGAMMADATA": Official("PhotonEvaporation", (6, 1, 2), "z82.a208"),
    "G4NEUTRONHPDATA": Official("G4NDL", (4, 7, 1), "Elastic/CrossSection"),
}  # keys: the environment variables by which Geant4 finds the sets


@dataclass(frozen=True)
class DataSet:
    """One of Geant4's data sets.

    Attributes:
        variable: environment variable by which Geant4 finds the set.
        state: "official", "computed" or "absent".
        folder: present or future folder of the set; None if it is absent.
        remark: reason why a folder that the environment names is not used, or a note that its name has no version.
    """

    variable: str
    state: str
    folder: Path | None
    remark: str = ""

    @property
    def label(self) -> str:
        """Name in provenance: the official folder's name, or the version of the computed tables."""
        if self.state == "official" and self.folder:
            return f"official {self.folder.name}"
        return f"computed {cache.version()}" if self.state == "computed" else "absent"


def find() -> dict[str, DataSet]:
    """Data sets by environment variable; this computes no tables."""
    return {variable: _find(variable, what) for variable, what in OFFICIAL.items()}


def _find(variable: str, official: Official) -> DataSet:
    """The official version of a set; folders of another version, and incomplete ones, are not used."""
    folders = _candidates(variable, official)
    complete = [folder for folder in folders if _holds(folder, official.probe)]
    for folder in complete:
        version = official.version_of(folder.resolve()) or official.version_of(folder)
        if version in (official.version, None):
            remark = "" if version else f"{folder} has no version in its name; Geant4 {GEANT4} needs {official}"
            return DataSet(variable, "official", folder.resolve(), remark)
    remark = ""
    if complete:
        remark = f"{complete[0]} belongs to another Geant4; {GEANT4} needs {official}; it is not used"
    elif folders:
        remark = f"{folders[0]} holds no {official.probe} and is not used"
    if variable not in formats.FOLDERS:
        return DataSet(variable, "absent", None, remark)
    computed = cache.tables_folder() / formats.FOLDERS[variable]
    return DataSet(variable, "computed", computed, remark)


def _candidates(variable: str, official: Official) -> list[Path]:
    """The folder that the set's variable names, else the folders below GEANT4_DATA_DIR, newest first."""
    named, base = os.environ.get(variable), os.environ.get("GEANT4_DATA_DIR")
    if named or not base:
        return [Path(named)] if named else []
    found = [(official.version_of(folder), folder) for folder in Path(base).glob(f"{official.name}*")]
    return [folder for version, folder in sorted(found, reverse=True, key=lambda pair: pair[0] or ()) if version]


def _holds(folder: Path, probe: str) -> bool:
    try:
        return folder.is_dir() and (folder / probe).exists()
    except OSError:  # a folder that this user may not read
        return False


def environment() -> dict[str, str]:
    """Environment variables by which Geant4 finds its data sets; missing tables are computed.

    Raises:
        InputError: the tables cannot be computed or written.
    """
    sets = find()
    if any(found.state == "computed" for found in sets.values()):
        cache.ensure()
    folders = {variable: str(found.folder) for variable, found in sets.items() if found.folder}
    # geant4_pybind asks whether to download the data if this variable is missing
    return {"GEANT4_DATA_DIR": os.environ.get("GEANT4_DATA_DIR") or str(cache.cache_folder()), **folders}
