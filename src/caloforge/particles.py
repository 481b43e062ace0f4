"""Particles by their Geant4 names and PDG codes."""

from caloforge.errors import InputError, nearest

PDG = {
    "e-": 11, "e+": -11, "gamma": 22, "mu-": 13, "mu+": -13, "pi+": 211, "pi-": -211, "pi0": 111, "kaon+": 321,
    "kaon-": -321, "kaon0L": 130, "kaon0S": 310, "proton": 2212, "anti_proton": -2212, "neutron": 2112,
    "anti_neutron": -2112, "lambda": 3122, "deuteron": 1000010020, "alpha": 1000020040,
}  # fmt: skip
NAMES = {code: name for name, code in PDG.items()}
ELECTROMAGNETIC = frozenset({11, -11, 22})


def pdg_code(name: str) -> int:
    """PDG code of a Geant4 particle name, or of the code itself as text.

    Raises:
        InputError: unknown name.
    """
    if name in PDG:
        return PDG[name]
    try:
        code = int(name)
    except ValueError:
        code = 0
    if not 0 < abs(code) < 2**31:
        raise InputError(f"unknown particle '{name}'; {nearest(name, PDG)} (or a PDG code)")
    return code


def particle_name(pdg: int) -> str:
    """Geant4 name of a PDG code, or the code as text."""
    return NAMES.get(pdg, str(pdg))
