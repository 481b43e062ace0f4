"""Ionisation losses of electrons and of heavy particles, with the density effect of Sternheimer.

Sources: M. J. Berger and S. M. Seltzer, NBSIR 82-2550-A (1982), for electrons; PDG, Review of Particle Physics (2024),
section 34.2, for heavy particles; R. M. Sternheimer and R. F. Peierls, Phys. Rev. B 3 (1971) 3681.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from caloforge.units import ELECTRON_MASS

K = 0.307075  # MeV cm2/mol, 4 pi N_A r_e^2 m_e c^2
MUON_MASS = 105.6583755  # MeV
PLASMA = 28.816  # eV, plasma energy at 1 mol of electrons per cm3
GAS = 0.01  # g/cm3: lighter materials count as gases by default

# x0 and x1 of gases below each C, Sternheimer and Peierls (1971)
_GASES = ((10.0, 1.6, 4.0), (10.5, 1.7, 4.0), (11.0, 1.8, 4.0), (11.5, 1.9, 4.0), (12.25, 2.0, 4.0), (13.804, 2.0, 5.0))


@dataclass(frozen=True)
class Ionisation:
    """Parameters of the ionisation loss of a material.

    Attributes:
        z_over_a: electrons per mass [mol/g].
        mean_energy: mean excitation energy I [eV].
        c, x0, x1, a, m, delta0: parameters of the density effect; x is log10(beta gamma).
    """

    z_over_a: float
    mean_energy: float
    c: float
    x0: float
    x1: float
    a: float
    m: float
    delta0: float = 0.0

    def density_effect(self, beta_gamma: float) -> float:
        """Density effect delta at beta gamma, PDG eq. 34.7."""
        x = math.log10(beta_gamma)
        if x < self.x0:
            return self.delta0 * 10 ** (2 * (x - self.x0))
        delta = 2 * math.log(10) * x - self.c
        return delta + self.a * (self.x1 - x) ** self.m if x < self.x1 else delta

    def electron_loss(self, energy: float) -> float:
        """Collision loss [MeV cm2/g] of an electron of kinetic energy [MeV] (Berger and Seltzer, eq. 2.4)."""
        tau = energy / ELECTRON_MASS
        beta2 = tau * (tau + 2) / (tau + 1) ** 2
        moller = 1 - beta2 + (tau**2 / 8 - (2 * tau + 1) * math.log(2)) / (tau + 1) ** 2
        log = math.log(tau**2 * (tau + 2) / 2) - 2 * math.log(self.mean_energy * 1e-6 / ELECTRON_MASS)
        delta = self.density_effect(math.sqrt(tau * (tau + 2)))
        return K / 2 * self.z_over_a / beta2 * (log + moller - delta)

    def muon_loss(self, beta_gamma: float) -> float:
        """Loss of a muon [MeV cm2/g] (Bethe's formula, PDG eq. 34.5)."""
        bg2 = beta_gamma**2
        gamma = math.sqrt(1 + bg2)
        ratio = ELECTRON_MASS / MUON_MASS
        t_max = 2 * ELECTRON_MASS * bg2 / (1 + 2 * gamma * ratio + ratio**2)
        log = math.log(2 * ELECTRON_MASS * bg2 * t_max) / 2 - math.log(self.mean_energy * 1e-6)
        beta2 = bg2 / (1 + bg2)
        return K * self.z_over_a / beta2 * (log - beta2 - self.density_effect(beta_gamma) / 2)

    @cached_property
    def minimum_loss(self) -> float:
        """Smallest loss of a muon [MeV cm2/g]."""
        return min(self.muon_loss(2.5 + 0.05 * i) for i in range(60))

    @classmethod
    def of_mixture(cls, density: float, elements: Iterable[tuple[float, float, float]]) -> "Ionisation":
        """Ionisation of a mixture by Bragg's rule, with the general density effect of Sternheimer and Peierls.

        Args:
            density: density [g/cm3].
            elements: mass fraction, Z / A [mol/g] and mean excitation energy [eV] of each element.
        """
        parts = [(fraction * z_over_a, energy) for fraction, z_over_a, energy in elements]
        z_over_a = sum(electrons for electrons, _ in parts)
        mean_energy = math.exp(sum(electrons * math.log(energy) for electrons, energy in parts) / z_over_a)
        c = 1 + 2 * math.log(mean_energy / (PLASMA * math.sqrt(density * z_over_a)))
        x0, x1 = _gas(c) if density < GAS else _condensed(c, mean_energy)
        return cls(z_over_a, mean_energy, c, x0, x1, (c - 2 * math.log(10) * x0) / (x1 - x0) ** 3, 3.0)


def _condensed(c: float, mean_energy: float) -> tuple[float, float]:
    """x0 and x1 of solids and liquids (Sternheimer and Peierls, eqs. 12 and 13)."""
    limit, shift, x1 = (3.681, 1.0, 2.0) if mean_energy < 100 else (5.215, 1.5, 3.0)
    return (0.2 if c < limit else 0.326 * c - shift), x1


def _gas(c: float) -> tuple[float, float]:
    """x0 and x1 of gases."""
    return next(((x0, x1) for limit, x0, x1 in _GASES if c < limit), (0.326 * c - 2.5, 5.0))
