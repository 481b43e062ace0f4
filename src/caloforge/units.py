"""One system of units: energies in MeV, lengths in mm, angles in rad, densities in g/cm3, fields in T, times in ns."""

import math
import re
from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from caloforge.errors import InputError, nearest

MOMENTUM = {"keV/c": 1e-3, "MeV/c": 1.0, "GeV/c": 1e3, "TeV/c": 1e6}
ENERGY = {"eV": 1e-6, "keV": 1e-3, "MeV": 1.0, "GeV": 1e3, "TeV": 1e6}
LENGTH = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}
ANGLE = {"rad": 1.0, "mrad": 1e-3, "deg": math.pi / 180.0}
DENSITY = {"g/cm3": 1.0, "kg/m3": 1e-3}
MAGNETIC_FIELD = {"T": 1.0, "mT": 1e-3, "kG": 0.1}
TIME = {"ps": 1e-3, "ns": 1.0, "us": 1e3, "ms": 1e6}
BIRKS = {"mm/MeV": 1.0, "cm/MeV": 10.0}

LIGHT_SPEED = 299.792458  # mm/ns

ELECTRON_MASS = 0.51099895  # MeV, PDG 2024

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|[-+]?inf)\s*([A-Za-z/0-9]*)\s*")


def parse(text: str, units: dict[str, float], kind: str) -> float:
    """Read a quantity such as "10 GeV" into the base unit of its kind.

    Raises:
        InputError: no number, no unit, a unit of another kind, or a number that is not finite.
    """
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise InputError(f"{kind} '{text}' is not a number with a unit, for example '10 {_example(units)}'")
    number, unit = match.groups()
    if unit not in units:
        said = f"unit '{unit}' of {kind} '{text}' is unknown" if unit else f"{kind} '{text}' has no unit"
        raise InputError(f"{said}; {nearest(unit, units) if unit else 'known: ' + ', '.join(units)}")
    value = float(number) * units[unit]
    if not math.isfinite(value):
        raise InputError(f"{kind} '{text}' is not finite")
    return value


def _example(units: dict[str, float]) -> str:
    return next(unit for unit, scale in reversed(units.items()) if scale in {1.0, 1e3})


def energy(text: str) -> float:
    """Energy in MeV from text such as "10 GeV"."""
    return parse(text, ENERGY, "energy")


def momentum(text: str) -> float:
    """Momentum in MeV/c from text such as "10 GeV/c", or "10 GeV"."""
    return parse(text, ENERGY | MOMENTUM, "momentum")


def length(text: str) -> float:
    """Length in mm from text such as "5 mm"."""
    return parse(text, LENGTH, "length")


def angle(text: str) -> float:
    """Angle in rad from text such as "0.2 rad"."""
    return parse(text, ANGLE, "angle")


def magnetic_field(text: str | float) -> float:
    """Magnetic field in T from text such as "3.8 T", or a number of T."""
    return parse(f"{text} T" if isinstance(text, int | float) else text, MAGNETIC_FIELD, "magnetic field")


def density(text: str) -> float:
    """Density in g/cm3 from text such as "8.28 g/cm3"."""
    return parse(text, DENSITY, "density")


def time(text: str) -> float:
    """Time in ns from text such as "150 ns"."""
    return parse(text, TIME, "time")


def birks(text: str) -> float:
    """Birks' constant kB in mm/MeV from text such as "0.126 mm/MeV"."""
    return parse(text, BIRKS, "Birks' constant")


def show_energy(value: float) -> str:
    """Energy [MeV] as text in the unit a physicist would choose, for example 12500 as "12.5 GeV"."""
    unit = next((u for u in ("TeV", "GeV", "MeV", "keV") if abs(value) >= ENERGY[u]), "eV")
    return f"{value / ENERGY[unit]:.6g} {unit}"


def show_shares(mean: float, spread: float) -> tuple[str, str]:
    """A share such as a mean response, and its spread: four decimals, or three digits if it is small, as in a gas.

    Examples:
        >>> show_shares(0.9936, 0.0061), show_shares(0.0000312, 0.00001)
        (('0.9936', '0.0061'), ('3.12e-05', '1e-05'))
    """
    form = ".4f" if abs(mean) >= 1e-2 or mean == 0 else ".3g"
    return f"{mean:{form}}", f"{spread:{form}}"


def counted(n: int, noun: str) -> str:
    """A number with its noun, "1 shower" or "20 showers"; the plural adds an s.

    Examples:
        >>> counted(1, "shower"), counted(20, "shower")
        ('1 shower', '20 showers')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _quantity(read: Callable[[str], float], unit: str) -> tuple[BeforeValidator, PlainSerializer]:
    """Pydantic annotations that read a quantity and write it back with its base unit."""
    return BeforeValidator(read), PlainSerializer(lambda value: f"{value!r} {unit}")


Length = Annotated[float, *_quantity(length, "mm")]
Energy = Annotated[float, *_quantity(energy, "MeV")]
Angle = Annotated[float, *_quantity(angle, "rad")]
MagneticField = Annotated[float, *_quantity(magnetic_field, "T")]
Density = Annotated[float, *_quantity(density, "g/cm3")]
Time = Annotated[float, *_quantity(time, "ns")]
Birks = Annotated[float, *_quantity(birks, "mm/MeV")]
