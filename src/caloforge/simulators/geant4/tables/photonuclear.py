"""Cross sections for the absorption of photons by nuclei up to 130 MeV, for use without Geant4's data sets.

They are the sum of a giant dipole resonance and absorption by quasi-deuterons. Geant4 11.4 (G4GammaNuclearXS) reads
them from files. Above 150 MeV, for hydrogen, zirconium and tungsten at all energies, and for electrons, Geant4 uses its
own parametrisation (nucleon resonances and shadowed plateau; M. V. Kossov, Eur. Phys. J. A 14 (2002) 377).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SUM_RULE = 60.0e-3  # sum rule of Thomas, Reiche and Kuhn: integrated dipole absorption over N Z / A [MeV barn]
# enhancement of the integral up to 140 MeV, within 0.10. Source: A. Lepretre et al., Nucl. Phys. A367 (1981) 237
ENHANCEMENT = 0.76
UP_TO = 140.0  # [MeV]
LEVINGER = 6.5
BINDING = 2.224  # binding energy of the deuteron [MeV]
# energies and widths [MeV] of one resonance by mass number, fitted to the parametrisation of light nuclei in Geant4
LIGHT = {4: (26.1, 21.0), 9: (28.0, 21.6), 12: (24.3, 9.3), 16: (24.2, 10.4), 19: (23.0, 15.3), 23: (22.2, 11.9),
         27: (21.5, 9.4), 32: (20.7, 9.0)}  # fmt: skip
HEAVY = 40.0  # mass number from which energies and widths follow the systematics
# lowest separation energy of a nucleon or alpha particle [MeV] in the element's main isotope
THRESHOLDS = {2: 19.8, 3: 7.25, 4: 1.67, 5: 8.7, 6: 15.96, 7: 7.55, 8: 12.13, 9: 7.99, 10: 12.84, 11: 8.79, 12: 11.69,
              13: 8.27, 14: 11.58, 15: 7.30, 16: 8.86, 17: 6.37, 18: 9.87, 19: 6.38, 20: 8.33}  # fmt: skip
THRESHOLD_ELSEWHERE = 7.0


def absorption(z: int, a: float, energy: Floats) -> Floats:
    """Photonuclear absorption cross section of an element; hydrogen has none below the pion threshold.

    Resonance and quasi-deuterons together exhaust 1.76 sum rules up to 140 MeV.

    Args:
        z: atomic number.
        a: mean mass number.
        energy: photon energies [MeV] (n,), above zero.

    Returns:
        Cross sections [barn] (n,).
    """
    if z == 1:
        return np.zeros_like(energy)
    bound = np.where(energy > THRESHOLDS.get(z, THRESHOLD_ELSEWHERE), _lorentz(a, energy), 0)
    return np.asarray(_strength(z, a) * bound + quasi_deuteron(z, a, energy))


def resonance(a: float) -> tuple[float, float]:
    """Energy and width [MeV] of the giant dipole resonance in a nucleus of mass number `a`.

    Source: systematics of the RIPL-2 handbook, IAEA-TECDOC-1506 (2006), chapter 7, from mass number 40.
    """
    centre = 31.2 * max(a, HEAVY) ** (-1 / 3) + 20.6 * max(a, HEAVY) ** (-1 / 6)
    width = 0.026 * centre**1.91
    if a >= HEAVY:
        return centre, width
    centres, widths = zip(*LIGHT.values(), (centre, width), strict=True)
    return float(np.interp(a, [*LIGHT, HEAVY], centres)), float(np.interp(a, [*LIGHT, HEAVY], widths))


def quasi_deuteron(z: int, a: float, energy: Floats) -> Floats:
    """Absorption [barn] by neutron-proton pairs: that of free deuterons, reduced by Pauli blocking.

    Source: J. S. Levinger, Phys. Rev. 84 (1951) 43; M. B. Chadwick et al., Phys. Rev. C 44 (1991) 814, with L = 6.5.
    """
    deuteron = 0.0612 * np.maximum(energy - BINDING, 0) ** 1.5 / energy**3
    return np.asarray(LEVINGER * (a - z) * z / a * deuteron * _blocking(energy))


def _blocking(energy: Floats) -> Floats:
    """Share of pairs that the Pauli principle does not block; a polynomial from 20 to 140 MeV."""
    between = np.polynomial.Polynomial([8.3714e-2, -9.8343e-3, 4.1222e-4, -3.4762e-6, 9.3537e-9])(energy)
    outside = np.exp(-np.where(energy < UP_TO, 73.3, 24.2348) / energy)
    return np.where((energy < 20) | (energy > UP_TO), outside, between)


def _lorentz(a: float, energy: Floats) -> Floats:
    """Shape of the resonance, which is 1 at its peak."""
    centre, width = resonance(a)
    return np.asarray(1 / (1 + ((energy**2 - centre**2) / (energy * width)) ** 2))


@cache
def _strength(z: int, a: float) -> float:
    """Height [barn] of the resonance."""
    energy = np.arange(THRESHOLDS.get(z, THRESHOLD_ELSEWHERE), UP_TO, 0.05)
    integral = (1 + ENHANCEMENT) * SUM_RULE * (a - z) * z / a
    left = integral - np.trapezoid(quasi_deuteron(z, a, energy), energy)
    return float(left / np.trapezoid(_lorentz(a, energy), energy))
