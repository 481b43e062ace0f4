"""Write a file of showers block by block."""

from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.showers.container import Showers
from caloforge.showers.hdf5 import FAST, INCIDENT_FIELDS

CHUNK_ROWS = 64
CHUNK_CELLS = 2**18  # bytes of a chunk


def create_sets(file: Any, detector: Detector, total: int, *, fast: bool) -> None:
    """Create the data sets of `total` showers; with `fast`, also that of their fast-simulated energies."""
    cells = detector.n_cells
    rows = max(1, min(total, CHUNK_ROWS, CHUNK_CELLS // cells))
    file.create_dataset("showers", (total, cells), np.float32, chunks=(rows, cells), compression="lzf")
    file.create_dataset("incident_energies", (total, 1), np.float64)
    for name, (attribute, dtype) in INCIDENT_FIELDS.items():
        file.create_dataset(name, (total, 3) if attribute == "position" else (total,), dtype)
    if fast:
        file.create_dataset(FAST, (total,), np.float64)


def fill(file: Any, showers: Showers, rows: slice) -> None:
    """Write showers into their rows."""
    file["showers"][rows] = showers.energies
    file["incident_energies"][rows, 0] = showers.incidents.energy
    for name, (attribute, _) in INCIDENT_FIELDS.items():
        file[name][rows] = getattr(showers.incidents, attribute)
    if FAST in file:
        file[FAST][rows] = showers.fast_energy
