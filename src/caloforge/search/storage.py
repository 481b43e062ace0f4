"""Where a study is kept: a journal file, which needs no server, an SQLite file, or a database by its URL."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from caloforge.errors import InputError
from caloforge.files import check_regular, check_writable

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "study.journal"
SQLITE = (".db", ".sqlite", ".sqlite3")
WAIT = 60  # [s] for another process that writes into an SQLite file
HEAD = 4096  # bytes at the start of a file that show whether it is a journal


def storage_name(storage: str | None, folder: Path) -> str:
    """Name of a storage without its password; it is the same for every process of a search.

    Args:
        storage: file or URL; None for the journal in the folder of the search.
        folder: folder of the search.
    """
    if storage is None:
        return JOURNAL
    if "://" not in storage:
        path = Path(storage).absolute()
        return JOURNAL if path == (folder / JOURNAL).absolute() else str(path)
    start, _, place = storage.rpartition("@")
    return f"{start.partition('://')[0]}://...@{place}" if start else storage


def open_storage(storage: str | None, folder: Path) -> "BaseStorage":
    """Open a storage, and create it if there is none.

    Args:
        storage: file or URL; None for the journal in the folder of the search.
        folder: folder of the search.

    Raises:
        InputError: a file that is no storage, a folder that cannot be written, or a database that does not answer.
    """
    if storage is not None and "://" in storage:
        return _database(storage, storage_name(storage, folder))
    path = (folder / JOURNAL if storage is None else Path(storage)).absolute()
    check_regular(path)
    check_writable(path.parent)
    if path.suffix.lower() in SQLITE:
        return _database(f"sqlite:///{path}", str(path))
    return _journal(path)


def _database(url: str, name: str) -> "BaseStorage":
    from optuna.storages import RDBStorage

    options = {"connect_args": {"timeout": WAIT}} if url.startswith("sqlite") else {}
    try:
        with quiet():
            return RDBStorage(url, engine_kwargs=options)
    except Exception as error:  # of SQLAlchemy, a driver, or Optuna's own check of versions
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        if "@" in url:  # messages of drivers may repeat a URL with its password
            reason = type(error).__name__
        raise InputError(f"cannot open the storage {name}: {reason}") from None


def _journal(path: Path) -> "BaseStorage":
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if path.exists():
        _check_journal(path)
        _mend(path)
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} is no journal of Optuna, or a damaged one; give another --storage") from None


def _check_journal(path: Path) -> None:
    with path.open("rb") as file:
        first = file.read(HEAD).partition(b"\n")[0]
    with suppress(ValueError):
        if not first or "op_code" in json.loads(first):
            return
    raise InputError(f"{path} is no journal of Optuna; give another --storage")


def _mend(path: Path) -> None:
    """Cut an unfinished last line, which a power cut may leave; the lock waits for others that write."""
    from optuna.storages.journal import JournalFileOpenLock

    with path.open("rb") as file:
        file.seek(-1, 2) if path.stat().st_size else None
        whole = file.read(1) in (b"", b"\n")
    if whole:
        return
    lock = JournalFileOpenLock(str(path))
    lock.acquire()
    try:
        with path.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
    finally:
        lock.release()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Optuna's log, and its warnings of functions that it calls experimental."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
