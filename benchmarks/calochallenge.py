"""Synthetic files in CaloChallenge's layouts, for walks from a file to a model and for measurements of converting.

python benchmarks/calochallenge.py photons FOLDER --binning binning_dataset_1_photons.xml    data set 1, made by GFlash
python benchmarks/calochallenge.py sparse FOLDER [-n 50000]                  sparse showers as large as data set 3
"""

import argparse
import tomllib
from pathlib import Path

import h5py
import numpy as np

from caloforge.detector import Detector
from caloforge.detector.binning import read_binning
from caloforge.detector.spec import DetectorSpec
from caloforge.showers import Incidents
from caloforge.showers.foreign import LAYOUTS
from caloforge.simulators.gflash import GFlash

SIZES = (20_000, 5_000)  # showers of the two files of photons
ENERGIES = 2.0 ** np.arange(8, 23)  # [MeV] of data set 1
FRACTION = 0.112  # of the energy in the counted plates, so that showers hold about the incident energy
ECAL = [("G4_Pb", "1.53 mm"), ("G4_lAr", "4.2 mm")]
# plates by the layer ids of data set 1: repetitions, plates, and the counted material
MATTER = {
    0: (1, [("G4_Al", "160 mm"), ("G4_lAr", "11 mm")], "G4_lAr"),
    1: (14, ECAL, "G4_lAr"),
    2: (53, ECAL, "G4_lAr"),
    3: (7, ECAL, "G4_lAr"),
    12: (40, [("G4_Fe", "14 mm"), ("G4_POLYSTYRENE", "3 mm")], "G4_POLYSTYRENE"),
}
ROWS, CELLS = 1000, 40_500  # rows written at a time, voxels of data set 3


def with_matter(binning: Detector) -> Detector:
    """Cells of data set 1 in plates like those of the ATLAS barrel."""
    values = tomllib.loads(binning.toml)
    for layer in values["layer"]:
        repeat, plates, counted = MATTER[layer["id"]]
        made = [{"material": material, "thickness": thickness} for material, thickness in plates]
        layer |= {"repeat": repeat, "plates": made, "counts": [counted]}
    values |= {"name": "synthetic-dataset-1", "readout": values["readout"] | {"sampling_fraction": FRACTION}}
    return Detector(DetectorSpec.build(values, "synthetic data set 1"))


def write_photons(folder: Path, binning: Path) -> None:
    """Write two files of photons at the energies of data set 1, which follow each other in turn."""
    detector, writer = with_matter(read_binning(binning)), LAYOUTS["calochallenge"].writer
    assert writer is not None
    with GFlash(detector) as gflash:
        for number, n in enumerate(SIZES, 1):
            with writer(folder / f"dataset_1_photons_{number}.hdf5", detector, n) as put:
                for first in range(0, n, ROWS):
                    ids = np.arange(first, min(first + ROWS, n))
                    incidents = Incidents.make("gamma", ENERGIES[ids % len(ENERGIES)], shower_id=ids)
                    put(gflash.simulate(incidents, seed=number))


def write_sparse(folder: Path, n: int) -> None:
    """Write showers of random voxels: 300 at 1 GeV, 9500 at 1 TeV, 2700 in the mean."""
    random = np.random.default_rng(1)
    with h5py.File(folder / "dataset_3.hdf5", "w") as file:
        cells = file.create_dataset("showers", (n, CELLS), "f8", compression="gzip", compression_opts=1,
                                    chunks=(min(n, 100), CELLS))  # fmt: skip
        energies = file.create_dataset("incident_energies", (n, 1), "f8")
        for first in range(0, n, ROWS):
            rows = min(ROWS, n - first)
            energy = np.exp(random.uniform(np.log(1e3), np.log(1e6), rows))
            block = np.zeros((rows, CELLS))
            for row, hits in enumerate((300 * np.sqrt(energy / 1e3)).astype(int)):
                weights = random.exponential(size=hits) ** 2
                block[row, random.integers(0, CELLS, hits)] = 0.85 * energy[row] * weights / weights.sum()
            cells[first : first + rows] = block
            energies[first : first + rows, 0] = energy


def main() -> None:
    """Write the files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["photons", "sparse"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--binning", type=Path, help="binning XML of data set 1, photons")
    parser.add_argument("-n", type=int, default=50_000, help="sparse showers")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.kind == "sparse":
        write_sparse(arguments.folder, arguments.n)
    elif arguments.binning is None:
        parser.error("photons need --binning")
    else:
        write_photons(arguments.folder, arguments.binning)


if __name__ == "__main__":
    main()
