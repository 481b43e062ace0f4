"""Radiation length, critical energy, Moliere radius and interaction length of Geant4's NIST materials.

Compositions, densities and ionisation come from tables that Geant4 wrote (`matter/nist.csv`, `matter/elements.csv`).
Sources: PDG, Review of Particle Physics (2024), sections 34 "Passage of particles through matter" and 6 "Atomic and
nuclear properties"; Y. S. Tsai, Rev. Mod. Phys. 46 (1974) 815.
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from caloforge.detector.ionisation import Ionisation
from caloforge.errors import InputError, nearest

if TYPE_CHECKING:
    from caloforge.detector.detector import Detector

SCALE_ENERGY = 21.2052  # MeV, m_e c2 sqrt(4 pi / alpha), PDG section 34.4.1
FOUR_ALPHA_RE2_NA = 1 / 716.408  # mol cm2/g, PDG eq. 34.25
FINE_STRUCTURE = 1 / 137.035999
TABLES = files("caloforge.detector") / "matter"

# Tsai's logarithms L_rad, L'_rad of the light elements, PDG table 34.2
_TSAI = {1: (5.31, 6.144), 2: (4.79, 5.621), 3: (4.74, 5.805), 4: (4.71, 5.924)}


@dataclass(frozen=True)
class Element:
    """A chemical element.

    Attributes:
        z: atomic number.
        mass: atomic mass of the natural mixture of isotopes [g/mol].
        mean_energy: mean excitation energy [eV].
        interaction: nuclear interaction length [g/cm2] of the PDG; None if it lists none.
    """

    z: int
    mass: float
    mean_energy: float
    interaction: float | None

    @cached_property
    def x0(self) -> float:
        """Radiation length [g/cm2] by Tsai, PDG eqs. 34.25 and 34.26."""
        z, a2 = self.z, (FINE_STRUCTURE * self.z) ** 2
        coulomb = a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3)
        elastic, inelastic = _TSAI.get(z, (math.log(184.15 * z ** (-1 / 3)), math.log(1194 * z ** (-2 / 3))))
        return self.mass / FOUR_ALPHA_RE2_NA / (z**2 * (elastic - coulomb) + z * inelastic)


@dataclass(frozen=True)
class Matter:
    """A homogeneous material, or plates mixed evenly over their volume.

    Attributes:
        density: density [g/cm3].
        elements: (symbol, mass fraction) pairs.
        ionisation: (mass fraction, parameters of the ionisation loss) of each constituent.
    """

    density: float
    elements: tuple[tuple[str, float], ...]
    ionisation: tuple[tuple[float, Ionisation], ...]

    @classmethod
    def of_elements(cls, density: float, elements: Iterable[tuple[str, float]]) -> "Matter":
        """Make a material from its elements alone; its ionisation follows from Bragg's rule.

        Args:
            density: density [g/cm3].
            elements: (symbol, mass fraction) pairs.
        """
        parts = tuple(elements)
        known = [(w, periodic_table()[s]) for s, w in parts]
        loss = Ionisation.of_mixture(density, [(w, e.z / e.mass, e.mean_energy) for w, e in known])
        return cls(density, parts, ((1.0, loss),))

    @property
    def z_eff(self) -> float:
        """Effective atomic number: mean weighted by mass (hep-ex/0001020, section 2)."""
        return sum(w * periodic_table()[s].z for s, w in self.elements)

    @property
    def a_eff(self) -> float:
        """Effective atomic mass [g/mol], weighted by mass."""
        return sum(w * periodic_table()[s].mass for s, w in self.elements)

    @cached_property
    def x0(self) -> float:
        """Radiation length [g/cm2], PDG eq. 34.27 (mixtures) of eq. 34.25 (elements)."""
        return 1 / sum(w / periodic_table()[s].x0 for s, w in self.elements)

    @property
    def x0_mm(self) -> float:
        """Radiation length [mm]."""
        return 10 * self.x0 / self.density

    @cached_property
    def critical_energy(self) -> float:
        """Critical energy [MeV] as Rossi defines it and the PDG lists it (section 34.4.4).

        It is the energy that an electron of this energy would lose by collisions in one radiation length.
        """
        energy = 10.0
        for _ in range(30):
            energy = self.x0 * self.electron_loss(energy)
        return energy

    @property
    def moliere_mm(self) -> float:
        """Moliere radius [mm], PDG eq. 34.37."""
        return SCALE_ENERGY * self.x0_mm / self.critical_energy

    @cached_property
    def interaction_mm(self) -> float:
        """Nuclear interaction length [mm]."""
        return 10 / self.density / sum(w / interaction_length(s) for s, w in self.elements)

    def electron_loss(self, energy: float) -> float:
        """Collision loss [MeV cm2/g] of an electron of kinetic energy [MeV]."""
        return sum(w * part.electron_loss(energy) for w, part in self.ionisation)

    @cached_property
    def min_loss(self) -> float:
        """Energy loss of a minimum-ionising particle [MeV/mm] (PDG section 34.2.3)."""
        return self.density / 10 * sum(w * part.minimum_loss for w, part in self.ionisation)


def mixture(plates: Iterable[tuple[Matter, float]]) -> Matter:
    """Mix plates (matter, thickness [mm]) evenly over their volume (hep-ex/0001020, section 2).

    The ionisation loss in each plate stays that of its own matter.
    """
    plates = list(plates)
    thickness, mass = sum(d for _, d in plates), sum(m.density * d for m, d in plates)
    shares = [(m, m.density * d / mass) for m, d in plates]
    fractions: dict[str, float] = {}
    for m, share in shares:
        for symbol, w in m.elements:
            fractions[symbol] = fractions.get(symbol, 0.0) + w * share
    losses = tuple((share * w, part) for m, share in shares for w, part in m.ionisation)
    return Matter(mass / thickness, tuple(fractions.items()), losses)


@cache
def periodic_table() -> dict[str, Element]:
    """The elements by symbol, in order of Z."""
    return {
        row["symbol"]: Element(int(row["Z"]), float(row["A"]), float(row["I"]), float(row["interaction"] or 0) or None)
        for row in _rows("elements.csv")
    }


@cache
def nist() -> dict[str, Matter]:
    """Geant4's NIST materials by name."""
    return {row["name"]: _matter(row) for row in _rows("nist.csv")}


def _rows(name: str) -> Iterable[dict[str, str]]:
    lines = (TABLES / name).read_text(encoding="utf-8").splitlines()
    return csv.DictReader(line for line in lines if not line.startswith("#"))


def _matter(row: dict[str, str]) -> Matter:
    words = row["elements"].split()
    parts = tuple(zip(words[::2], map(float, words[1::2]), strict=True))
    z_over_a = sum(w * periodic_table()[s].z / periodic_table()[s].mass for s, w in parts)
    numbers = [float(row[key]) for key in ("I", "C", "x0", "x1", "a", "m", "delta0")]
    return Matter(float(row["density"]), parts, ((1.0, Ionisation(z_over_a, *numbers)),))


def interaction_length(symbol: str) -> float:
    """Nuclear interaction length of an element [g/cm2], over A^(1/3) interpolated in Z between PDG's elements."""
    known = {e.z: e.interaction / float(np.cbrt(e.mass)) for e in periodic_table().values() if e.interaction}
    element = periodic_table()[symbol]
    return float(np.interp(element.z, list(known), list(known.values())) * np.cbrt(element.mass))


def matter(name: str, detector: "Detector") -> Matter:
    """Properties of a detector's material; its own mixtures are looked up first.

    Raises:
        InputError: neither a mixture of the detector nor a NIST material, or an unknown element.
    """
    own = detector.spec.material.get(name)
    if own is None and name not in nist():
        raise InputError(f"the properties of material '{name}' are unknown here; {nearest(name, nist())}")
    if own is None:
        return nist()[name]
    unknown = [symbol for symbol in own.elements if symbol not in periodic_table()]
    if unknown:
        raise InputError(f"material '{name}': unknown element '{unknown[0]}'; {nearest(unknown[0], periodic_table())}")
    return Matter.of_elements(own.density, own.elements.items())
