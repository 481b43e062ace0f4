"""Matter in numbers: radiation length, critical energy, Moliere radius, interaction length of Geant4's NIST materials.

Sources: PDG, Review of Particle Physics (2024), sections 34 "Passage of particles through matter" and 6 "Atomic and
nuclear properties"; Y. S. Tsai, Rev. Mod. Phys. 46 (1974) 815; compositions and densities of NIST's ESTAR data base.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from caloforge.detector.detector import Detector
from caloforge.errors import InputError, nearest

SCALE_ENERGY = 21.2052  # MeV, m_e c2 sqrt(4 pi / alpha), PDG section 34.4.1
FOUR_ALPHA_RE2_NA = 1 / 716.408  # mol cm2/g, PDG eq. 34.25
FINE_STRUCTURE = 1 / 137.035999

# Atomic masses [g/mol], Z = 1 .. 92 (CIAAW 2021)
_ATOMS = """
H 1.008, He 4.0026, Li 6.94, Be 9.0122, B 10.81, C 12.011, N 14.007, O 15.999, F 18.998, Ne 20.180, Na 22.990,
Mg 24.305, Al 26.982, Si 28.085, P 30.974, S 32.06, Cl 35.45, Ar 39.948, K 39.098, Ca 40.078, Sc 44.956, Ti
47.867, V 50.942, Cr 51.996, Mn 54.938, Fe 55.845, Co 58.933, Ni 58.693, Cu 63.546, Zn 65.38, Ga 69.723, Ge
72.630, As 74.922, Se 78.971, Br 79.904, Kr 83.798, Rb 85.468, Sr 87.62, Y 88.906, Zr 91.224, Nb 92.906, Mo
95.95, Tc 97.907, Ru 101.07, Rh 102.91, Pd 106.42, Ag 107.87, Cd 112.41, In 114.82, Sn 118.71, Sb 121.76, Te
127.60, I 126.90, Xe 131.29, Cs 132.91, Ba 137.33, La 138.91, Ce 140.12, Pr 140.91, Nd 144.24, Pm 144.91, Sm
150.36, Eu 151.96, Gd 157.25, Tb 158.93, Dy 162.50, Ho 164.93, Er 167.26, Tm 168.93, Yb 173.05, Lu 174.97, Hf
178.49, Ta 180.95, W 183.84, Re 186.21, Os 190.23, Ir 192.22, Pt 195.08, Au 196.97, Hg 200.59, Tl 204.38, Pb
207.2, Bi 208.98, Po 208.98, At 209.99, Rn 222.02, Fr 223.02, Ra 226.03, Ac 227.03, Th 232.04, Pa 231.04, U
238.03
"""
ATOMIC_MASS = {symbol: float(mass) for symbol, mass in (atom.split() for atom in _ATOMS.split(","))}
SYMBOLS = tuple(ATOMIC_MASS)
ATOMIC_NUMBER = {symbol: z for z, symbol in enumerate(SYMBOLS, 1)}

# Tsai's logarithms L_rad, L'_rad of the light elements, PDG table 34.2
_TSAI = {1: (5.31, 6.144), 2: (4.79, 5.621), 3: (4.74, 5.805), 4: (4.71, 5.924)}

# Minimum ionisation [MeV cm2/g] and nuclear interaction length [g/cm2] of PDG section 6; other elements lie between
_LOSS = {1: 4.103, 2: 1.937, 3: 1.639, 4: 1.595, 5: 1.623, 6: 1.742, 7: 1.825, 8: 1.801, 9: 1.676, 10: 1.724, 12: 1.674,
         13: 1.615, 14: 1.664, 16: 1.652, 17: 1.630, 18: 1.519, 20: 1.655, 22: 1.477, 24: 1.456, 26: 1.451, 28: 1.468,
         29: 1.403, 30: 1.411, 32: 1.370, 36: 1.357, 42: 1.329, 47: 1.299, 50: 1.263, 53: 1.263, 54: 1.255, 56: 1.231,
         74: 1.145, 78: 1.128, 79: 1.134, 82: 1.122, 83: 1.128, 92: 1.081}  # fmt: skip
_INTERACTION = {1: 52.0, 2: 71.0, 3: 71.3, 4: 77.8, 6: 85.8, 7: 89.7, 8: 90.2, 9: 97.4, 10: 99.0, 13: 107.2, 14: 108.4,
                17: 115.7, 18: 119.7, 22: 126.2, 26: 132.1, 29: 137.3, 50: 166.7, 54: 172.1, 74: 191.9, 78: 195.7,
                79: 196.3, 82: 199.6, 92: 209.0}  # fmt: skip

# Densities [g/cm3] of elements as G4_<symbol>
_ELEMENTS = {"H": 8.3748e-5, "He": 1.66322e-4, "Li": 0.534, "Be": 1.848, "B": 2.37, "C": 2.0, "N": 1.1652e-3, "O":
             1.33151e-3, "Ne": 8.38505e-4, "Mg": 1.74, "Al": 2.699, "Si": 2.33, "Ar": 1.66201e-3, "Ti": 4.54, "V":
             6.11, "Cr": 7.18, "Mn": 7.44, "Fe": 7.874, "Co": 8.9, "Ni": 8.902, "Cu": 8.96, "Zn": 7.133, "Ge": 5.323,
             "Kr": 3.47832e-3, "Zr": 6.506, "Nb": 8.57, "Mo": 10.22, "Ag": 10.5, "Cd": 8.65, "In": 7.31, "Sn": 7.31,
             "Sb": 6.691, "Xe": 5.48536e-3, "Cs": 1.873, "La": 6.154, "Ce": 6.657, "Gd": 7.9004, "Ta": 16.654, "W":
             19.3, "Pt": 21.45, "Au": 19.32, "Pb": 11.35, "Bi": 9.747, "U": 18.95}  # fmt: skip

# Densities [g/cm3] and mass fractions of other NIST materials
_COMPOUNDS = {
    "G4_Galactic": (1e-25, "H 1"),
    "G4_AIR": (1.20479e-3, "C 0.000124 N 0.755268 O 0.231781 Ar 0.012827"),
    "G4_lH2": (0.0708, "H 1"),
    "G4_lAr": (1.396, "Ar 1"),
    "G4_lKr": (2.418, "Kr 1"),
    "G4_lXe": (2.953, "Xe 1"),
    "G4_GRAPHITE": (2.21, "C 1"),
    "G4_PbWO4": (8.28, "O 0.140637 W 0.403998 Pb 0.455366"),
    "G4_BGO": (7.13, "O 0.154118 Ge 0.174865 Bi 0.671017"),
    "G4_CESIUM_IODIDE": (4.51, "I 0.488451 Cs 0.511549"),
    "G4_SODIUM_IODIDE": (3.667, "Na 0.153374 I 0.846626"),
    "G4_BARIUM_FLUORIDE": (4.89, "F 0.216724 Ba 0.783276"),
    "G4_LITHIUM_FLUORIDE": (2.635, "Li 0.267558 F 0.732442"),
    "G4_CALCIUM_TUNGSTATE": (6.062, "O 0.222278 Ca 0.1392 W 0.638522"),
    "G4_GALLIUM_ARSENIDE": (5.31, "Ga 0.48203 As 0.51797"),
    "G4_SILICON_DIOXIDE": (2.32, "O 0.532566 Si 0.467434"),
    "G4_ALUMINUM_OXIDE": (3.97, "O 0.47075 Al 0.52925"),
    "G4_GLASS_LEAD": (6.22, "O 0.156453 Si 0.080866 Ti 0.008092 As 0.002651 Pb 0.751938"),
    "G4_GLASS_PLATE": (2.4, "O 0.4598 Na 0.096441 Si 0.336553 Ca 0.107205"),
    "G4_Pyrex_Glass": (2.23, "B 0.040064 O 0.539561 Na 0.028191 Al 0.011644 Si 0.377219 K 0.003321"),
    "G4_CONCRETE": (
        2.3,
        "H 0.01 C 0.001 O 0.529107 Na 0.016 Mg 0.002 Al 0.033872 Si 0.337021 K 0.013 Ca 0.044 Fe 0.014",
    ),
    "G4_STAINLESS-STEEL": (8.0, "Cr 0.169 Fe 0.7462 Ni 0.0848"),
    "G4_BRASS": (8.52, "Cu 0.57515 Zn 0.33415 Pb 0.0907"),
    "G4_BRONZE": (8.82, "Cu 0.8494 Zn 0.0884 Pb 0.0622"),
    "G4_WATER": (1.0, "H 0.111898 O 0.888102"),
    "G4_CARBON_DIOXIDE": (1.84212e-3, "C 0.272912 O 0.727088"),
    "G4_METHANE": (6.67151e-4, "H 0.251318 C 0.748682"),
    "G4_BUTANE": (2.49343e-3, "H 0.173417 C 0.826583"),
    "G4_POLYSTYRENE": (1.06, "H 0.077423 C 0.922577"),
    "G4_PLASTIC_SC_VINYLTOLUENE": (1.032, "H 0.085291 C 0.914709"),
    "G4_POLYETHYLENE": (0.94, "H 0.143718 C 0.856282"),
    "G4_POLYPROPYLENE": (0.9, "H 0.143718 C 0.856282"),
    "G4_PLEXIGLASS": (1.19, "H 0.080542 C 0.599841 O 0.319617"),
    "G4_MYLAR": (1.4, "H 0.041961 C 0.625011 O 0.333028"),
    "G4_KAPTON": (1.42, "H 0.026363 C 0.691128 N 0.073271 O 0.209237"),
    "G4_NYLON-6-6": (1.14, "H 0.097981 C 0.636848 N 0.123781 O 0.14139"),
    "G4_BAKELITE": (1.25, "H 0.057441 C 0.774591 O 0.167968"),
    "G4_TEFLON": (2.2, "C 0.240179 F 0.759821"),
}


@dataclass(frozen=True)
class Matter:
    """A homogeneous material.

    Attributes:
        density: [g/cm3].
        elements: (symbol, mass fraction) pairs.
    """

    density: float
    elements: tuple[tuple[str, float], ...]

    @property
    def z_eff(self) -> float:
        """Effective atomic number: mean weighted by mass (hep-ex/0001020, section 2)."""
        return sum(w * ATOMIC_NUMBER[s] for s, w in self.elements)

    @property
    def a_eff(self) -> float:
        """Effective atomic mass [g/mol], weighted by mass."""
        return sum(w * ATOMIC_MASS[s] for s, w in self.elements)

    @cached_property
    def x0(self) -> float:
        """Radiation length [g/cm2], PDG eq. 34.27 (mixtures) of eq. 34.25 (elements)."""
        return 1 / sum(w / radiation_length(s) for s, w in self.elements)

    @cached_property
    def x0_mm(self) -> float:
        """Radiation length [mm]."""
        return 10 * self.x0 / self.density

    @cached_property
    def critical_energy(self) -> float:
        """Critical energy [MeV] as Rossi defines it, PDG section 34.4.4, fits for solids and liquids or for gases.

        It is ionisation per radiation length, hence additive in mass where divided by the radiation length.
        """
        scale, shift = (710, 0.92) if self.density < 0.02 else (610, 1.24)
        return self.x0 * sum(w / radiation_length(s) * scale / (ATOMIC_NUMBER[s] + shift) for s, w in self.elements)

    @property
    def moliere_mm(self) -> float:
        """Moliere radius [mm], PDG eq. 34.37."""
        return SCALE_ENERGY * self.x0_mm / self.critical_energy

    @cached_property
    def interaction_mm(self) -> float:
        """Nuclear interaction length [mm]."""
        return 10 / self.density / sum(w / interaction_length(s) for s, w in self.elements)

    @cached_property
    def min_loss(self) -> float:
        """Energy loss of a minimum-ionising particle [MeV/mm], Bragg additivity (PDG section 34.2.9)."""
        return self.density / 10 * sum(w * minimum_ionisation(s) for s, w in self.elements)


def radiation_length(symbol: str) -> float:
    """Radiation length of an element [g/cm2] by Tsai, PDG eqs. 34.25 and 34.26."""
    z = ATOMIC_NUMBER[symbol]
    a2 = (FINE_STRUCTURE * z) ** 2
    coulomb = a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3)
    elastic, inelastic = _TSAI.get(z, (math.log(184.15 * z ** (-1 / 3)), math.log(1194 * z ** (-2 / 3))))
    return ATOMIC_MASS[symbol] / FOUR_ALPHA_RE2_NA / (z**2 * (elastic - coulomb) + z * inelastic)


def minimum_ionisation(symbol: str) -> float:
    """Minimum ionisation of an element [MeV cm2/g]; per Z/A it is interpolated in Z between PDG's elements."""
    return _between(_LOSS, symbol, lambda z, a: z / a)


def interaction_length(symbol: str) -> float:
    """Nuclear interaction length of an element [g/cm2]; per A^(1/3) it is interpolated in Z between PDG's elements."""
    return _between(_INTERACTION, symbol, lambda _, a: a ** (1 / 3))


def _between(table: dict[int, float], symbol: str, scale: Callable[[int, float], float]) -> float:
    scaled = [value / scale(z, ATOMIC_MASS[SYMBOLS[z - 1]]) for z, value in table.items()]
    z = ATOMIC_NUMBER[symbol]
    return float(np.interp(z, list(table), scaled)) * scale(z, ATOMIC_MASS[symbol])


def _nist() -> dict[str, Matter]:
    table = {f"G4_{symbol}": Matter(density, ((symbol, 1.0),)) for symbol, density in _ELEMENTS.items()}
    for name, (density, text) in _COMPOUNDS.items():
        words = text.split()
        table[name] = Matter(density, tuple(zip(words[::2], map(float, words[1::2]), strict=True)))
    return table


NIST = _nist()


def matter(name: str, detector: Detector) -> Matter:
    """The matter of a material of a detector, its own mixtures first.

    Raises:
        InputError: neither a mixture of the detector nor in this table (Geant4 knows more), or an unknown element.
    """
    own = detector.spec.material.get(name)
    if own is None and name not in NIST:
        raise InputError(f"the properties of material '{name}' are unknown here; {nearest(name, NIST)}")
    if own is None:
        return NIST[name]
    unknown = [symbol for symbol in own.elements if symbol not in ATOMIC_NUMBER]
    if unknown:
        raise InputError(f"material '{name}': unknown element '{unknown[0]}'; {nearest(unknown[0], SYMBOLS)}")
    return Matter(own.density, tuple(own.elements.items()))


def mixture(plates: Iterable[tuple[Matter, float]]) -> Matter:
    """The matter of plates (matter, thickness [mm]) mixed evenly over their volume (hep-ex/0001020, section 2)."""
    plates = list(plates)
    thickness = sum(d for _, d in plates)
    mass = sum(m.density * d for m, d in plates)
    fractions: dict[str, float] = {}
    for m, d in plates:
        for symbol, w in m.elements:
            fractions[symbol] = fractions.get(symbol, 0.0) + w * m.density * d / mass
    return Matter(mass / thickness, tuple(fractions.items()))
