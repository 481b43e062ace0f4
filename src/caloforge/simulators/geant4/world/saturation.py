"""Birks' law for the light of scintillators, as in Geant4's G4EmSaturation, for arrays of steps."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHARGED, PHOTON, NEUTRAL = 0.0, 1.0, 2.0  # kinds of particles that make steps
PROTON_MASS = 938.27208816  # MeV
GRID = 10.0 ** np.linspace(-6, 8, 281)  # kinetic energies of the range tables [MeV]


@dataclass(frozen=True)
class Ranges:
    """Ranges in one material, which Birks' law needs for secondaries that Geant4 does not track.

    Attributes:
        electron, proton: log range [log mm] on `GRID`.
        mass_factor: ratio of the kinetic energies of a proton and of the nucleus whose range it stands for.
        charge_square: mean square of the nuclear charges, by which the proton's range is divided.
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
        """Tabulate ranges in a material.

        As in Geant4 11.4, the mass factor is the proton's mass in MeV over that of the nucleus in atomic mass units.

        Args:
            electron: function that gives the range of electrons [mm] of a kinetic energy [MeV].
            proton: the same function for protons.
            elements: Z, A [g/mol] and atoms per volume of each element.
        """

        def logs(range_of: Callable[[float], float]) -> Floats:
            return np.log([max(range_of(energy), 1e-30) for energy in GRID.tolist()])

        atoms = sum(n for _, _, n in elements)
        mass_factor = PROTON_MASS * sum(n / a for _, a, n in elements) / atoms
        charge_square = sum(n * z**2 for z, _, n in elements) / atoms
        return cls(logs(electron), logs(proton), mass_factor, charge_square)

    def of_electron(self, energy: Floats) -> Floats:
        """Range [mm] of electrons of given kinetic energies [MeV]."""
        return _interpolate(energy, self.electron)

    def of_recoil(self, energy: Floats) -> Floats:
        """Approximate range [mm] of nuclei of given kinetic energies [MeV]."""
        return _interpolate(energy * self.mass_factor, self.proton) / self.charge_square


def _interpolate(energy: Floats, table: Floats) -> Floats:
    ranges: Floats = np.exp(np.interp(np.log(np.maximum(energy, GRID[0])), np.log(GRID), table))
    return ranges


def visible(deposit: Floats, niel: Floats, length: Floats, kind: Floats, birks: float, ranges: Ranges) -> Floats:
    """Visible energy of steps by Birks' law, dE / (1 + kB dE/dx).

    For charged particles dx is the length of the step. Deposits of photons use the range of an electron of the same
    energy. Deposits of neutral hadrons, and the non-ionising part of all others, use the range of a recoiling nucleus.
    Steps without length do not saturate.

    Args:
        deposit: energy of each step (n,) [MeV].
        niel: non-ionising part of the energy (n,) [MeV].
        length: length of each step (n,) [mm].
        kind: kind of particle: CHARGED, PHOTON or NEUTRAL (n,).
        birks: Birks' constant kB [mm/MeV].
        ranges: ranges in the material.

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
