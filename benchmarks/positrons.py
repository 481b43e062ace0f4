"""Difference of the deposits of e+ and e- of the same energy: 2 m_e, minus leakage of annihilation photons at the face.

python benchmarks/positrons.py [-n 20000] [--energy 50] prints means [MeV] in `pbwo4-cylinder`, and in one undivided
block of its crystal with the multiple scattering of production and with Geant4's most accurate one.
"""

import argparse

import numpy as np

from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators.geant4 import Geant4Simulator

CHUNK = 2000
BLOCK = """
name = "block"
[[layer]]
plates = [{material = "G4_PbWO4", thickness = "240 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [1, 1], size = ["240 mm", "240 mm"]}
"""
MOST_ACCURATE = (
    "/process/msc/StepLimit UseDistanceToBoundary", "/process/msc/RangeFactor 0.04", "/process/msc/Skin 3",
)  # fmt: skip


def deposited(detector: Detector, particle: str, energy: float, n: int, msc: tuple[str, ...] | None) -> np.ndarray:
    """Deposited energies (n,) [MeV] of showers."""
    simulator = Geant4Simulator(detector)
    if msc:
        simulator._msc = msc
    parts = [np.arange(first, min(first + CHUNK, n)) for first in range(0, n, CHUNK)]
    incidents = (Incidents.make(particle, np.full(len(ids), energy), shower_id=ids) for ids in parts)
    energies = [simulator.simulate(part, 31).energies.sum(axis=1, dtype=float) for part in incidents]
    simulator.close()
    return np.concatenate(energies)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--energy", type=float, default=50.0, help="MeV")
    options = parser.parse_args()
    block = Detector.from_toml(BLOCK)
    cases = {"pbwo4-cylinder": (Detector.load("pbwo4-cylinder"), None), "block": (block, None),
             "block, most accurate scattering": (block, MOST_ACCURATE)}  # fmt: skip
    for name, (detector, msc) in cases.items():
        plus, minus = (deposited(detector, p, options.energy, options.n, msc) for p in ("e+", "e-"))
        error = np.sqrt((plus.var() + minus.var()) / options.n)
        print(f"{name}: e+ {plus.mean():.3f}, e- {minus.mean():.3f}, difference {plus.mean() - minus.mean():.3f} "
              f"+- {error:.3f} MeV", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
