"""Incidents from a file: those of any file of showers, or a table of text."""

import csv
import hashlib
import io
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.files import read_text
from caloforge.limits import check_angle, check_energy
from caloforge.particles import pdg_code
from caloforge.showers import Incidents
from caloforge.showers.hdf5 import read_incidents

COLUMNS = ("particle", "energy_MeV", "theta_rad", "phi_rad", "x_mm", "y_mm")
MAX_TABLE = 2**30  # bytes, some ten million lines


@dataclass(frozen=True)
class IncidentFile:
    """A source that repeats listed incidents, row by row; whatever the seed, they are the same.

    Attributes:
        path: where they were read.
        incidents: what it lists; each row keeps its shower_id.
    """

    path: Path
    incidents: Incidents

    @classmethod
    def load(cls, path: Path, detector: Detector) -> Self:
        """Read a `.csv` with the columns `COLUMNS`, whose row k makes shower k, or else an HDF5 file of showers.

        Raises:
            InputError: not such a file, no rows, a repeated shower_id, or particles that miss the detector.
        """
        incidents = _read_csv(path) if path.suffix == ".csv" else read_incidents(path)
        _check(path, incidents, detector)
        return cls(path, incidents)

    @property
    def pdgs(self) -> list[int]:
        """PDG codes that occur, each once."""
        codes: list[int] = np.unique(self.incidents.pdg).tolist()
        return codes

    def check(self, first: int, n: int) -> None:
        """Refuse rows that the file has not.

        Raises:
            InputError: as said.
        """
        rows = len(self.incidents)
        if not 0 <= first < rows:
            raise InputError(f"--first-id {first} is outside the rows of {self.path}, 0 .. {rows - 1}")
        if first + n > rows:
            raise InputError(f"-n {n}: {self.path} lists {rows - first} incidents from row {first} on")

    def draw(self, first: int, n: int, seed: int) -> Incidents:  # noqa: ARG002
        """Incidents of rows first .. first + n - 1."""
        return self.incidents[first : first + n]

    def ids(self, first: int, n: int) -> NDArray[np.int64]:
        """Ids of the showers of rows first .. first + n - 1."""
        return self.incidents.shower_id[first : first + n]

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Digest of all incidents; name and format of the file do not matter."""
        digest = hashlib.sha256()
        for field in fields(self.incidents):
            digest.update(np.ascontiguousarray(getattr(self.incidents, field.name)).tobytes())
        return {"incidents": digest.hexdigest()}


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


def _read_csv(path: Path) -> Incidents:
    try:
        lines = csv.reader(io.StringIO(read_text(path, MAX_TABLE), newline=""))
        if tuple(next(lines, ())) != COLUMNS:
            raise InputError(f"the first line of {path} must read '{','.join(COLUMNS)}'")
        rows = [_read_row(path, lines.line_num, words) for words in lines if words]
    except csv.Error as error:
        raise InputError(f"cannot read {path}: {error}") from None
    table = np.array(rows, np.float64).reshape(-1, len(COLUMNS))
    position = np.column_stack([table[:, 4:], np.zeros(len(table))])
    try:
        return Incidents.make(
            table[:, 0].astype(np.int32), table[:, 1], theta=table[:, 2], phi=table[:, 3], position=position
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _read_row(path: Path, line: int, words: list[str]) -> list[float]:
    if len(words) != len(COLUMNS):
        raise InputError(f"{path}, line {line}: {len(words)} values, not {len(COLUMNS)}")
    try:
        return [float(pdg_code(words[0].strip())), *map(float, words[1:])]
    except ValueError as error:
        raise InputError(f"{path}, line {line}: {error}") from None
