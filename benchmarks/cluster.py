"""Compare a plain production with the same one on a Dask cluster of two single-thread workers, bit by bit.

python benchmarks/cluster.py [-n 10000] [--detector calogan-ecal] prints showers per second of both (wall clock, start
of the processes included) and fails if any data set differs.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import h5py
from distributed import LocalCluster

from caloforge.detector import Detector
from caloforge.production import Order, Source, SourceConfig, produce
from caloforge.simulators import create

WORKERS = 2


def order_of(detector: Detector, energy: str, n: int) -> Order:
    """Order of Geant4 showers of electrons."""
    source = Source.from_config(SourceConfig(particle="e-", energy=energy), detector)
    return Order(detector, "geant4", partial(create, "geant4", detector), source, n, seed=1)


def rate(order: Order, output: Path, cluster: str | None) -> float:
    """Showers per second."""
    start = time.perf_counter()
    produce(order, output, workers=WORKERS, cluster=cluster, quiet=True)
    return order.n / (time.perf_counter() - start)


def differing(a: Path, b: Path) -> list[str]:
    """Names of the data sets that differ in type or in a bit."""
    with h5py.File(a) as one, h5py.File(b) as other:
        names = sorted({*one, *other})
        return [name for name in names if name not in one or name not in other or not same(one[name], other[name])]


def same(one: h5py.Dataset, other: h5py.Dataset) -> bool:
    """Whether type, shape and every byte agree."""
    return bool(one.dtype == other.dtype and one.shape == other.shape and one[:].tobytes() == other[:].tobytes())


def main() -> None:
    """Produce twice, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=10_000, help="showers")
    parser.add_argument("--detector", default="calogan-ecal")
    parser.add_argument("--energy", default="20 MeV:100 MeV")
    arguments = parser.parse_args()
    order = order_of(Detector.load(arguments.detector), arguments.energy, arguments.n)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = rate(order, folder / "plain.h5", None)
        with LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, local_directory=name
        ) as local:
            distributed = rate(order, folder / "cluster.h5", local.scheduler_address)
        different = differing(folder / "plain.h5", folder / "cluster.h5")
        with h5py.File(folder / "plain.h5") as file:
            energy, sets = file["showers"][:].sum(dtype=float), len(file)
    print(f"{order.n} showers, {WORKERS} workers: plain {plain:.1f} / s, Dask {distributed:.1f} / s; {energy:.6g} MeV")
    print(f"all {sets} data sets equal bit for bit" if not different else f"DIFFERENT: {', '.join(different)}")
    raise SystemExit(bool(different))


if __name__ == "__main__":
    main()
