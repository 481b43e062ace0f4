"""Compare the default physics list with `em`: tails, resolution, pions and photons, and CPU time.

    python benchmarks/physics.py [--part response energies pions cost] [--showers 1000]

The program prints the tables of benchmarks/results/physics.md. Showers of both lists alternate, so that other work of
the machine slows both.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from caloforge.detector import Detector
from caloforge.production import Source, SourceConfig
from caloforge.showers import Incidents
from caloforge.simulators.geant4 import Geant4Simulator
from caloforge.simulators.geant4.physics import DEFAULT, EM

CRYSTAL = """
name = "crystal"
[[layer]]
plates = [{material = "G4_PbWO4", thickness = "400 mm"}]
counts = ["G4_PbWO4"]
cells = {kind = "cartesian", n = [1, 1], size = ["600 mm", "600 mm"]}
"""
BATCH = 25
SEED = 41
TAIL = 0.98  # response below which a shower belongs to the tail
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Sample:
    """Responses of the showers of one list, and CPU seconds of its Geant4 process."""

    simulator: Geant4Simulator
    responses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, incidents: Incidents) -> None:
        """Simulate a part."""
        before = self._cpu()
        energies = self.simulator.simulate(incidents, SEED).energies.sum(axis=1, dtype=float)
        self.seconds += self._cpu() - before
        self.responses += (energies / incidents.energy).tolist()

    def _cpu(self) -> float:
        process = next(iter(self.simulator._processes.values()), None)
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split() if process else []
        return (int(fields[11]) + int(fields[12])) / TICK if fields else 0.0


def alternate(detector: Detector, particle: str, energy: str, n: int, names: Sequence[str]) -> dict[str, Sample]:
    """Samples by list, simulated in alternating parts; the first shower of each process is not timed."""
    source = Source.from_config(SourceConfig(particle=particle, energy=energy), detector)
    samples = {name: Sample(Geant4Simulator(detector, name)) for name in names}
    for sample in samples.values():
        sample.simulator.simulate(source.draw(n, 1, SEED), SEED)
    for first in range(0, n, BATCH):
        for sample in samples.values():
            sample.add(source.draw(first, min(BATCH, n - first), SEED))
    for sample in samples.values():
        sample.simulator.close()
    return samples


def row(name: str, sample: Sample) -> str:
    """Mean, rms and tail of the response with statistical errors, and the time per shower."""
    x = np.array(sample.responses)
    n, rms = len(x), x.std(ddof=1)
    kurtosis = np.mean((x - x.mean()) ** 4) / rms**4
    rms_error = rms * np.sqrt(max(kurtosis - 1, 0) / n) / 2
    tail = (x < TAIL).mean()
    return (
        f"| {name} | {n} | {x.mean():.5f} ± {rms / np.sqrt(n):.5f} | {100 * rms:.3f} ± {100 * rms_error:.3f} % | "
        f"{100 * tail:.1f} ± {100 * np.sqrt(tail * (1 - tail) / n):.1f} % | {1e3 * sample.seconds / n:.1f} |"
    )


def response(n: int) -> None:
    """Table of electrons of 5 GeV in a crystal and in a lead and argon stack, by list."""
    print("| detector, list | showers | response | rms | below 0.98 | CPU ms |\n|---|---|---|---|---|---|")
    for detector in (Detector.from_toml(CRYSTAL), Detector.load("calogan-ecal")):
        for name, sample in alternate(detector, "e-", "5 GeV", n, (DEFAULT, EM)).items():
            print(row(f"{detector.name}, {name}", sample), flush=True)


def energies(n: int) -> None:
    """Table of electrons of several energies in the lead and argon stack, by list."""
    print("| e-, list | showers | response | rms | below 0.98 | CPU ms |\n|---|---|---|---|---|---|")
    for energy in ("1 GeV", "5 GeV", "20 GeV", "50 GeV"):
        for name, sample in alternate(Detector.load("calogan-ecal"), "e-", energy, n, (DEFAULT, EM)).items():
            print(row(f"{energy}, {name}", sample), flush=True)


def pions(n: int) -> None:
    """Table of neutral pions and photons of 10 GeV kinetic energy in the crystal; pions also deposit their mass."""
    crystal = Detector.from_toml(CRYSTAL)
    samples = {name: alternate(crystal, name, "10 GeV", n, (DEFAULT,))[DEFAULT] for name in ("pi0", "gamma")}
    print("| particle | showers | response | rms | below 0.98 | CPU ms |\n|---|---|---|---|---|---|")
    for name, sample in samples.items():
        print(row(name, sample))
    means = [np.mean(sample.responses) for sample in samples.values()]
    errors = [
        np.std(sample.responses) / mean / np.sqrt(n) for sample, mean in zip(samples.values(), means, strict=True)
    ]
    print(f"pi0 / gamma: {means[0] / means[1]:.4f} ± {np.hypot(*errors) * means[0] / means[1]:.4f}", flush=True)


def cost(n: int) -> None:
    """Table of the CPU time of both lists in the same run."""
    print(f"| preset, 10 GeV e- | {DEFAULT} [ms] | {EM} [ms] | ratio |\n|---|---|---|---|")
    for name in ("calogan-ecal", "atlas-barrel", "clic-ecal", "pbwo4-cylinder", "par04-siw"):
        full, em = (
            1e3 * s.seconds / n for s in alternate(Detector.load(name), "e-", "10 GeV", n, (DEFAULT, EM)).values()
        )
        print(f"| `{name}` | {full:.1f} | {em:.1f} | {full / em:.3f} |", flush=True)


def main() -> None:
    """Print the selected tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"response": response, "energies": energies, "pions": pions, "cost": cost}
    parser.add_argument("--part", nargs="*", default=list(parts), choices=list(parts))
    parser.add_argument("--showers", type=int, default=1000)
    options = parser.parse_args()
    for part in options.part:
        parts[part](options.showers)


if __name__ == "__main__":
    main()
