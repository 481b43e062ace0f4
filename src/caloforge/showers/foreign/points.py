"""Point clouds: hits of x, y, z and energy, as CaloClouds and AllShowers use them."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers.container import Showers
from caloforge.showers.foreign.layout import GEV, Layout, Put, Request, column, data_set, is_numeric, provenance_of
from caloforge.showers.hdf5 import created
from caloforge.showers.incidents import Incidents
from caloforge.showers.table import Table
from caloforge.showers.values import whole_numbers

NAME = "points"
Floats = NDArray[np.float64]
CLOUDS = ("events", "showers", "points")  # data sets of hits
ENERGIES = ("energy", "energies", "incident_energies")
VALUES = (4, 5)  # x, y, z, energy and, perhaps, time
ROWS = 64  # most showers whose hits are in memory,
BLOCK = 2**22  # and most numbers of their hits
MOST = 2**27  # most numbers of a few showers of varying length
LOST = 0.05  # share of the energy outside all cells above which the detector must be another one


def fits(file: Any) -> bool:
    """Whether a file holds a data set of hits and one of energies."""
    return _cloud(file) is not None and any(is_numeric(file, name) for name in ENERGIES)


def _cloud(file: Any) -> str | None:
    """Name of the data set of hits: (N, hits, 4 or 5), (N, 4, hits), or N rows of varying length beside a `shape`."""
    for name in CLOUDS:
        if is_numeric(file, name, 3) and {*file[name].shape[1:]} & {*VALUES}:
            return name
        if _varies(file, name) and is_numeric(file, "shape"):
            return name
    return None


def _varies(file: Any, name: str) -> bool:
    found = file.get(name)
    return isinstance(found, h5py.Dataset) and h5py.check_vlen_dtype(found.dtype) == np.float32 and found.ndim == 1


def table(file: Any, path: Path, request: Request) -> Table:
    """Showers of a file, whose hits are put into cells.

    Hits are x, y [mm], z [mm from the face; layer numbers if all are whole], energy [MeV] and, optionally, time. The
    incident energy is in GeV. Particles and directions (unit vectors) are read if the file has them. A note tells the
    energy outside all cells.

    Raises:
        InputError: no hits, hits of another detector, or incidents that do not fit them.
    """
    detector, name = request.need_detector(path, NAME), _cloud(file)
    if name is None or detector.readout.frame == "window":
        raise InputError(f"{path} holds no hits (N, hits, 4 or 5) for cells of {detector.name}")
    n, hits = file[name].shape[0], _reader(file, path, name)
    energy = next((column(file, path, one, n) for one in ENERGIES if is_numeric(file, one)), None)
    if energy is None:
        raise InputError(f"{path} has no incident energies; known names: {', '.join(ENERGIES)}")
    pdg = whole_numbers(column(file, path, "pdg", n), np.dtype(np.int32), "pdg") if is_numeric(file, "pdg") else None
    theta, phi = _angles(file, path, n)
    incidents = Incidents.make(request.pdg(n, detector, pdg), GEV * energy, theta=theta, phi=phi)
    by_layer = _by_layer(hits(0, min(n, 20)), detector)
    deposits = Deposits(detector, path, by_layer=by_layer)
    together = min(ROWS, max(1, BLOCK // math.prod(file[name].shape[1:])))

    def cells(first: int, last: int) -> Floats:
        values = np.zeros((last - first, detector.n_cells))
        for begin in range(first, last, together):
            row, hit = hits(begin, min(begin + together, last))
            deposits.add(values, row + begin - first, hit)
        return values

    return Table(detector, incidents, cells, provenance_of(path, "point clouds"), notes=deposits.notes)


class Deposits:
    """Put hits into cells.

    Attributes:
        notes: meaning of z, and the energy outside all cells so far.
    """

    def __init__(self, detector: Detector, path: Path, *, by_layer: bool) -> None:
        self.notes = ["z is the number of the layer" if by_layer else "z is the depth in mm"]
        self._detector, self._path, self._by_layer, self._lost = detector, path, by_layer, 0.0

    def add(self, values: Floats, row: NDArray[np.int64], hits: Floats) -> None:
        """Add hits (n, 4 or 5) to the cells of their rows (n,) of `values` (N, n_cells) [MeV].

        Raises:
            InputError: more than a twentieth of the energy lies outside all cells.
        """
        cell = _locate(self._detector, hits, self._by_layer)
        inside = cell >= 0
        np.add.at(values, (row[inside], cell[inside]), hits[inside, 3])
        outside, total = float(hits[~inside, 3].sum()), float(hits[:, 3].sum())
        if outside > LOST * total:
            raise InputError(f"{self._path}: {outside / total:.0%} of the energy lies outside the cells of "
                             f"{self._detector.name}; is it another detector, or another unit?")  # fmt: skip
        self._lost += outside
        if self._lost:
            self.notes[1:] = [f"{self._lost:.4g} MeV lay outside all cells"]


Hits = Callable[[int, int], tuple[NDArray[np.int64], Floats]]


def _reader(file: Any, path: Path, name: str) -> Hits:
    """Rows and hits (n, 4 or 5) of a range of showers; padding has no energy."""
    found = file[name]
    if found.ndim == 1:
        width = int(data_set(file, path, "shape")[()].reshape(-1)[-1])
        if width not in VALUES:
            raise InputError(f"{path}: hits have {width} numbers, not 4 or 5")
        return lambda first, last: _ragged(_rows(found, first, last, path), width, path)
    transposed = found.shape[2] not in VALUES

    def dense(first: int, last: int) -> tuple[NDArray[np.int64], Floats]:
        block = found[first:last].astype(np.float64)
        block = block.transpose(0, 2, 1) if transposed else block
        row, hit = np.nonzero(block[:, :, 3])
        return row, block[row, hit]

    return dense


def _rows(found: Any, first: int, last: int, path: Path) -> list[NDArray[np.float32]]:
    """Read rows of varying length one by one, since a few bytes of a file may refer to large ones."""
    rows, left = [], MOST
    for number in range(first, last):
        rows.append(np.asarray(found[number], np.float32))
        left -= rows[-1].size
        if left < 0:
            raise InputError(f"{path}: showers {first} to {number} hold over {MOST} numbers")
    return rows


def _ragged(rows: Any, width: int, path: Path) -> tuple[NDArray[np.int64], Floats]:
    sizes = [len(row) for row in rows]
    if any(size % width for size in sizes):
        raise InputError(f"{path}: a shower has {next(s for s in sizes if s % width)} numbers, not {width} per hit")
    flat = np.concatenate([np.zeros(0, np.float32), *rows]).astype(np.float64).reshape(-1, width)
    row = np.repeat(np.arange(len(sizes)), [size // width for size in sizes])
    kept = flat[:, 3] != 0
    return row[kept], flat[kept]


def _angles(file: Any, path: Path, n: int) -> tuple[Floats, Floats]:
    """Angles theta and phi [rad] of `directions` (N, 3); zero if the file has none."""
    if not is_numeric(file, "directions"):
        return np.zeros(n), np.zeros(n)
    x, y, z = data_set(file, path, "directions", (3,))[()].astype(np.float64).reshape(-1, 3).T
    if len(x) != n:
        raise InputError(f"{path}: data set 'directions' does not fit {n} showers")
    return np.arctan2(np.hypot(x, y), z), np.arctan2(y, x)


def _by_layer(found: tuple[NDArray[np.int64], Floats], detector: Detector) -> bool:
    z = found[1][:, 2]
    return bool(z.size and (z == np.rint(z)).all() and z.min() >= 0 and z.max() < len(detector.layers))


def _locate(detector: Detector, hits: Floats, by_layer: bool) -> NDArray[np.int64]:
    """Cell (n,) that each hit lies in; -1 outside all cells."""
    if not by_layer:
        return detector.locate(hits[:, :3])
    cell = np.full(len(hits), -1, np.int64)
    for index, layer in enumerate(detector.layers):
        rows = np.flatnonzero(hits[:, 2] == index)
        place = layer.cells.locate(hits[rows, 0], hits[rows, 1])
        cell[rows] = np.where(place >= 0, layer.start + place, -1)
    return cell


def inner_points(detector: Detector) -> Floats:
    """A point (n_cells, 3) [mm] inside each cell: its centre, or for a ring a point at its radius."""
    points = detector.cell_centres.copy()
    away = detector.locate(points) != np.arange(detector.n_cells)
    radii = np.concatenate([layer.cells.radii for layer in detector.layers])
    points[away, :2] = np.column_stack([radii[away], np.zeros(away.sum())])
    return points


@contextmanager
def writer(path: Path, detector: Detector, n: int) -> Iterator[Put]:
    """Write n showers as `events` (N, hits, 4) of x, y, z [mm], energy [MeV]; `energy` (N, 1) [GeV], pdg, directions.

    Raises:
        InputError: the folder cannot be written, or cells follow the particle.
    """
    if detector.readout.frame == "window":
        raise InputError(f"cells of {detector.name} move with the particle; they are not written as points")
    points, done = inner_points(detector).astype(np.float32), 0
    with created(path) as file:
        events = file.create_dataset("events", (n, 1, 4), np.float32, maxshape=(n, None, 4), chunks=(1, 1024, 4),
                                     compression="lzf")  # fmt: skip
        energy = file.create_dataset("energy", (n, 1), np.float64)
        pdg = file.create_dataset("pdg", (n,), np.int32)
        directions = file.create_dataset("directions", (n, 3), np.float64)

        def put(showers: Showers) -> None:
            nonlocal done
            row, cell = np.nonzero(showers.energies)
            hit = np.arange(len(row)) - np.searchsorted(row, row)
            place = slice(done, done + len(showers))
            block = np.zeros((len(showers), max(events.shape[1], int(hit.max(initial=0)) + 1), 4), np.float32)
            block[row, hit, :3], block[row, hit, 3] = points[cell], showers.energies[row, cell]
            events.resize(block.shape[1], axis=1)
            events[place] = block
            energy[place, 0], pdg[place] = showers.incidents.energy / GEV, showers.incidents.pdg
            directions[place] = showers.incidents.direction
            file.check()
            done += len(showers)

        yield put


LAYOUT = Layout(NAME, "point clouds: hits (N, hits, 4 or 5) of x, y, z, energy in MeV, energies in GeV", ".h5", fits,
                table, writer)  # fmt: skip
