"""CaloChallenge's files (arXiv:2410.21611): energies in MeV over the sampling fraction, cells as in the binning XML."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.showers.container import Showers
from caloforge.showers.foreign.layout import Layout, Put, Request, column, data_set, is_numeric, provenance_of, step_of
from caloforge.showers.hdf5 import created
from caloforge.showers.incidents import Incidents
from caloforge.showers.table import Table

NAME = "calochallenge"


def fits(file: Any) -> bool:
    """Whether a file holds `showers` (N, n_cells) and `incident_energies` (N, 1), without a detector."""
    plain = is_numeric(file, "showers", 2) and is_numeric(file, "incident_energies")
    return plain and "detector" not in file.attrs and "schema" not in file.attrs


def table(file: Any, path: Path, request: Request) -> Table:
    """Showers of a file: `showers` (N, n_cells) = E / sampling_fraction and `incident_energies` (N, 1), MeV.

    Raises:
        InputError: a file that does not fit the detector.
    """
    detector = request.need_detector(path, NAME)
    cells = data_set(file, path, "showers", (detector.n_cells,))
    n, fraction = cells.shape[0], detector.readout.sampling_fraction
    energy = column(file, path, "incident_energies", n)
    incidents = Incidents.make(request.pdg(n, detector), energy)
    return Table(
        detector, incidents, lambda first, last: cells[first:last].reshape(last - first, -1) * fraction,
        provenance_of(path, "CaloChallenge"), step=step_of(cells),
    )  # fmt: skip


@contextmanager
def writer(path: Path, detector: Detector, n: int) -> Iterator[Put]:
    """Write n showers as float64, raw energies over the detector's sampling fraction.

    Raises:
        InputError: the folder cannot be written.
    """
    fraction, done = detector.readout.sampling_fraction, 0
    rows = max(1, min(n, 64, 2**17 // detector.n_cells))
    with created(path) as file:
        cells = file.create_dataset("showers", (n, detector.n_cells), np.float64, chunks=(rows, detector.n_cells),
                                    compression="gzip", compression_opts=1, shuffle=True)  # fmt: skip
        energy = file.create_dataset("incident_energies", (n, 1), np.float64)

        def put(showers: Showers) -> None:
            nonlocal done
            place = slice(done, done + len(showers))
            cells[place] = showers.energies.astype(np.float64) / fraction
            energy[place, 0] = showers.incidents.energy
            file.check()
            done += len(showers)

        yield put


LAYOUT = Layout(NAME, "CaloChallenge 1 to 3: showers / sampling fraction, incident_energies", ".hdf5", fits, table,
                writer)  # fmt: skip
