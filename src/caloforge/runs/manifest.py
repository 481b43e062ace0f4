"""Manifest of a run: the list of its files, which alone may be removed, and digests of its results."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import caloforge
from caloforge.errors import InputError
from caloforge.files import digest, read_text, write_text

NAME = "manifest.json"
# locks, files that are being written, and shards beside a production's output
WORKING = re.compile(r"(.*/)?\.[^/]+\.(part|lock|takeover)|(?P<output>.+)\.parts(/(order\.json|shard-[\d-]+\.h5))?")


class Manifest:
    """The file manifest.json of a run folder.

    Attributes:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def exists(self) -> bool:
        """Whether a run has begun here."""
        return (self.folder / NAME).is_file()

    def begin(self, files: Iterable[Path]) -> None:
        """List the files that a run will make, before it makes them."""
        values = self._read()
        names = {self._name(path) for path in files if path.is_relative_to(self.folder)}
        if not self.exists or not names <= set(values["made"]):
            self._write({**values, "made": sorted({*values["made"], *names, NAME})})

    def record(self, files: Iterable[Path]) -> None:
        """Record the digests of finished results."""
        values = self._read()
        found = {self._name(path): digest(path) for path in files}
        self._write({**values, "digests": {**values["digests"], **found}})

    def forget(self, files: Iterable[Path]) -> None:
        """Remove the digests of results that will be made again."""
        values, names = self._read(), {self._name(path) for path in files}
        if names & values["digests"].keys():
            kept = {name: value for name, value in values["digests"].items() if name not in names}
            self._write({**values, "digests": kept})

    def has(self, files: Iterable[Path]) -> bool:
        """Whether all files are recorded and exist, whatever their content."""
        digests = self._read()["digests"]
        return all(self._name(path) in digests and path.is_file() for path in files)

    def damaged(self, files: Iterable[Path]) -> list[Path]:
        """Recorded files that are missing or changed."""
        digests = self._read()["digests"]
        return [path for path in files if (known := digests.get(self._name(path))) and known != _digest(path)]

    def foreign(self) -> list[Path]:
        """Entries of the folder that are not in the list."""
        made = set(self._read()["made"])
        return [path for path in sorted(self.folder.rglob("*")) if not self._is_made(path, made)]

    def _is_made(self, path: Path, made: set[str]) -> bool:
        name = self._name(path)
        working = WORKING.fullmatch(name)
        if working and (working["output"] is None or working["output"] in made):
            return True
        if path.is_dir() and not path.is_symlink():  # its entries follow in the walk
            return any(known.startswith(f"{name}/") for known in made)
        return name in made

    def clear(self) -> None:
        """Remove all files of runs and keep the folder.

        Raises:
            InputError: it holds other things; nothing is removed.
        """
        self.check_own()
        for path in sorted(self.folder.rglob("*"), reverse=True):  # entries of a folder come before it
            if path != self.folder / NAME and not path.name.endswith((".lock", ".takeover")):
                _remove(path)
        (self.folder / NAME).unlink(missing_ok=True)  # last, so that --force still works after a kill

    def check_own(self) -> None:
        """Refuse a folder with files that no run has made.

        Raises:
            InputError: the folder holds other files.
        """
        if foreign := self.foreign():
            raise InputError(f"{foreign[0]} was made by no run; move it, or give another folder with --out")

    def _name(self, path: Path) -> str:
        """Name of a file in the list; a file in a folder that runs share has its path, which no list holds."""
        return (path.relative_to(self.folder) if path.is_relative_to(self.folder) else path.absolute()).as_posix()

    def _read(self) -> dict[str, Any]:
        values: Any = None
        with suppress(InputError, ValueError):  # missing or damaged: nothing is known
            values = json.loads(read_text(self.folder / NAME))
        values = values if isinstance(values, dict) else {}
        made, digests = values.get("made"), values.get("digests")
        return {
            "caloforge": caloforge.__version__,
            "made": made if isinstance(made, list) else [],
            "digests": digests if isinstance(digests, dict) else {},
        }

    def _write(self, values: dict[str, Any]) -> None:
        write_text(self.folder / NAME, json.dumps(values, indent=1))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    try:
        return digest(path)
    except OSError:
        return "unreadable"
