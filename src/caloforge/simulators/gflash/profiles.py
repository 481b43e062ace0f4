"""Longitudinal and radial profiles of Grindhammer and Peters, hep-ex/0001020.

The formulae of its appendix A ("A.1 homogeneous media", "A.2 sampling calorimeters") have no equation numbers and are
cited by their headings. Depths t are in radiation lengths, radii in Moliere radii, E in GeV, and y = E / Ec.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_SIGMA = 0.5  # largest width of ln T and ln alpha, since the published widths have a pole below y = 5
MIN_T = 0.1
MIN_ALPHA = 1.5
T_RISE, ALPHA_RISE, EQUAL_LN_Y = 0.06, 0.09, 7.2  # fitted to Geant4 for caloforge; the publication has no such terms


@dataclass(frozen=True)
class Medium:
    """The calorimeter as the parametrisation sees it (sections 2 and 3).

    Attributes:
        z_eff: effective atomic number.
        x0, moliere: radiation length and Moliere radius [mm].
        critical_energy: critical energy [MeV].
        sampling: whether only some plates count, so that the visible profile differs from the deposited one.
        inverse_fs: 1 / F_S = (d_a + d_p) / X0, the thickness of one sampling unit [X0]; 0 in a homogeneous medium.
        e_mip: e-hat, the e / mip of the counted plates over that of the others; 1 in a homogeneous medium.
        visible: visible share of the energy.
        resolution: c of sigma / E = c / sqrt(E / GeV) from sampling fluctuations.
    """

    z_eff: float
    x0: float
    moliere: float
    critical_energy: float
    sampling: bool = False
    inverse_fs: float = 0.0
    e_mip: float = 1.0
    visible: float = 1.0
    resolution: float = 0.0


@dataclass(frozen=True)
class Longitudinal:
    """Gamma profile of one shower.

    Attributes:
        alpha: shape parameter.
        t_max: depth T of the maximum [X0].
        alpha_mean: exponential of the mean of ln alpha, which tau needs.
    """

    alpha: float
    t_max: float
    alpha_mean: float

    @property
    def beta(self) -> float:
        """Slope beta = (alpha - 1) / T [1/X0], eq. 4."""
        return (self.alpha - 1) / self.t_max

    def density(self, t: Floats) -> Floats:
        """Density f(t) = (beta t)^(alpha-1) beta exp(-beta t) / Gamma(alpha), eq. 2; 0 before the shower's start."""
        x = self.beta * np.maximum(t, 1e-300)
        log = (self.alpha - 1) * np.log(x) - x + (math.log(self.beta) - math.lgamma(self.alpha))
        return np.where(t > 0, np.exp(log), 0.0)

    def tau(self, t: Floats) -> Floats:
        """Depth tau over the shower's own centre of gravity; it is t / T for the mean shower."""
        return t * self.beta / self.alpha * self.alpha_mean / (self.alpha_mean - 1)


def fluctuated(medium: Medium, energy: float, normals: tuple[float, float]) -> Longitudinal:
    """Draw T and alpha of one shower of `energy` [MeV] from two standard normal numbers.

    ln T and ln alpha are normal and correlated (A.1 and A.2, "fluctuated longitudinal profiles"). The means of the
    sampling profile are those of the homogeneous profile with corrections in 1/F_S and 1 - e-hat. As in Geant4, T and
    alpha rise faster with ln y than published, by T_RISE and ALPHA_RISE about EQUAL_LN_Y. Below y = 5 the published
    widths diverge and the means vanish; MAX_SIGMA, MIN_T and MIN_ALPHA limit them.
    """
    ln_y = math.log(energy / medium.critical_energy)
    above = ln_y - EQUAL_LN_Y
    t_mean = ln_y + T_RISE * above - 0.812 - 0.55 * medium.inverse_fs - 0.69 * (1 - medium.e_mip)
    alpha_mean = 0.81 + (0.458 + 2.26 / medium.z_eff) * ln_y - 0.476 * medium.inverse_fs + ALPHA_RISE * above
    sigma_t, sigma_alpha, rho = _widths(ln_y, medium.sampling)
    common, opposite = (math.sqrt((1 + sign * rho) / 2) * n for sign, n in zip((1, -1), normals, strict=True))
    alpha_mean = max(alpha_mean, MIN_ALPHA)
    return Longitudinal(
        alpha=max(alpha_mean * math.exp(sigma_alpha * (common - opposite)), MIN_ALPHA),
        t_max=max(max(t_mean, MIN_T) * math.exp(sigma_t * (common + opposite)), MIN_T),
        alpha_mean=alpha_mean,
    )


def _widths(ln_y: float, sampling: bool) -> tuple[float, float, float]:
    """Sigma of ln T and of ln alpha, and their correlation (A.1, A.2 "fluctuated longitudinal profiles")."""
    inverse_t = -2.5 + 1.25 * ln_y if sampling else -1.4 + 1.26 * ln_y
    inverse_alpha = -0.82 + 0.79 * ln_y if sampling else -0.58 + 0.86 * ln_y
    rho = (0.784 if sampling else 0.705) - 0.023 * ln_y
    return 1 / max(inverse_t, 1 / MAX_SIGMA), 1 / max(inverse_alpha, 1 / MAX_SIGMA), min(rho, 1.0)


def radial(medium: Medium, energy: float, tau: Floats) -> tuple[Floats, Floats, Floats]:
    """Core radius, tail radius [Moliere radii] and weight of the core at depths tau.

    f(r) = p 2 r R_C^2 / (r^2 + R_C^2)^2 + (1-p) 2 r R_T^2 / (r^2 + R_T^2)^2 (eq. 7). Source: A.1 "average radial
    profiles", with the sampling corrections of A.2.

    Args:
        medium: the effective medium.
        energy: energy of the cascade [MeV].
        tau: depths (n,), as given by `Longitudinal.tau`.
    """
    ln_e, z = math.log(energy / 1000), medium.z_eff
    core = 0.0251 + 0.00319 * ln_e + (0.1162 - 0.000381 * z) * tau
    fall, rise = np.exp(-2.59 * (tau - 0.645)), np.exp((0.3585 + 0.0421 * ln_e) * (tau - 0.645))
    tail = (0.659 - 0.00309 * z) * (fall + rise)
    x = (0.401 + 0.00187 * z - tau) / max(1.313 - 0.0686 * ln_e, 0.1)
    weight = (2.632 - 0.00094 * z) * np.exp(x - np.exp(x))
    if medium.sampling:
        transition, early = 1 - medium.e_mip, medium.inverse_fs * np.exp(-tau)
        core = core - 0.0203 * transition + 0.0397 * early
        tail = tail - 0.14 * transition - 0.495 * early
        weight = weight + transition * (0.348 - 0.642 * medium.inverse_fs * np.exp(-((tau - 1) ** 2)))
    core = np.maximum(core, 1e-3)
    return core, np.maximum(tail, core), np.clip(weight, 0, 1)


def spot_profile(medium: Medium, shower: Longitudinal) -> Longitudinal:
    """Gamma profile of the spots' depths (A.1, A.2 "fluctuations of radial profiles")."""
    z = medium.z_eff
    scale_t, scale_alpha = 0.698 + 0.00212 * z, 0.639 + 0.00334 * z
    if medium.sampling:
        scale_t, scale_alpha = 0.813 + 0.0019 * z, 0.844 + 0.0026 * z
    return Longitudinal(
        alpha=max(shower.alpha * scale_alpha, MIN_ALPHA),
        t_max=max(shower.t_max * scale_t, MIN_T),
        alpha_mean=shower.alpha_mean,
    )


def n_spots(medium: Medium, energy: float) -> float:
    """Mean number of energy spots of a shower of `energy` [MeV] (A.1, A.2 "fluctuations of radial profiles")."""
    gev = energy / 1000
    if medium.sampling:
        return 10.3 / medium.resolution * math.pow(gev, 0.959)
    return 93 * math.log(medium.z_eff) * math.pow(gev, 0.876)
