"""Shards: a production's unfinished part on disk, one file per fixed block of showers, each whole or absent."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.showers import Showers, read
from caloforge.showers.hdf5 import FAST, INCIDENT_FIELDS, check_writable, opened, replacing, write, write_attributes

SHARD_SIZE = 20


@dataclass(frozen=True)
class Shard:
    """Rows first .. first + n - 1 of a production's source."""

    first: int
    n: int

    def __str__(self) -> str:
        return f"showers {self.first} to {self.first + self.n - 1}"


def split(first: int, n: int, size: int = SHARD_SIZE) -> list[Shard]:
    """Cut showers first .. first + n - 1 into shards of at most `size`."""
    return [Shard(start, min(size, first + n - start)) for start in range(first, first + n, size)]


class ShardFolder:
    """The folder FILE.h5.parts beside the output.

    Attributes:
        path: the folder.
        order: what the shards are showers of: detector, simulator, incidents, seed; JSON values.
    """

    def __init__(self, output: Path, order: dict[str, Any]) -> None:
        self.path = output.with_name(f"{output.name}.parts")
        self.order = json.loads(json.dumps(order))

    def open(self, *, resume: bool, force: bool) -> None:
        """Make the folder, or take up an existing one.

        Raises:
            InputError: an unfinished production is there and neither `resume` nor `force` is given, it is of another
                order, or the folder cannot be written.
        """
        check_writable(self.path.parent)
        if self.path.exists() and force:
            shutil.rmtree(self.path)
        if self.path.exists():
            self._check_same_order(resume)
            check_writable(self.path)
            return
        self.path.mkdir()
        with replacing(self.path / "order.json") as beside:
            beside.write_text(json.dumps(self.order, indent=1), encoding="utf-8")

    def _check_same_order(self, resume: bool) -> None:
        if not resume:
            raise InputError(f"{self.path} holds an unfinished production; use --resume to go on or --force to restart")
        try:
            found = json.loads((self.path / "order.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InputError(f"{self.path} has no readable order.json; use --force to restart") from None
        for key, value in self.order.items():
            if not isinstance(found, dict) or found.get(key) != value:
                raise InputError(f"{self.path} was begun with another {key}; use --force to restart")

    def file(self, shard: Shard) -> Path:
        """The shard's file."""
        return self.path / f"shard-{shard.first:09d}-{shard.n}.h5"

    def save(self, shard: Shard, showers: Showers) -> None:
        """Write a finished shard, whole."""
        write(self.file(shard), showers)

    def is_finished(self, shard: Shard, wanted: NDArray[np.int64]) -> bool:
        """Whether the shard's file is there and holds the wanted ids; a bad one is removed so that it is made again."""
        file = self.file(shard)
        if not file.exists():
            return False
        try:
            ids = read(file).incidents.shower_id
        except InputError:
            ids = np.empty(0, np.int64)
        if np.array_equal(ids, wanted):
            return True
        file.unlink()
        return False

    def remove(self, *, only_empty: bool = False) -> None:
        """Remove the folder; with `only_empty`, only if it holds no shard."""
        if not only_empty or not any(self.path.glob("shard-*.h5")):
            shutil.rmtree(self.path, ignore_errors=True)


def merge(folder: ShardFolder, shards: Sequence[Shard], output: Path, provenance: dict[str, Any]) -> None:
    """Join finished shards into one file of showers, one shard in memory at a time."""
    total = sum(shard.n for shard in shards)
    with replacing(output) as beside, h5py.File(beside, "w") as file:
        begin = 0
        for shard in shards:
            showers = read(folder.file(shard))
            if not begin:
                _create(file, showers, total, {**showers.provenance, **provenance})
            _append(file, showers, slice(begin, begin + shard.n))
            begin += shard.n


def _create(file: Any, first: Showers, total: int, provenance: dict[str, Any]) -> None:
    write_attributes(file, first.detector, provenance)
    cells = first.detector.n_cells
    file.create_dataset("showers", (total, cells), np.float32, chunks=(min(total, 64), cells), compression="lzf")
    file.create_dataset("incident_energies", (total, 1), np.float64)
    for name, (attribute, dtype) in INCIDENT_FIELDS.items():
        shape = getattr(first.incidents, attribute).shape[1:]
        file.create_dataset(name, (total, *shape), dtype)
    if first.fast_energy is not None:
        file.create_dataset(FAST, (total,), np.float64)


def _append(file: Any, showers: Showers, rows: slice) -> None:
    file["showers"][rows] = showers.energies
    file["incident_energies"][rows, 0] = showers.incidents.energy
    for name, (attribute, _) in INCIDENT_FIELDS.items():
        file[name][rows] = getattr(showers.incidents, attribute)
    if FAST in file:
        file[FAST][rows] = showers.fast_energy


def same_order(output: Path, order: dict[str, Any], wanted: NDArray[np.int64]) -> bool:
    """Whether a finished output was made by this order and holds just the wanted ids."""
    with opened(output) as file:
        provenance = json.loads(str(file.attrs.get("provenance", "{}")))
        ids = file["shower_id"][:]
    return bool(provenance.get("order") == json.loads(json.dumps(order)) and np.array_equal(ids, wanted))
