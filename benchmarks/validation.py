"""Time and memory of `validate`, with showers resampled from a file or made by GFlash.

Resampled showers are not independent, so that the program prints time and memory only.

python benchmarks/validation.py --showers SHOWERS.h5 -n 20000
python benchmarks/validation.py --detector clic-ecal -n 2000 --recipe quick
"""

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from caloforge.detector import Detector
from caloforge.report import validate
from caloforge.showers import Incidents, Showers, read
from caloforge.simulators.gflash import GFlash


def resampled(path: Path, detector: Detector, n: int, seed: int) -> Showers:
    """Showers drawn with replacement, with each cell varied by 1 %, so that none is repeated exactly."""
    showers, rng = read(path, detector), np.random.default_rng(seed)
    drawn = showers[rng.integers(0, len(showers), n)]
    varied = drawn.energies * rng.normal(1, 0.01, drawn.energies.shape).astype(np.float32).clip(0)
    return replace(drawn, energies=varied)


def parametrised(detector: Detector, n: int, seed: int) -> Showers:
    """GFlash showers of e-, 10-100 GeV."""
    energy = np.random.default_rng(seed).uniform(1e4, 1e5, n)
    return GFlash(detector).simulate(Incidents.make("e-", energy), seed)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--showers", type=Path)
    parser.add_argument("--detector", default="calogan-ecal")
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    detector = Detector.load(arguments.detector)
    if arguments.showers:
        make = [resampled(arguments.showers, detector, arguments.n, seed) for seed in range(3)]
    else:
        make = [parametrised(detector, arguments.n, seed) for seed in range(3)]
    reference, floor, candidate = make
    wall, processor = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        validate(reference, {"candidate": candidate}, Path(folder), floor=floor, recipe=arguments.recipe,
                           seeds=arguments.seeds)  # fmt: skip
        size = (Path(folder) / "report.html").stat().st_size
    print(f"{arguments.n} + {arguments.n} showers of {detector.n_cells} cells and the floor, recipe {arguments.recipe}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"wall {time.perf_counter() - wall:.0f} s, processor {time.process_time() - processor:.0f} s, "
          f"peak {memory:.2f} GiB, report {size / 1e6:.1f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
