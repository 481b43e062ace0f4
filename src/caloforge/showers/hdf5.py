"""Showers on disk: the HDF5 schema; files are written beside and renamed, and checked before use."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.files import replacing
from caloforge.processes import undisturbed
from caloforge.showers.container import Showers
from caloforge.showers.incidents import Incidents
from caloforge.showers.seal import check_seal, seal
from caloforge.showers.stream import Stream
from caloforge.showers.structure import reason, trust, try_first
from caloforge.showers.table import Table
from caloforge.showers.values import fast_energies, whole_numbers
from caloforge.units import counted

SCHEMA = "caloforge-showers-1"
FAST = "fast_energy"
INCIDENT_FIELDS = {
    "incident_pdg": ("pdg", np.int32),
    "incident_theta": ("theta", np.float64),
    "incident_phi": ("phi", np.float64),
    "incident_position": ("position", np.float64),
    "shower_id": ("shower_id", np.int64),
}
WHOLE = ("incident_pdg", "shower_id")


class NewFile(h5py.File):  # type: ignore[misc]
    """An HDF5 file that is being written through a `Stream`."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream, "w")
        self._stream = stream

    def check(self) -> None:
        """Raise if the disk has failed, without waiting for the end.

        Raises:
            OSError: the disk is full or fails.
        """
        self._stream.check()


@contextmanager
def created(path: Path, *, sync: bool = True) -> Iterator[NewFile]:
    """Open a new HDF5 file, which appears at `path` if the block succeeds.

    The file ends in a checksum. The HDF5 library can crash on damaged metadata, so readers check it first.

    Raises:
        InputError: the folder cannot be written.
        OSError: the disk is full or fails.
    """
    with replacing(path, sync=sync) as beside, beside.open("rb+", buffering=0) as raw:
        stream = Stream(raw)
        with NewFile(stream) as file:
            yield file
        stream.check()
        seal(raw)
    trust(path)


def write(path: Path, showers: Showers, *, compression: str | None = "lzf", sync: bool = True) -> None:
    """Write showers as one file, completely or not at all; with `sync`, also if the power is cut.

    Raises:
        InputError: the folder cannot be written.
        OSError: the disk is full or fails.
    """
    with undisturbed(), created(path, sync=sync) as file:
        write_attributes(file, showers.detector, showers.provenance)
        incidents = showers.incidents
        file.create_dataset("showers", data=showers.energies.astype(np.float32, copy=False), compression=compression)
        file["incident_energies"] = incidents.energy[:, None]
        for name, (attribute, dtype) in INCIDENT_FIELDS.items():
            file[name] = getattr(incidents, attribute).astype(dtype)
        if showers.fast_energy is not None:
            file[FAST] = showers.fast_energy


def write_attributes(file: Any, detector: Detector, provenance: dict[str, Any]) -> None:
    """Write schema, quantity of the cells, detector and provenance as attributes of an open file."""
    file.attrs["schema"] = SCHEMA
    file.attrs["quantity"] = detector.quantity
    file.attrs["detector"] = detector.toml
    file.attrs["provenance"] = json.dumps(provenance)


def read(path: Path | str, detector: Detector | None = None, rows: slice = slice(None)) -> Showers:
    """Read showers, checking shapes, types, finiteness and the detector first.

    A plain file with only `showers` and `incident_energies` is read if `detector` is given. Its particle is unknown, so
    its PDG codes are 0; directions are perpendicular and entry points central.

    Raises:
        InputError: missing, truncated or foreign file, or a file of another detector.
    """
    path = Path(path)
    with opened(path) as file, naming(path):
        return table(file, path, detector).read(rows)


def table(file: Any, path: Path, detector: Detector | None = None) -> Table:
    """Showers of an open file, by rows, with the rules of `read`.

    Raises:
        InputError: as for `read`, except for the energies, which are not read yet.
    """
    _check_schema(file, path)
    found = file_detector(file, path, detector)
    _check_shapes(file, path, found)
    cells = file["showers"]
    fast = fast_energies(file[FAST][:]) if FAST in file else None
    return Table(
        found,
        _read_incidents(file),
        lambda first, last: cells[first:last],
        _read_provenance(file, path),
        fast,
        step=cells.chunks[0] if cells.chunks else 1,
        checked="schema" not in file.attrs,
    )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name in front of errors about its content.

    Raises:
        InputError: raised in the block.
    """
    try:
        yield
    except InputError as error:
        said = str(error)
        raise InputError(said if str(path) in said else f"{path}: {said}") from None


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open an HDF5 file for reading.

    Raises:
        InputError: the file is missing, not HDF5, or damaged where it is read.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    try:
        check_seal(path)
        try_first(path)
        # through Python's own file, since HDF5 needs locks, which not every file system has
        with path.open("rb", buffering=0) as raw, h5py.File(raw, "r") as file:
            yield file
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, UnicodeDecodeError, TypeError, ValueError, SystemError) as error:
        raise InputError(f"{path} is not a readable HDF5 file of showers: {reason(error)}") from None


def file_detector(file: Any, path: Path, expected: Detector | None) -> Detector:
    """The detector of an open showers file, checked against the expected one.

    Raises:
        InputError: neither file nor caller names a detector, or they differ.
    """
    text = file.attrs.get("detector")
    if text is None and expected is None:
        raise InputError(f"{path} does not say its detector; name it with --detector")
    if text is None:
        assert expected is not None
        return expected
    found = Detector.from_toml(str(text), f"detector of {path}")
    if expected is not None and expected != found:
        raise InputError(f"{path} holds showers of detector '{found.name}' ({counted(found.n_cells, 'cell')}), which "
                         f"differs from '{expected.name}' ({counted(expected.n_cells, 'cell')})")  # fmt: skip
    return found


def read_incidents(path: Path) -> Incidents:
    """The incidents of a file of showers, of any detector.

    Raises:
        InputError: missing, truncated or foreign file, or impossible incidents.
    """
    with opened(path) as file:
        _check_schema(file, path)
        energy = file.get("incident_energies")
        if not isinstance(energy, h5py.Dataset) or energy.dtype.kind not in "fiu":
            raise InputError(f"{path} has no numeric data set 'incident_energies'; it is not a file of showers")
        _check_sizes(file, path, energy.size)
        with naming(path):
            return _read_incidents(file)


def _check_schema(file: Any, path: Path) -> None:
    """Refuse files of another schema; files of other programs have none."""
    found = str(file.attrs.get("schema", SCHEMA))
    if found != SCHEMA:
        raise InputError(f"{path} has the schema '{found[:60]}', not '{SCHEMA}': it is of another version of caloforge")


def _check_shapes(file: Any, path: Path, detector: Detector) -> None:
    for name in ("showers", "incident_energies"):
        if not isinstance(file.get(name), h5py.Dataset) or file[name].dtype.kind not in "fiu":
            raise InputError(f"{path} has no numeric data set '{name}'; it is not a file of showers")
    shape = file["showers"].shape
    if len(shape) != 2 or shape[1] != detector.n_cells:
        raise InputError(f"{path}: showers have shape {shape}, {detector.name} needs (N, {detector.n_cells})")
    _check_sizes(file, path, shape[0])


def _check_sizes(file: Any, path: Path, n: int) -> None:
    for name in ("incident_energies", FAST, *INCIDENT_FIELDS):
        size = 3 if name == "incident_position" else 1
        found = file.get(name)
        fits = isinstance(found, h5py.Dataset) and found.dtype.kind in "fiu" and found.size == size * n
        if name in file and not fits:
            raise InputError(f"{path}: data set '{name}' does not fit {n} showers")


def _read_incidents(file: Any) -> Incidents:
    energy = file["incident_energies"][:].astype(np.float64).reshape(-1)
    n = len(energy)
    values: dict[str, NDArray[Any]] = {
        "pdg": np.zeros(n, np.int32),
        "theta": np.zeros(n),
        "phi": np.zeros(n),
        "position": np.zeros((n, 3)),
        "shower_id": np.arange(n),
    }
    for name, (attribute, dtype) in INCIDENT_FIELDS.items():
        if name in file:
            found = file[name][:]
            found = whole_numbers(found, np.dtype(dtype), name) if name in WHOLE else found.astype(dtype)
            values[attribute] = found.reshape(values[attribute].shape)
    return Incidents(energy=energy, **values)


def _read_provenance(file: Any, path: Path) -> dict[str, Any]:
    try:
        provenance = json.loads(str(file.attrs.get("provenance", "{}")))
    except (json.JSONDecodeError, RecursionError):
        raise InputError(f"{path}: attribute 'provenance' is not JSON") from None
    return provenance if isinstance(provenance, dict) else {}
