"""Incidents from a file of showers, a table of text, or HepMC events."""

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.limits import check_angle, check_energy
from caloforge.production.hepmc import is_hepmc, read_hepmc
from caloforge.production.tables import is_table, read_table
from caloforge.showers import Incidents, foreign
from caloforge.showers.hdf5 import read_incidents
from caloforge.units import counted


@dataclass(frozen=True)
class IncidentFile:
    """Source of listed incidents, row by row, independent of the seed.

    Attributes:
        path: file of the incidents.
        incidents: listed incidents; each row keeps its shower_id.
        notes: sentences on particles that were left out.
    """

    path: Path
    incidents: Incidents
    notes: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path, detector: Detector, distance: float = 0.0) -> Self:
        """Read a table of text (.csv, .tsv, .txt), HepMC events, or else an HDF5 file of showers.

        Args:
            path: the file.
            detector: the calorimeter.
            distance: distance of its front face from the origin of HepMC events along z [mm].

        Raises:
            InputError: not such a file, no rows, a repeated shower_id, or particles that miss the detector.
        """
        notes: list[str] = []
        if is_hepmc(path):
            incidents, notes = read_hepmc(path, detector, distance)
        else:
            incidents = read_table(path) if is_table(path) else _of_showers(path, detector)
        _check(path, incidents, detector)
        return cls(path, incidents, tuple(notes))

    @property
    def pdgs(self) -> list[int]:
        """Different PDG codes of the incidents."""
        codes: list[int] = np.unique(self.incidents.pdg).tolist()
        return codes

    def check(self, first: int, n: int) -> None:
        """Check that the file has the rows.

        Raises:
            InputError: the file does not have the rows.
        """
        rows = len(self.incidents)
        if not 0 <= first < rows:
            raise InputError(f"--first-id {first} is outside the rows of {self.path}, 0 .. {rows - 1}")
        if first + n > rows:
            raise InputError(f"-n {n}: {self.path} lists {counted(rows - first, 'incident')} from row {first} on")

    def draw(self, first: int, n: int, seed: int) -> Incidents:  # noqa: ARG002
        """Incidents of rows first .. first + n - 1."""
        return self.incidents[first : first + n]

    def ids(self, first: int, n: int) -> NDArray[np.int64]:
        """Ids of the showers of rows first .. first + n - 1."""
        return self.incidents.shower_id[first : first + n]

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Digest of all incidents, independent of name and format of the file."""
        digest = hashlib.sha256()
        for field in fields(self.incidents):
            digest.update(np.ascontiguousarray(getattr(self.incidents, field.name)).tobytes())
        return {"incidents": digest.hexdigest()}

    @property
    def ranges(self) -> dict[str, Any]:
        """None: the incidents themselves are all that a file tells."""
        return {}


def _of_showers(path: Path, detector: Detector) -> Incidents:
    """Incidents of a file of showers; files of other layouts must fit this detector."""
    incidents = None
    try:
        incidents = read_incidents(path)
    except InputError:
        if not path.is_file():
            raise
    if incidents is not None and incidents.pdg.all():
        return incidents
    with foreign.opened(path, detector) as (_, table):
        return table.incidents


def _check(path: Path, incidents: Incidents, detector: Detector) -> None:
    if not len(incidents):
        raise InputError(f"{path} lists no incidents")
    if (incidents.pdg == 0).any():
        raise InputError(f"{path} does not say the particles: PDG code 0 in row {(incidents.pdg == 0).argmax()}")
    try:
        for energy in (incidents.energy.min(), incidents.energy.max()):
            check_energy(float(energy))
        check_angle(float(np.abs(incidents.phi).max()))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    ids, counts = np.unique(incidents.shower_id, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{path}: shower_id {ids[counts.argmax()]} occurs {counts.max()} times; ids must be unique")
    distance = detector.distance_to_side(*incidents.position[:, :2].T)
    if (distance <= 0).any():
        raise InputError(f"{path}: the particle of row {distance.argmin()} misses the face of {detector.name}, "
                         f"{detector.face}")  # fmt: skip
