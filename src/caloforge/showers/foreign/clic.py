"""Files of GeantV's 3D GAN (arXiv:1912.06794): cubes of cells, incident energies in GeV, perpendicular or tilted."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.particles import PDG
from caloforge.showers.foreign.layout import GEV, Layout, Request, column, data_set, is_numeric, provenance_of, step_of
from caloforge.showers.incidents import Incidents
from caloforge.showers.table import Table

NAME = "clic"


def fits(file: Any) -> bool:
    """Whether a file holds `ECAL` (N, x, y, z) with `target` or with `energy`."""
    return is_numeric(file, "ECAL") and (is_numeric(file, "target") or is_numeric(file, "energy"))


def table(file: Any, path: Path, request: Request) -> Table:
    """Showers of a file: `ECAL` (N, x, y, z) in GeV.

    Perpendicular showers have `target` (N, 1, 5) with PDG code and energy [GeV] first. Tilted ones have `energy` (N,)
    in GeV and `theta` (N,) in rad, and usually `pdgID` (N,). `theta` is pi/2 for perpendicular showers, and less for
    showers that move towards larger y with depth.

    Raises:
        InputError: a file that does not fit the detector.
    """
    detector = request.need_detector(path, NAME)
    cells = data_set(file, path, "ECAL", _shape(detector))
    n = cells.shape[0]
    pdg, energy = _target(file, path, n) if is_numeric(file, "target") else _columns(file, path, n)
    theta = column(file, path, "theta", n) - np.pi / 2 if is_numeric(file, "theta") else np.zeros(n)
    phi = np.where(theta < 0, np.pi / 2, np.where(theta > 0, -np.pi / 2, 0))
    incidents = Incidents.make(request.pdg(n, detector, pdg), GEV * energy, theta=np.abs(theta), phi=phi)

    def read(first: int, last: int) -> NDArray[Any]:
        cube = cells[first:last].reshape(last - first, *_shape(detector))
        energies: NDArray[Any] = GEV * np.moveaxis(cube, 3, 1).reshape(last - first, -1)
        return energies

    return Table(detector, incidents, read, provenance_of(path, "CLIC 3D-GAN"), step=step_of(cells))


def _shape(detector: Detector) -> tuple[int, int, int]:
    """Cells along x, y and z.

    Raises:
        InputError: layers with different grids.
    """
    shapes = {layer.cells.shape for layer in detector.layers}
    if len(shapes) > 1:
        raise InputError(f"3D-GAN files hold one grid for all layers; {detector.name} has {len(shapes)}")
    return (*shapes.pop(), len(detector.layers))


def _target(file: Any, path: Path, n: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """PDG codes and energies [GeV] of perpendicular showers."""
    values = file["target"][()].astype(np.float64).reshape(n, -1) if n else np.zeros((0, 2))
    if values.shape[1] < 2 or not np.isin(values[:, 0], list(PDG.values())).all():
        raise InputError(f"{path}: data set 'target' does not hold PDG code and energy of each shower")
    return values[:, 0].astype(np.int32), values[:, 1]


def _columns(file: Any, path: Path, n: int) -> tuple[NDArray[np.int32] | None, NDArray[np.float64]]:
    """PDG codes, if present, and energies [GeV] of tilted showers."""
    energy = column(file, path, "energy", n)
    if not is_numeric(file, "pdgID"):
        return None, energy
    pdg = column(file, path, "pdgID", n)
    if not np.isin(pdg, list(PDG.values())).all():
        raise InputError(f"{path}: data set 'pdgID' does not hold PDG codes")
    return pdg.astype(np.int32), energy


LAYOUT = Layout(NAME, "3D GAN, straight or with angles: ECAL (N, x, y, z) in GeV", ".h5", fits, table)
