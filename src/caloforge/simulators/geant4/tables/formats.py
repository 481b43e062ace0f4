"""Cross-section tables in Geant4's formats, computed from formulas and xraydb."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caloforge.simulators.geant4.tables import bremsstrahlung, hadrons, photons, photonuclear

Floats = NDArray[np.float64]
FOLDERS = {
    "G4LEDATA": "electromagnetic",
    "G4PARTICLEXSDATA": "hadronic",
    "G4ENSDFSTATEDATA": "nuclear_states",
    "G4LEVELGAMMADATA": "gamma_levels",
}
MM2 = 1e-22  # one barn
IONS = {"proton": (1, 1), "deuteron": (1, 2), "triton": (1, 3), "he3": (2, 3), "alpha": (2, 4)}
VERSION = "8c730c29434d3bea"  # must change whenever the tables change, since showers name it in their provenance
# the lightest stable ions, which Geant4 needs: Z A level [keV] - lifetime 2J moment
STATES = "1 2 0 - -1 2 0\n2 4 0 - -1 0 0\n"


def write(folder: Path) -> None:
    """Write all tables below `folder`."""
    _write_electromagnetic(folder / FOLDERS["G4LEDATA"])
    _write_hadronic(folder / FOLDERS["G4PARTICLEXSDATA"])
    (folder / FOLDERS["G4LEVELGAMMADATA"]).mkdir()
    states = folder / FOLDERS["G4ENSDFSTATEDATA"]
    states.mkdir()
    (states / "ENSDFSTATE.dat").write_text(STATES)


def _write_electromagnetic(folder: Path) -> None:
    photo = [folder / "epics2017" / "phot", folder / "livermore" / "phot_epics2014"]
    for subfolder in (folder / "brem_SB", folder / "epics2017/rayl", *photo):
        subfolder.mkdir(parents=True)
    for z in range(1, photons.LAST_Z + 1):
        (folder / "brem_SB" / f"br{z}").write_text(_bremsstrahlung(z))
        energies, sigma = photons.rayleigh(z)
        (folder / f"epics2017/rayl/re-cs-{z}.dat").write_text(_vector(energies, energies**2 * sigma * MM2))
        for name, text in _photoelectric(photons.photoelectric(z)).items():
            for part in photo:
                (part / f"{name}-{z}.dat").write_text(text)


def _bremsstrahlung(z: int) -> str:
    k = np.concatenate([np.arange(0, 0.91, 0.05), [0.925, 0.95, 0.97, 0.99, 0.995, 0.999, 0.9999, 1]])
    energies = np.geomspace(1e-3, 1e4, 57)
    rows = [k, np.log(energies), *bremsstrahlung.scaled_cross_section(z, energies, k)]
    return f"0 {len(k)} {len(energies)}\n" + "".join(_line(row) for row in rows)


def _photoelectric(atom: photons.Photoelectric) -> dict[str, str]:
    """Files of one element, by name: cross sections times E**3 [MeV3 barn], and coefficients of 1 / E to 1 / E**6."""
    n, scaled = len(atom.edges), [(e, e**3 * sigma) for e, sigma in (atom.above, atom.below)]
    shares = (atom.k_share, 1.0)[-n:]
    shells = [[edge, *(s * a for a in atom.tail), 0, 0, 0] for edge, s in zip(atom.edges, shares, strict=True)]
    parameters = f"{n} {n} {photons.HIGHEST}\n" + "".join(_line(shell) for shell in shells)
    files = {"pe-cs": _vector(*scaled[0]), "pe-high": parameters, "pe-low": parameters}
    if n == 1:
        return files
    above, below = scaled
    k_shell = above[0], atom.k_share * above[1]
    rest = np.append(below[0], above[0]), np.append(below[1], above[1] - k_shell[1])
    return files | {"pe-le-cs": _vector(*below), "pe-ss-cs": _shell(k_shell, 0) + _shell(rest, 1)}


def _shell(table: tuple[Floats, Floats], index: int) -> str:
    energies, values = table
    head = f"{energies[0]:.8e} {energies[-1]:.8e} {len(energies)} {index}\n"
    return head + "".join(_line(pair) for pair in zip(energies, values, strict=True))


def _write_hadronic(folder: Path) -> None:
    slow, fast = np.geomspace(1e-11, 20, 160), np.geomspace(0.1, 20, 80)
    gamma = np.linspace(1, 130, 259)
    writers: dict[str, Callable[[int], str]] = {
        "neutron/inel": lambda z: _hadronic(slow, hadrons.neutron_inelastic(z, slow)),
        "neutron/el": lambda z: _hadronic(slow, hadrons.neutron_elastic(z, slow)),
        "neutron/cap": lambda z: _hadronic(slow, hadrons.neutron_capture(z, slow)),
        "gamma/inel": lambda z: _hadronic(gamma, photonuclear.absorption(z, hadrons.mass_number(z), gamma)),
    }
    for ion, (charge, nucleons) in IONS.items():
        writers[f"{ion}/inel"] = partial(_ion, energies=fast, charge=charge, nucleons=nucleons)
    for name, text in writers.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for z in range(1, hadrons.LAST_Z + 1):
            (folder / f"{name}{z}").write_text(text(z))


def _ion(z: int, energies: Floats, charge: int, nucleons: int) -> str:
    return _hadronic(energies, hadrons.ion_inelastic(z, energies, charge, nucleons))


def _hadronic(energies: Floats, barn: Floats) -> str:
    return _vector(energies, barn * MM2)


def _vector(energies: Floats, values: Floats) -> str:
    head = f"{energies[0]:.8e} {energies[-1]:.8e} {len(energies)}\n{len(energies)}\n"
    return head + "".join(_line(pair) for pair in zip(energies, values, strict=True))


def _line(numbers: Floats | list[float] | tuple[float, float]) -> str:
    return " ".join(f"{number:.8e}" for number in numbers) + "\n"
