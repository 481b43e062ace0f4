"""Photoelectric and Rayleigh cross sections per atom, from the compilation in xraydb.

Source: W. T. Elam, B. D. Ravel, J. R. Sieber, Radiat. Phys. Chem. 63 (2002) 121.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LAST_Z = 98  # californium, the last element of the compilation
SEAM = 1e-4  # largest relative difference between the edges of cross sections and the list of edges
LOWEST = 1.01e-4  # [MeV]
HIGHEST = 0.75  # [MeV]; above it the photoelectric cross section is extrapolated
SAUTER_RATIO = 0.257  # F. Sauter, Ann. Phys. 403 (1931) 454
AVOGADRO = 0.602214076  # [1 / (mol barn)] times cm2


@dataclass(frozen=True)
class Photoelectric:
    """Photoelectric absorption by one atom: its K shell, and all other shells as one.

    Attributes:
        edges: binding energies [MeV] of the shells, K first; one shell if K is below the compilation's range.
        above, below: energies [MeV] and cross sections [barn] above and below the K edge.
        k_share: share of the K shell in the cross section above its edge.
        tail: a1, a2, a3 of the cross section a1 / E + a2 / E**2 + a3 / E**3 [barn] above HIGHEST.
    """

    edges: tuple[float, ...]
    above: tuple[Floats, Floats]
    below: tuple[Floats, Floats]
    k_share: float
    tail: tuple[float, float, float]


def photoelectric(z: int) -> Photoelectric:
    """Photoelectric absorption of element `z`."""
    import xraydb

    symbol = xraydb.atomic_symbol(z)
    found = sorted(edge.energy * 1e-6 for edge in xraydb.xray_edges(symbol).values())
    k_edge = max(found[-1], LOWEST)
    above = np.geomspace(k_edge * (1 + 1e-6), HIGHEST, 80)
    grid = [e * (1 + s) for e in found[:-1] if e > LOWEST for s in (-SEAM, SEAM)]
    below = np.unique([*np.geomspace(LOWEST, k_edge * (1 - SEAM), 80), *grid])
    jump = xraydb.xray_edges(symbol)["K"].jump_ratio
    shells = (k_edge, LOWEST) if k_edge > LOWEST else (LOWEST,)
    tables = (above, _barn(z, above, "photo")), (below, _barn(z, below, "photo"))
    return Photoelectric(shells, *tables, (jump - 1) / jump, _tail(z))


def _tail(z: int) -> tuple[float, float, float]:
    """Coefficients of 1 / E, 1 / E**2 and 1 / E**3 [barn, MeV] above 0.75 MeV.

    They reproduce the values at 0.5 and 0.75 MeV, and Sauter's ratio of E sigma at high energy to that at 0.75 MeV.
    """
    energies = np.array([0.5, HIGHEST])
    scaled = energies * _barn(z, energies, "photo")
    a1 = SAUTER_RATIO * scaled[1]
    a2, a3 = np.linalg.solve(1 / energies[:, None] ** [1, 2], scaled - a1)
    return float(a1), float(a2), float(a3)


def rayleigh(z: int) -> tuple[Floats, Floats]:
    """Energies [MeV] and coherent scattering cross sections [barn], which fall as 1 / E**2 above 0.75 MeV."""
    low = np.geomspace(LOWEST, HIGHEST, 120)
    sigma = _barn(z, low, "coh")
    high = np.geomspace(1, 1e5, 6)
    return np.append(low, high), np.append(sigma, sigma[-1] * (HIGHEST / high) ** 2)


def _barn(z: int, energies: Floats, kind: str) -> Floats:
    import xraydb

    mass_attenuation = xraydb.mu_elam(z, energies * 1e6, kind=kind)
    return np.asarray(mass_attenuation * xraydb.atomic_mass(z) / AVOGADRO, np.float64)
