"""Cross section of electron bremsstrahlung on atoms, from a formula and a fit."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from caloforge.units import ELECTRON_MASS

Floats = NDArray[np.float64]
FINE_STRUCTURE = 1 / 137.035999
RADIUS_SQUARED = 79.4078  # classical electron radius squared [mb]
HIGHEST_Z = 82.0  # unit of Z in the fit
FITTED_UP_TO = 1e4  # [MeV]
LAST_FITTED = 0.95  # reduced photon energy from which the spectrum is linear up to its tip


@dataclass(frozen=True)
class _Fit:
    """Coefficients fitted to the tables of Seltzer and Berger (Nucl. Instrum. Meth. B 12 (1985) 95)."""

    body: Floats
    tip: Floats
    radiated: Floats
    radiated_low: Floats
    range: tuple[float, float]
    floor: float
    scale: float

    def chebyshev(self, energy: Floats) -> Floats:
        low, high = self.range
        return np.asarray(np.clip(2 * np.log(energy / low) / np.log(high / low) - 1, -1, 1))


@cache
def _fit() -> _Fit:
    text = (files("caloforge.simulators.geant4.tables") / "bremsstrahlung_fit_f2.json").read_text()
    raw = json.loads(text)
    i, j, k, t = raw["shape"]
    body, tip = (np.array(raw[key]) for key in ("c", "ctip"))
    shaped = body.reshape(i + 1, j + 1, k + 1), tip.reshape(t + 1, -1)
    radiated = np.array(raw["radiated"]), np.array(raw["radiated_low"])
    return _Fit(*shaped, *radiated, range=(raw["LO"], raw["HI"]), floor=raw["H"], scale=raw["T0"])


def coulomb_correction(z: float) -> float:
    """Coulomb correction f_c(Z). Source: Davies, Bethe and Maximon, Phys. Rev. 93 (1954) 788."""
    a = (FINE_STRUCTURE * z) ** 2
    return float(a * (1 / (1 + a) + 0.20206 - 0.0369 * a + 0.0083 * a**2 - 0.002 * a**3))


def complete_screening(z: int, energy: Floats, k: Floats) -> Floats:
    """Tsai's screened cross section beta^2 / Z^2 k dsigma/dk [mb].

    Source: Y.-S. Tsai, Rev. Mod. Phys. 46 (1974) 815, 49 (1977) 421.

    Args:
        z: atomic number.
        energy: kinetic energies of the electron [MeV].
        k: photon's shares of the kinetic energy, of the same shape.
    """
    total = energy + ELECTRON_MASS
    y = k * energy / total
    with np.errstate(divide="ignore"):
        g = 100 * ELECTRON_MASS * y / (total * (1 - y) * z ** (1 / 3))
    e, log_z = g / z ** (1 / 3), np.log(z) / 3
    phi = 16.863 - 2 * np.log1p(0.311877 * g**2) + 2.4 * np.exp(-0.9 * g) + 1.6 * np.exp(-1.5 * g)
    psi = 24.34 - 2 * np.log1p(13.111641 * e**2) + 2.8 * np.exp(-8 * e) + 1.2 * np.exp(-29.2 * e)
    slope = 2 / (3 + 19.5 * g + 18 * g**2) + 2 / (3 + 120 * e + 1200 * e**2) / z
    screened = phi / 4 - log_z - coulomb_correction(z) + (psi / 4 - 2 * log_z) / z
    beta2 = 1 - (ELECTRON_MASS / total) ** 2
    strength = beta2 * 16 * FINE_STRUCTURE * RADIUS_SQUARED / 3
    return np.asarray(np.maximum(strength * ((1 - y + 0.75 * y**2) * screened + (1 - y) / 8 * slope), 0))


def scaled_cross_section(z: int, energy: ArrayLike, k: ArrayLike) -> Floats:
    """Scaled bremsstrahlung cross section beta^2 / Z^2 k dsigma/dk [mb], shape (n_energy, n_k).

    Tsai's formula is multiplied by polynomials fitted to the tables of Seltzer and Berger. One in energy, Z and k gives
    the shape of the spectrum, which below 0.1 MeV is that at 0.1 MeV. One in energy and Z gives the radiated energy.

    Args:
        z: atomic number.
        energy: kinetic energies of the electron [MeV] (n_energy,).
        k: photon's shares of the kinetic energy (n_k,).
    """
    fit, electron = _fit(), np.atleast_1d(np.asarray(energy, np.float64))
    t, x = np.broadcast_arrays(np.maximum(electron, fit.range[0])[:, None], np.atleast_1d(k)[None])
    body = _body(fit, z, t, np.minimum(x, LAST_FITTED))
    tip = _tip(fit, z, t)
    share = np.clip((x - LAST_FITTED) / (1 - LAST_FITTED), 0, 1)
    return (body + share * (tip - body)) * _radiated(fit, z, electron)[:, None]


def _radiated(fit: _Fit, z: int, energy: Floats) -> Floats:
    """Factor of the radiated energy (n_energy,), fitted from 1 keV to 10 GeV."""
    low = np.minimum(np.log(energy / fit.range[0]), 0)
    span = np.log(FITTED_UP_TO / fit.range[0])
    t = np.clip(2 * np.log(energy / fit.range[0]) / span - 1, -1, 1)
    by_energy = np.polynomial.chebyshev.chebvander(t, len(fit.radiated) - 1) @ fit.radiated
    below = low[:, None] * np.polynomial.polynomial.polyvander(low, len(fit.radiated_low) - 1) @ fit.radiated_low
    by_z = (z / HIGHEST_Z) ** np.arange(below.shape[1])
    return np.asarray(np.exp(by_energy @ by_z[: by_energy.shape[1]] + below @ by_z))


def _body(fit: _Fit, z: int, t: Floats, k: Floats) -> Floats:
    by_energy = np.polynomial.chebyshev.chebvander(fit.chebyshev(t), len(fit.body) - 1)
    powers = [np.polynomial.polynomial.polyvander(v, 2) for v in (np.full_like(t, z / HIGHEST_Z), k)]
    polynomial = np.einsum("...i,...j,...l,ijl->...", by_energy, *powers, fit.body)
    weight = 1 / (1 + (t / fit.scale) ** 2)
    return np.asarray(complete_screening(z, t, k) * np.exp(weight * polynomial + (1 - weight) * np.log(fit.floor)))


def _tip(fit: _Fit, z: int, t: Floats) -> Floats:
    by_energy = np.polynomial.chebyshev.chebvander(fit.chebyshev(t), len(fit.tip) - 1)
    by_z = (z / HIGHEST_Z) ** np.arange(fit.tip.shape[1])
    tip = np.exp(by_energy @ fit.tip @ by_z)
    high = np.maximum(fit.floor * complete_screening(z, t, np.ones_like(t)), tip)
    return np.where(t > 50, high, tip)
