"""Files of Geant4's example Par04: one data set per energy, and LEMURS, whose incidents have their own data sets."""

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caloforge import units
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers.foreign.layout import Layout, Request, column, data_set, is_numeric, provenance_of, step_of
from caloforge.showers.incidents import Incidents
from caloforge.showers.table import Table

PAR04, LEMURS = "par04", "lemurs"
KEY = re.compile(r"(?:.*[^0-9.])?(\d+(?:\.\d+)?)[ _]?((?:k|M|G|T)?eV)?")
ANGLE = re.compile(r"angle_?(\d+(?:\.\d+)?)")


def fits_par04(file: Any) -> bool:
    """Whether a file holds only data sets (N, r, phi, z) named by energies."""
    names = list(file)
    return bool(names) and all(KEY.fullmatch(name) and is_numeric(file, name, 4) for name in names)


def fits_lemurs(file: Any) -> bool:
    """Whether a file holds `showers` (N, r, phi, z) and `incident_energy`."""
    return is_numeric(file, "showers", 4) and is_numeric(file, "incident_energy")


def key_energy(name: str) -> float:
    """Energy [MeV] from a data set's name: "64" and "energy_64" are GeV, "500MeV" has its unit."""
    found = KEY.fullmatch(name)
    assert found is not None
    return units.energy(f"{found[1]} {found[2] or 'GeV'}")


def table_par04(file: Any, path: Path, request: Request) -> Table:
    """Showers of a file: a data set (N, r, phi, z) in MeV for each energy, which names it in GeV.

    The angle is read from the name of the file, such as `angle_90`; 90 degrees is perpendicular.

    Raises:
        InputError: data sets that are not named by energies, or do not fit the detector.
    """
    names = [name for name in file if isinstance(file[name], h5py.Dataset)]
    wrong = next((name for name in names if not KEY.fullmatch(name) or key_energy(name) <= 0), None)
    if wrong is not None or not names:
        raise InputError(f"{path}: data set '{wrong}' is not named by an energy in GeV, as Par04's are")
    names.sort(key=key_energy)
    detector = request.need_detector(path, PAR04)
    sets = [data_set(file, path, name, _shape(detector)) for name in names]
    numbers = [one.shape[0] for one in sets]
    energy = np.repeat([key_energy(name) for name in names], numbers)
    begins = np.concatenate([[0], np.cumsum(numbers)]).tolist()

    def read(first: int, last: int) -> NDArray[Any]:
        parts = [
            one[max(first - begin, 0) : last - begin]
            for one, begin, end in zip(sets, begins[:-1], begins[1:], strict=True)
            if begin < last and end > first
        ]
        return np.concatenate([_flat(part, detector) for part in parts])

    angle = ANGLE.search(path.name)
    theta = np.deg2rad(abs(90.0 - float(angle[1]))) if angle else 0.0
    incidents = Incidents.make(request.pdg(len(energy), detector), energy, theta=theta)
    found = Table(detector, incidents, read, provenance_of(path, "Par04"), step=1 if len(sets) > 1 else step_of(*sets))
    if angle is None:
        found.notes.append("no angle in the name of the file: taken as perpendicular")
    return found


def table_lemurs(file: Any, path: Path, request: Request) -> Table:
    """Showers of a file: `showers` (N, r, phi, z) and `incident_energy` (N,) in MeV, angles in rad, if present.

    Raises:
        InputError: a file that does not fit the detector.
    """
    detector = request.need_detector(path, LEMURS)
    cells = data_set(file, path, "showers", _shape(detector))
    n = cells.shape[0]
    angles = {
        name: column(file, path, f"incident_{name}", n) if is_numeric(file, f"incident_{name}") else np.zeros(n)
        for name in ("theta", "phi")
    }
    incidents = Incidents.make(request.pdg(n, detector), column(file, path, "incident_energy", n), **angles)
    return Table(detector, incidents, lambda first, last: _flat(cells[first:last], detector),
                 provenance_of(path, "LEMURS"), step=step_of(cells))  # fmt: skip


def _shape(detector: Detector) -> tuple[int, int, int]:
    """Cells along r, phi and z.

    Raises:
        InputError: layers with different grids, or grids that are not rings.
    """
    shapes = {layer.cells.shape for layer in detector.layers if layer.cells.kind == "cylindrical"}
    if len(shapes) != 1 or any(layer.cells.kind != "cylindrical" for layer in detector.layers):
        raise InputError(f"Par04 files hold one grid of rings for all layers; {detector.name} has others")
    n_phi, n_r = shapes.pop()
    return n_r, n_phi, len(detector.layers)


def _flat(cells: NDArray[Any], detector: Detector) -> NDArray[Any]:
    """Cells in our order, z, phi, r, of a block (n, r, phi, z)."""
    n = len(cells)
    return cells.reshape(n, *_shape(detector)).transpose(0, 3, 2, 1).reshape(n, -1)


LAYOUTS = (
    Layout(LEMURS, "LEMURS: showers (N, r, phi, z), incident_energy, _theta, _phi", ".h5", fits_lemurs, table_lemurs),
    Layout(PAR04, "Geant4's example Par04: a data set (N, r, phi, z) per energy", ".h5", fits_par04, table_par04),
)
