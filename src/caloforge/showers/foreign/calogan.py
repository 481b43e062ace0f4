"""CaloGAN's files (arXiv:1705.02355): one image per layer in MeV, incident energies in GeV."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers.container import Showers
from caloforge.showers.foreign.layout import (
    GEV,
    Layout,
    Put,
    Request,
    column,
    data_set,
    is_numeric,
    provenance_of,
    step_of,
)
from caloforge.showers.hdf5 import created
from caloforge.showers.incidents import Incidents
from caloforge.showers.table import Table

NAME = "calogan"


def fits(file: Any) -> bool:
    """Whether a file holds `layer_0` (N, n_x, n_y) and `energy`."""
    return is_numeric(file, "layer_0", 3) and is_numeric(file, "energy")


def table(file: Any, path: Path, request: Request) -> Table:
    """Showers of a file: `layer_i` (N, n_x, n_y) in MeV, `energy` (N, 1) in GeV; a note tells `overflow`.

    Raises:
        InputError: a file that does not fit the detector.
    """
    detector = request.need_detector(path, NAME)
    layers = [data_set(file, path, f"layer_{i}", layer.cells.shape) for i, layer in enumerate(detector.layers)]
    n = layers[0].shape[0]
    if any(layer.shape[0] != n for layer in layers):
        raise InputError(f"{path}: the layers hold different numbers of showers")

    def cells(first: int, last: int) -> NDArray[Any]:
        return np.concatenate([layer[first:last].reshape(last - first, -1) for layer in layers], axis=1)

    incidents = Incidents.make(request.pdg(n, detector), GEV * column(file, path, "energy", n))
    found = Table(detector, incidents, cells, provenance_of(path, "CaloGAN"), step=step_of(*layers))
    found.notes.extend(_overflow(file, path, n))
    return found


def _overflow(file: Any, path: Path, n: int) -> list[str]:
    """Sentence on the energy outside the cells; empty if the file does not tell it."""
    if not is_numeric(file, "overflow"):
        return []
    values = file["overflow"]
    if values.ndim < 1 or values.shape[0] != n:
        raise InputError(f"{path}: data set 'overflow' has shape {values.shape}, not ({n}, layers)")
    total = float(values[()].sum(dtype=np.float64))
    return [f"'overflow', {total / max(n, 1):.4g} MeV per shower outside the cells, is not part of any cell"]


@contextmanager
def writer(path: Path, detector: Detector, n: int) -> Iterator[Put]:
    """Write n showers with zero `overflow`.

    Raises:
        InputError: the folder cannot be written.
    """
    done = 0
    with created(path) as file:
        images = [
            file.create_dataset(f"layer_{i}", (n, *layer.cells.shape), np.float32, chunks=True, compression="lzf")
            for i, layer in enumerate(detector.layers)
        ]
        energy = file.create_dataset("energy", (n, 1), np.float64)
        file["overflow"] = np.zeros((n, len(images)), np.float32)

        def put(showers: Showers) -> None:
            nonlocal done
            place = slice(done, done + len(showers))
            for image, layer in zip(images, detector.layers, strict=True):
                image[place] = showers.energies[:, layer.slice].reshape(-1, *layer.cells.shape)
            energy[place, 0] = showers.incidents.energy / GEV
            file.check()
            done += len(showers)

        yield put


LAYOUT = Layout(NAME, "CaloGAN: layer_0, layer_1, ... in MeV, energy in GeV", ".h5", fits, table, writer)
