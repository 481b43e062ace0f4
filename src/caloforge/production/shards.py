"""Shards: the unfinished production on disk, one file per fixed block of showers, each whole or absent."""

import errno
import json
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.files import check_writable, read_text, remove_leftovers, write_text
from caloforge.showers import Showers, physics, read
from caloforge.showers.hdf5 import (
    created,
    opened,
    write,
    write_attributes,
)
from caloforge.showers.resizable import create_sets, fill

SHARD_SIZE = 20
ANEW = "a new one takes another output, or --force, which deletes the finished shards"
MADE = re.compile(r"order\.json|shard-\d{9,}-\d+\.h5|\..+\.part")
MARGIN = 2**18  # [bytes] of a file beside its energies: incidents, detector, provenance and HDF5's structure


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
        order: detector, simulator, incidents and seed of the showers; JSON values.
    """

    def __init__(self, output: Path, order: dict[str, Any]) -> None:
        self.path = output.with_name(f"{output.name}.parts")
        self.order = json.loads(json.dumps(order))
        self.order_digest = sha256(json.dumps(self.order, sort_keys=True).encode()).hexdigest()
        self._physics: dict[str, Any] = {}
        self._code: str | None = None

    @property
    def is_begun(self) -> bool:
        """Whether the folder holds an unfinished production of this order."""
        return self.path.exists() and not self._difference()

    def open(self, *, resume: bool, force: bool) -> None:
        """Make the folder, or continue in an existing one.

        Raises:
            InputError: an unfinished production is there and neither `resume` nor `force` is given, it is of another
                order, or the folder cannot be written.
            OSError: the disk is full.
        """
        check_writable(self.path.parent)
        if self.path.exists() and force:
            self._clear()
        if self.path.exists() and not self._is_empty:
            self._check_same_order(resume)
            check_writable(self.path)
            remove_leftovers(self.path)
            return
        _check_space(self.path.parent, MARGIN)
        self.path.mkdir(exist_ok=True)
        remove_leftovers(self.path)
        write_text(self.path / "order.json", json.dumps(self.order, indent=1))

    @property
    def _is_empty(self) -> bool:
        """Whether a production was killed before it wrote its order."""
        return self.path.is_dir() and all(entry.suffix == ".part" for entry in self.path.iterdir())

    def _check_same_order(self, resume: bool) -> None:
        if not resume:
            raise InputError(f"{self.path} holds an unfinished production; --resume continues it, and {ANEW}")
        if difference := self._difference():
            raise InputError(f"{self.path} {difference}; {ANEW}")

    def _difference(self) -> str:
        """Difference of the folder's order from this one, if any."""
        try:
            found = json.loads(read_text(self.path / "order.json"))
        except (OSError, ValueError):
            return "has no readable order.json"
        for key, value in self.order.items():
            if not isinstance(found, dict) or found.get(key) != value:
                return f"was begun with another {key}"
        return ""

    def check_made(self, provenance: dict[str, Any]) -> None:
        """Refuse showers of other code or physics than the earlier ones, since one file has one of each.

        Raises:
            InputError: another version of caloforge or Geant4, other settings or tables.
        """
        code = str(provenance.get("code", "of another version"))
        self._code = self._code or code
        if code != self._code:
            raise InputError(f"{self.path} was begun with caloforge {self._code}, and {code} would continue; "
                             f"continue with the former; {ANEW}")  # fmt: skip
        for name, value in physics.settings(provenance).items():
            known = self._physics.setdefault(name, value)
            if value != known:
                raise InputError(f"{self.path} was begun with other physics: {name} was {known}, is {value} "
                                 f"now; continue with the former; {ANEW}")  # fmt: skip

    def file(self, shard: Shard) -> Path:
        """The shard's file."""
        return self.path / f"shard-{shard.first:09d}-{shard.n}.h5"

    def save(self, shard: Shard, showers: Showers) -> None:
        """Write a finished shard completely or not at all.

        Raises:
            InputError: it is of other physics than those before.
            OSError: the disk is full or fails.
        """
        self.check_made(showers.provenance)
        _check_space(self.path, showers.energies.nbytes + MARGIN)
        showers = replace(showers, provenance={**showers.provenance, "order": self.order_digest})
        write(self.file(shard), showers, sync=False)  # no sync: a shard that a power cut damages is made again

    def is_finished(self, shard: Shard, ids: NDArray[np.int64]) -> bool:
        """Whether the shard's file holds the showers of these ids; a bad file is removed, so that it is made again.

        Raises:
            InputError: it is of other physics than those before.
        """
        file = self.file(shard)
        if not file.exists():
            return False
        try:
            showers = read(file)
        except InputError:
            showers = None
        if showers is None or not self._is_ordered(showers) or not np.array_equal(showers.incidents.shower_id, ids):
            file.unlink()
            return False
        self.check_made(showers.provenance)
        return True

    def load(self, shard: Shard) -> Showers:
        """Read a finished shard.

        Raises:
            InputError: it has been damaged, or it is of another order or code.
        """
        showers = read(self.file(shard))
        if not self._is_ordered(showers):
            raise InputError(f"{self.file(shard)} holds showers of another order; --resume makes them again")
        self.check_made(showers.provenance)
        return showers

    def _is_ordered(self, showers: Showers) -> bool:
        return bool(showers.provenance.get("order") == self.order_digest)

    def remove(self, *, only_empty: bool = False) -> None:
        """Remove the folder; with `only_empty`, only if it holds no shard."""
        if not only_empty or not any(self.path.glob("shard-*.h5")):
            with suppress(OSError, InputError):
                self._clear()

    def _clear(self) -> None:
        """Remove the folder with all files of productions.

        Raises:
            InputError: it holds other things.
        """
        found = sorted(self.path.iterdir()) if self.path.is_dir() and not self.path.is_symlink() else [self.path]
        for entry in found:
            if entry.is_dir() or not MADE.fullmatch(entry.name):
                raise InputError(f"{entry} is nothing that a production has made; move it, or give another output")
        for entry in found:
            entry.unlink(missing_ok=True)
        self.path.rmdir()


def _check_space(folder: Path, size: int) -> None:
    """Refuse to begin a file that does not fit on the disk, since HDF5 may crash Python when space runs out.

    Raises:
        OSError: the disk is full.
    """
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}, {size / 2**20:.2f} MiB are needed and "
                                    f"{free / 2**20:.2f} MiB free")  # fmt: skip


def merge(folder: ShardFolder, shards: Sequence[Shard], output: Path, provenance: dict[str, Any]) -> None:
    """Join finished shards into one file of showers, one shard in memory at a time.

    Raises:
        OSError: the disk is full or fails.
    """
    total = sum(shard.n for shard in shards)
    _check_space(output.parent, sum(folder.file(shard).stat().st_size for shard in shards) + MARGIN)
    with created(output) as file:
        begin, made, entries = 0, dict[str, Any](), list[dict[str, Any]]()
        for shard in shards:
            showers = folder.load(shard)
            made = made or showers.provenance
            entries = physics.joined(entries, physics.own(showers.provenance))
            if not begin:
                create_sets(file, showers.detector, total, fast=showers.fast_energy is not None)
            fill(file, showers, slice(begin, begin + shard.n))
            begin += shard.n
            file.check()
        tracked = {physics.KEY: entries} if entries else {}
        write_attributes(file, showers.detector, {**made, **tracked, **provenance})


def same_order(output: Path, order: dict[str, Any], expected: NDArray[np.int64]) -> bool:
    """Whether a finished output was made by this order and holds exactly the expected ids."""
    with opened(output) as file:
        provenance = json.loads(str(file.attrs.get("provenance", "{}")))
        ids = file["shower_id"][:]
    return bool(provenance.get("order") == json.loads(json.dumps(order)) and np.array_equal(ids, expected))
