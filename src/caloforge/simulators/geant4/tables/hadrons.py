"""Approximate cross sections of neutrons and light ions on nuclei, for use without Geant4's data sets.

Geant4 uses them up to 20 MeV, and scales its Glauber-Gribov cross sections to them above. Cross sections of pions,
protons and kaons are part of Geant4's code.
"""

import numpy as np
from numpy.typing import NDArray

from caloforge.simulators.geant4.tables import photons

Floats = NDArray[np.float64]
LAST_Z = 100  # the last element for which Geant4 opens a photonuclear table
RADIUS = 1.35  # [fm] nuclear radius over A**(1/3), from non-elastic cross sections of 14 MeV neutrons
FM2 = 0.01  # [barn]
WAVELENGTH = 4.55  # reduced wavelength of a nucleon [fm] times sqrt(E / MeV)
THERMAL = 2.53e-8  # [MeV]

# thermal capture cross sections [barn] by Z. Source: V. F. Sears, Neutron News 3 (1992) 26
CAPTURE = {
    1: 0.3326, 2: 0.0, 3: 70.5, 4: 0.0076, 5: 767.0, 6: 0.0035, 7: 1.9, 8: 0.00019, 9: 0.0096, 11: 0.53, 12: 0.063,
    13: 0.231, 14: 0.171, 15: 0.172, 16: 0.53, 17: 33.5, 18: 0.675, 19: 2.1, 20: 0.43, 22: 6.09, 24: 3.05, 25: 13.3,
    26: 2.56, 27: 37.2, 28: 4.49, 29: 3.78, 30: 1.11, 32: 2.2, 39: 1.28, 41: 1.15, 42: 2.48, 47: 63.3, 48: 2520.0,
    50: 0.626, 53: 6.15, 55: 29.0, 56: 1.1, 57: 8.97, 58: 0.63, 64: 49700.0, 71: 74.0, 73: 20.6, 74: 18.3, 79: 98.65,
    82: 0.171, 83: 0.0338, 92: 7.57,
}  # fmt: skip
CAPTURE_ELSEWHERE = 3.0  # [barn]


def mass_number(z: int) -> float:
    """Mean mass number of an element."""
    import xraydb

    return float(xraydb.atomic_mass(min(z, photons.LAST_Z)))


def black_disc(a: float, energy: Floats, projectile: float = 0.0) -> Floats:
    """Cross section pi (R + r + lambda)**2 [barn] of a black nucleus of mass number `a`.

    Args:
        a: mass number.
        energy: kinetic energies of the projectile [MeV] (n,), times its mass number.
        projectile: radius r of the projectile [fm].
    """
    return np.asarray(FM2 * np.pi * (RADIUS * a ** (1 / 3) + projectile + WAVELENGTH / np.sqrt(energy)) ** 2)


def neutron_inelastic(z: int, energy: Floats) -> Floats:
    """Non-elastic cross section without capture [barn]: a black nucleus above the first excited states.

    Hydrogen has none.
    """
    if z == 1:
        return np.zeros_like(energy)
    a = mass_number(z)
    threshold = max(0.4, 25 / a)
    opened = 1 - np.exp(-np.maximum(energy - threshold, 0) / (1 + 20 / a))
    return opened * black_disc(a, np.maximum(energy, threshold))


def neutron_elastic(z: int, energy: Floats) -> Floats:
    """Elastic cross section [barn]: Gammel's fit for hydrogen, else potential scattering, then a black nucleus."""
    if z == 1:
        triplet = 3 / (1.206 * energy + (-1.86 + 0.09415 * energy + 0.0001306 * energy**2) ** 2)
        return np.asarray(np.pi * (triplet + 1 / (1.206 * energy + (0.4223 + 0.13 * energy) ** 2)))
    a = mass_number(z)
    slow = 4 * np.pi * FM2 * (1.35 * a ** (1 / 3)) ** 2
    disc = black_disc(a, np.maximum(energy, 3))
    return np.asarray(slow / (1 + (energy / 3) ** 2) + disc * energy**2 / (9 + energy**2))


def neutron_capture(z: int, energy: Floats) -> Floats:
    """Cross section of radiative capture [barn]: 1/v from the thermal value, with a faster fall above 1 MeV."""
    thermal = CAPTURE.get(z, CAPTURE_ELSEWHERE)
    return thermal * np.sqrt(THERMAL / energy) / (1 + energy)


def ion_inelastic(z: int, energy: Floats, charge: int, nucleons: int) -> Floats:
    """Inelastic cross section [barn] of a light ion: black discs above the Coulomb barrier.

    Args:
        z: atomic number of the target.
        energy: kinetic energies of the ion [MeV] (n,).
        charge: atomic number of the ion.
        nucleons: mass number of the ion.
    """
    a, size = mass_number(z), RADIUS * nucleons ** (1 / 3) if nucleons > 1 else 0.0
    if z == 1 and nucleons == 1:
        return np.zeros_like(energy)
    barrier = 1.44 * charge * z / (RADIUS * a ** (1 / 3) + size + 1.5)
    passed = np.maximum(1 - barrier / energy, 0)
    return np.asarray(passed * black_disc(a, energy * nucleons, size))
