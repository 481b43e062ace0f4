"""The cache of computed tables, whose digests are checked before Geant4 reads them."""

import json
import os
import shutil
import stat
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from caloforge.errors import InputError
from caloforge.files import DAY, digest, read_text, write_text
from caloforge.simulators.geant4.tables import formats

DIGESTS = "digests.json"
HINT = "name another cache folder in CALOFORGE_CACHE"
_whole: set[Path] = set()  # folders of tables that this process has found undamaged


def ensure() -> dict[str, Path]:
    """Folders of the computed tables, by the environment variable through which Geant4 finds them.

    Tables are computed on first use, and again if their content does not match their digests.

    Raises:
        InputError: xraydb is not installed, or the cache cannot be read or written.
    """
    folder = tables_folder()
    try:
        if not folder.is_dir():
            _make(folder)
        elif folder not in _whole:
            _mend(folder)
    except ImportError:
        raise InputError("Geant4's tables need xraydb: pip install caloforge[geant4]") from None
    except OSError as error:
        raise InputError(f"cannot use Geant4's tables in {folder}: {error.strerror}; {HINT}") from None
    _whole.add(folder)
    return {variable: folder / name for variable, name in formats.FOLDERS.items()}


def tables_folder() -> Path:
    """Present or future folder of the computed tables."""
    return cache_folder() / f"geant4-tables-{version()}"


def version() -> str:
    """Version of the computed tables (without that of xraydb), which showers name in their provenance."""
    return formats.VERSION


def cache_folder() -> Path:
    """The cache folder: $CALOFORGE_CACHE, or caloforge in $XDG_CACHE_HOME or ~/.cache.

    Users without a home folder have it among the temporary files.

    Raises:
        InputError: there is no home folder, and the folder among the temporary files belongs to another user.
    """
    if own := os.environ.get("CALOFORGE_CACHE"):
        return Path(own).absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "caloforge"
    try:
        return Path.home() / ".cache" / "caloforge"
    except RuntimeError:  # the user of a container, who may have no entry in the list of users
        return _homeless()


@cache
def _homeless() -> Path:
    folder = Path(tempfile.gettempdir()).absolute() / f"caloforge-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise InputError(f"there is no home folder, and no cache in {folder}: {error.strerror}; {HINT}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise InputError(f"there is no home folder, and {folder} does not belong to this user alone; {HINT}")
    _say(f"there is no home folder; Geant4's tables are kept in {folder} ({HINT})")
    return folder


def _make(folder: Path) -> None:
    """Write the tables into a folder beside and rename it; if several processes do so at once, one folder remains."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = _compute(folder)
    try:
        work.chmod(0o755)
        work.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _mend(folder: Path) -> None:
    """Replace damaged files, one at a time, since other processes may be reading the other files."""
    damaged = _damaged(folder)
    if not damaged:
        return
    _say(f"Geant4's tables in {folder} are damaged ({damaged[0]}{', ...' if damaged[1:] else ''}) and computed again")
    work = _compute(folder)
    try:
        for name, expected in _digests(work).items():
            if _digest(folder / name) != expected:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (work / name).replace(folder / name)
        (work / DIGESTS).replace(folder / DIGESTS)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compute(folder: Path) -> Path:
    """Compute all tables in a new folder beside another."""
    for left in folder.parent.glob(f"{folder.name}?*"):
        if time.time() - left.stat().st_mtime > DAY:  # left by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    try:
        formats.write(work)
        write_text(work / DIGESTS, json.dumps(_digests(work), indent=0))
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return work


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != DIGESTS)
    return {str(path.relative_to(folder)): digest(path) for path in files}


def _damaged(folder: Path) -> list[str]:
    """Names of tables that are missing or differ from their digests, or of the list of digests if it is damaged."""
    expected = None
    with suppress(InputError, ValueError):
        expected = json.loads(read_text(folder / DIGESTS))
    if not isinstance(expected, dict) or not expected:
        return [DIGESTS]
    return [name for name, value in expected.items() if _digest(folder / name) != value]


def _digest(path: Path) -> str | None:
    try:
        return digest(path)
    except FileNotFoundError:
        return None


def _say(text: str) -> None:
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201
