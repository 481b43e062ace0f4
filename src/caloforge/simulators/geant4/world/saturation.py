"""Light of deposits in scintillators that saturate: Birks' law as Geant4's G4EmSaturation has it, for many steps."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHARGED, PHOTON, NEUTRAL = 0.0, 1.0, 2.0  # kinds of particles that make steps
PROTON_MASS = 938.27208816  # MeV
GRID = 10.0 ** np.linspace(-6, 8, 281)  # MeV, where ranges are tabulated


@dataclass(frozen=True)
class Ranges:
    """Ranges in one material, as Birks' law asks for where a particle's own path is not the one that saturates.

    Attributes:
        electron, proton: log range [log mm] on `GRID`.
        mass_factor: kinetic energy of the proton whose range stands for a nucleus, over the nucleus' energy.
        charge_square: mean square of the nuclear charges, by which that range is divided.
    """

    electron: Floats
    proton: Floats
    mass_factor: float
    charge_square: float

    @classmethod
    def make(
        cls,
        electron: Callable[[float], float],
        proton: Callable[[float], float],
        elements: list[tuple[float, float, float]],
    ) -> "Ranges":
        """Tabulate ranges [mm] of kinetic energies [MeV] in a material of elements (Z, A [g/mol], atoms per volume).

        Geant4 11.4 multiplies by the proton's mass in MeV and divides by that of the nucleus in atomic mass units.
        """

        def logs(range_of: Callable[[float], float]) -> Floats:
            return np.log([max(range_of(energy), 1e-30) for energy in GRID.tolist()])

        atoms = sum(n for _, _, n in elements)
        mass_factor = PROTON_MASS * sum(n / a for _, a, n in elements) / atoms
        charge_square = sum(n * z**2 for z, _, n in elements) / atoms
        return cls(logs(electron), logs(proton), mass_factor, charge_square)

    def of_electron(self, energy: Floats) -> Floats:
        """Range [mm] of electrons of kinetic energy [MeV]."""
        return _interpolate(energy, self.electron)

    def of_recoil(self, energy: Floats) -> Floats:
        """Range [mm] that stands for nuclei of kinetic energy [MeV]."""
        return _interpolate(energy * self.mass_factor, self.proton) / self.charge_square


def _interpolate(energy: Floats, table: Floats) -> Floats:
    ranges: Floats = np.exp(np.interp(np.log(np.maximum(energy, GRID[0])), np.log(GRID), table))
    return ranges


def visible(deposit: Floats, niel: Floats, length: Floats, kind: Floats, birks: float, ranges: Ranges) -> Floats:
    """Visible energy of steps: dE / (1 + kB dE/dx), with the range in place of the path where nothing ionises along it.

    The path is the step of a charged particle. Deposits of photons are spread over the range of an electron of the same
    energy; those of neutral hadrons, and the non-ionising part of all others, over that of a recoiling nucleus.
    Steps without length are left as they are.

    Args:
        deposit: energy of each step (n,) [MeV].
        niel: the non-ionising part of it (n,) [MeV].
        length: of each step (n,) [mm].
        kind: CHARGED, PHOTON or NEUTRAL (n,).
        birks: Birks' constant kB [mm/MeV].
        ranges: in the material.

    Returns:
        Visible energy (n,) [MeV].

    Source: J. B. Birks, Proc. Phys. Soc. A 64 (1951) 874; G4EmSaturation::VisibleEnergyDeposition, Geant4 11.4.
    """
    recoil = np.maximum(niel, 0.0)
    ionising = deposit - recoil
    neutral = (kind == NEUTRAL) | (ionising < 0)
    recoil, ionising = np.where(neutral, deposit, recoil), np.where(neutral, 0.0, ionising)
    path = np.where(length > 0, length, math.inf)
    light: Floats = ionising / (1 + birks * ionising / path)
    light += recoil / (1 + birks * recoil / ranges.of_recoil(recoil))
    photons = deposit / (1 + birks * deposit / ranges.of_electron(deposit))
    return np.where(length > 0, np.where(kind == PHOTON, photons, light), deposit)
