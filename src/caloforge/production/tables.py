"""Read incidents from tables of text, by the names of their columns."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge import units
from caloforge.errors import InputError, nearest
from caloforge.files import read_text
from caloforge.particles import pdg_code
from caloforge.showers import Incidents
from caloforge.showers.events import ids_of

MAX_TABLE = 2**30  # bytes, about ten million lines
SUFFIXES = (".csv", ".tsv", ".txt", ".dat")
PARTICLE = ("particle", "pdg", "pdgid", "pdg_id", "pdg_code")
UNITS = {"energy": units.ENERGY, "theta": units.ANGLE, "phi": units.ANGLE} | dict.fromkeys("xyz", units.LENGTH)
ALIASES = {"e": "energy", "ekin": "energy", "e_kin": "energy", "kinetic_energy": "energy"}
WHOLE = ("event", "shower_id")
DIGITS = 12  # significant digits of computed values, since Geant4 makes another shower if the last bit differs
NAME = re.compile(r"([A-Za-z_]*?[A-Za-z])\s*(?:_|\s|\[|\()?\s*(eV|keV|MeV|GeV|TeV|rad|mrad|deg|um|mm|cm|m)\s*[\])]?")
EXAMPLE = "particle,energy_MeV,theta_rad,phi_rad,x_mm,y_mm"


@dataclass(frozen=True)
class Column:
    """A column of a table: its quantity, and the factor to MeV, rad or mm."""

    holds: str
    factor: float = 1.0


def is_table(path: Path) -> bool:
    """Whether a file has the suffix of a table of text."""
    return path.suffix.lower() in SUFFIXES


def read_table(path: Path) -> Incidents:
    """Incidents of a table whose first line names the columns, in any order; unknown columns are ignored.

    `particle` or `pdg` and `energy_MeV` (or another unit) are required. `theta_rad`, `phi_rad`, `x_mm` and `y_mm` are 0
    if absent. From `z_mm` a particle is moved along its line to the face. With `event`, rows of the same number are one
    event. `shower_id` names showers; without it row k is shower k. Lines that begin with # are comments.

    Raises:
        InputError: columns that are missing or have no unit, or invalid values; the message names the line.
    """
    lines = _lines(read_text(path, MAX_TABLE))
    _, head = next(lines, (0, ""))
    split = _splitter(head)
    columns = [_column(word.strip()) for word in split(head.lstrip("# "))]
    held = [column.holds for column in columns if column]
    if not set(PARTICLE) & set(held) or "energy" not in held:
        raise InputError(f"the first line of {path} must name the columns, for example '{EXAMPLE}'")
    if twice := next((name for name in held if held.count(name) > 1), None):
        raise InputError(f"{path} has two columns of {twice}")
    rows = [_row(path, number, split(line), columns) for number, line in lines]
    table = {name: np.array([row[i] for row in rows], np.float64) for i, name in enumerate(held)}
    return _incidents(path, table, len(rows))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Non-empty lines with their numbers; a comment counts only as the first line, if it names columns."""
    begun = False
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if words.startswith("#"):
            known = {column.holds for word in _splitter(words)(words.lstrip("# ")) if (column := _column(word.strip()))}
            if begun or "energy" not in known:
                continue
        if words:
            begun = True
            yield number, words


def _splitter(head: str) -> Callable[[str], list[str]]:
    """Separator of the first line: tab, comma, semicolon or space."""
    mark = next((one for one in "\t,;" if one in head), None)
    if mark is None:
        return str.split
    return lambda line: next(csv.reader(io.StringIO(line), delimiter=mark, strict=True), [])


def _column(name: str) -> Column | None:
    """Column of a name; None for an unknown name.

    Raises:
        InputError: an energy, angle or length without a unit.
    """
    lower = name.lower()
    if lower in PARTICLE or lower in WHOLE:
        return Column(lower)
    bare = ALIASES.get(lower, lower)
    if bare in UNITS:
        example = next(unit for unit, factor in UNITS[bare].items() if factor == 1.0)
        raise InputError(f"column '{name}' has no unit; name it '{name}_{example}'")
    found = NAME.fullmatch(name)
    if found is None:
        return None
    lower = found[1].lower()
    kind = ALIASES.get(lower, lower)
    if kind not in UNITS:
        return None
    if found[2] not in UNITS[kind]:
        raise InputError(f"column '{name}': {found[2]} is no unit of {kind}; {nearest(found[2], UNITS[kind])}")
    return Column(kind, UNITS[kind][found[2]])


def _row(path: Path, number: int, words: list[str], columns: list[Column | None]) -> list[float]:
    if len(words) != len(columns):
        raise InputError(f"{path}, line {number}: {len(words)} values, not {len(columns)}")
    try:
        return [_value(word.strip(), column) for word, column in zip(words, columns, strict=True) if column]
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}, line {number}: {error}") from None


def _value(word: str, column: Column) -> float:
    if column.holds in PARTICLE:
        try:
            code = float(word)
        except ValueError:
            return float(pdg_code(word))
        return float(pdg_code(str(int(code)) if code == int(code) else word))
    if column.holds in WHOLE:
        return float(int(word))
    return column.factor * float(word)


def _incidents(path: Path, table: dict[str, NDArray[np.float64]], n: int) -> Incidents:
    particle = next(table[name] for name in PARTICLE if name in table)
    theta, phi, x, y, z = (table.get(name, np.zeros(n)) for name in ("theta", "phi", "x", "y", "z"))
    if z.any():
        x, y = (rounded(v - z * np.tan(theta) * turn(phi)) for v, turn in ((x, np.cos), (y, np.sin)))
    ids: Any = np.arange(n)
    try:
        if "event" in table:
            ids = ids_of(table["event"].astype(np.int64))
        elif "shower_id" in table:
            ids = table["shower_id"].astype(np.int64)
        return Incidents.make(particle.astype(np.int32), table["energy"], theta=theta, phi=phi,
                              position=np.column_stack([x, y, np.zeros(n)]), shower_id=ids)  # fmt: skip
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values with `DIGITS` significant digits."""
    return np.array([float(f"{value:.{DIGITS - 1}e}") for value in values.tolist()], np.float64)
