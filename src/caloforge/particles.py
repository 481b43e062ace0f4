"""Particles by their Geant4 names and PDG codes."""

import math
from functools import cache

from caloforge.errors import InputError, nearest

PDG = {
    "e-": 11, "e+": -11, "gamma": 22, "mu-": 13, "mu+": -13, "pi+": 211, "pi-": -211, "pi0": 111, "kaon+": 321,
    "kaon-": -321, "kaon0L": 130, "kaon0S": 310, "proton": 2212, "anti_proton": -2212, "neutron": 2112,
    "anti_neutron": -2112, "lambda": 3122, "deuteron": 1000010020, "alpha": 1000020040,
}  # fmt: skip
# [MeV], S. Navas et al. (Particle Data Group), Phys. Rev. D 110 (2024) 030001; nuclei: CODATA 2022
MASSES = {
    11: 0.51099895, 22: 0.0, 13: 105.6583755, 211: 139.57039, 111: 134.9768, 321: 493.677, 130: 497.611, 310: 497.611,
    2212: 938.27208816, 2112: 939.56542052, 3122: 1115.683, 1000010020: 1875.61294500, 1000020040: 3727.3794118,
}  # fmt: skip
NAMES = {code: name for name, code in PDG.items()}
WORDS = {"electron": 11, "positron": -11, "photon": 22, "muon": 13, "antimuon": -13, "pion": 211, "antiproton": -2212}
ELECTROMAGNETIC = frozenset({11, -11, 22})


def pdg_code(name: str) -> int:
    """PDG code of a particle from Geant4's name, the PDG's (K+, D0), an English word, or the code as text.

    Raises:
        InputError: unknown name.
    """
    known = PDG | WORDS
    if name in known:
        return known[name]
    try:
        code = int(name)
    except ValueError:
        code = _listed().get(name, 0)
    if not 0 < abs(code) < 2**31:
        raise InputError(f"unknown particle '{name}'; {nearest(name, [*known, *_listed()])} (or a PDG code)")
    return code


@cache
def _listed() -> dict[str, int]:
    """PDG codes of the PDG's particles by name (from scikit-hep's `particle`, loaded on demand)."""
    from particle import Particle

    # small codes last, so that "p" is the proton and not the hydrogen nucleus
    by_size = sorted(Particle.all(), key=lambda particle: -abs(particle.pdgid))
    return {particle.name: int(particle.pdgid) for particle in by_size if abs(particle.pdgid) < 2**31}


def mass(pdg: int) -> float:
    """Mass of a particle [MeV].

    Raises:
        InputError: its mass is not known here.
    """
    if abs(pdg) not in MASSES:
        raise InputError(f"the mass of particle {pdg} is not known here; give its kinetic energy")
    return MASSES[abs(pdg)]


def kinetic_energy(momentum: float, pdg: int) -> float:
    """Kinetic energy [MeV] of a particle with a momentum [MeV/c]: p^2 / (E + m), exact for slow particles, too.

    Raises:
        InputError: the particle's mass is not known here.
    """
    m = mass(pdg)
    return momentum**2 / (math.hypot(momentum, m) + m) if momentum else 0.0


def particle_name(pdg: int) -> str:
    """Geant4 name of a PDG code, or the code as text."""
    return NAMES.get(pdg, str(pdg))
