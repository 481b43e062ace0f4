"""Safe files: outputs are checked before any work, written beside and renamed; inputs are read within bounds."""

import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from caloforge.errors import InputError
from caloforge.processes import Process

MAX_NAME = 255 - len(".parts")  # bytes of a file's name; names of a production's shards are longer than its output's
MAX_PATH = 4095 - 255  # bytes of a folder's path, which must leave room for the names in it
MAX_TEXT = 4 * 2**20  # bytes of a text file that is read
SPACE = 2**16  # bytes that must be free on the disk of every output
DAY = 86_400  # [s] after which leftovers of a process on another machine count as those of a dead one
NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF}  # file systems that cannot sync a folder


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Create a file beside `path` to write to; rename it to `path` if the block succeeds, else remove it.

    Args:
        path: the file to make or replace.
        sync: wait until the content is on the disk, so that a power cut leaves the old file or the new one.

    Raises:
        InputError: the folder is missing or cannot be written, or `path` is neither absent nor a regular file.
    """
    check_regular(path)
    check_writable(path.parent)
    beside, descriptor = new_beside(path)
    os.close(descriptor)
    try:
        yield beside
        if sync:
            sync_file(beside)
        beside.replace(path)
        if sync:
            sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def new_beside(path: Path) -> tuple[Path, int]:
    """Create and open a file beside `path`, under an unpredictable name that tells which process made it.

    Raises:
        OSError: it cannot be made.
    """
    beside = path.with_name(f"{_stem(path.name)}.{Process.current().mark}.{secrets.token_hex(4)}.part")
    return beside, os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def write_text(path: Path, text: str, *, errors: str = "strict") -> None:
    """Write a text file completely or not at all; `errors` as for `open`.

    Raises:
        InputError: the folder cannot be written.
    """
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", errors=errors)


def _stem(name: str) -> str:
    """Prefix of a file's hidden names: its shortened name, and a digest that distinguishes long names."""
    return f".{os.fsencode(name)[:60].decode(errors='ignore')}-{sha256(os.fsencode(name)).hexdigest()[:8]}"


def lock_name(path: Path) -> Path:
    """Path of the lock of a folder or of a file."""
    return path / ".caloforge.lock" if path.is_dir() else path.with_name(f"{_stem(path.name)}.lock")


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, if its file system supports this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove files that dead processes left beside the file `name` of a folder, or beside all of its files."""
    begin = _stem(name) if name else "."
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.name.startswith(begin) and entry.name.endswith(".part") and _is_left(entry):
                with suppress(OSError):
                    Path(entry.path).unlink()


def _is_left(entry: os.DirEntry[str]) -> bool:
    parts = re.search(r"\.([A-Za-z0-9-]+)\.[0-9a-f]{8}\.part$", entry.name)
    writer = Process.from_mark(parts[1]) if parts else None
    if writer is None or not entry.is_file(follow_symlinks=False):
        return False
    return writer.is_dead if writer.is_near else time.time() - entry.stat(follow_symlinks=False).st_mtime > DAY


def check_writable(folder: Path) -> None:
    """Refuse a folder in which no file can be created.

    Raises:
        InputError: the folder is missing or cannot be written.
    """
    check_lengths(folder / "x")
    try:
        if not folder.is_dir():
            raise InputError(f"folder {folder} does not exist")
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InputError(f"cannot write into folder {folder}: {error.strerror}") from None


def check_creatable(folder: Path) -> None:
    """Refuse a folder that cannot be made, or in which no file can be created.

    Raises:
        InputError: the nearest folder that exists cannot be written.
    """
    check_writable(next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()))


def check_regular(path: Path) -> None:
    """Refuse to replace folders, devices, pipes and links; only regular files may be replaced.

    Raises:
        InputError: something else is at `path`.
    """
    check_lengths(path)
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise InputError(f"output {path} is a folder; give a file name")
    if stat.S_ISLNK(mode):
        raise InputError(f"output {path} is a link; give the name of the file it points to")
    if not stat.S_ISREG(mode):
        raise InputError(f"output {path} is not a regular file; give another name")


def check_output(
    path: Path, *, force: bool = False, inputs: Iterable[Path | None] = (), suffixes: tuple[str, ...] = ()
) -> None:
    """Check an output before any work, and remove files that dead processes left beside it.

    Args:
        path: the file to be written.
        force: whether it may exist.
        inputs: files that the command reads and must not replace; None and missing files are ignored.
        suffixes: allowed endings; any if empty.

    Raises:
        InputError: the output exists and is not forced, is no regular file, is an input, has a name that is too long or
            of another kind of file, or its folder is missing, full or cannot be written.
    """
    check_regular(path)
    if suffixes and path.suffix.lower() not in suffixes:
        raise InputError(f"output {path}: this command writes {suffixes[0]} files; name it {path.stem}{suffixes[0]}")
    check_no_input(path, inputs)
    if path.exists() and not force:
        raise InputError(f"output {path} exists; give another name, or --force to replace it")
    check_writable(path.parent)
    if (free := shutil.disk_usage(path.parent).free) < SPACE:
        raise InputError(f"the disk of {path} is full: {free} bytes are free")
    remove_leftovers(path.parent, path.name)


def check_no_input(path: Path, inputs: Iterable[Path | None]) -> None:
    """Refuse an output that the same command reads.

    Raises:
        InputError: `path` is one of the inputs, under whatever name.
    """
    for used in inputs:
        with suppress(OSError):
            if used is not None and path.samefile(used):
                raise InputError(f"output {path} is an input of this command; give another name")


def check_lengths(path: Path) -> None:
    """Refuse a name, or a folder's path, that is too long for file systems.

    Raises:
        InputError: the name or path is too long.
    """
    name, folder = os.fsencode(path.name), os.fsencode(path.absolute().parent)
    if len(name) > MAX_NAME:
        raise InputError(f"the name {path.name[:40]}... has {len(name)} bytes; at most {MAX_NAME} are possible")
    if len(folder) > MAX_PATH:
        raise InputError(f"the path {str(path)[:40]}... has {len(folder)} bytes; at most {MAX_PATH} are possible")
    for part in path.parts:
        if len(os.fsencode(part)) > 255:
            raise InputError(f"the name {part[:40]}... has {len(os.fsencode(part))} bytes; at most 255 are possible")


def read_bytes(path: Path, limit: int = MAX_TEXT) -> bytes:
    """Read a regular file of bounded size, without waiting for pipes or devices.

    Raises:
        InputError: there is no such file, it cannot be read, is no regular file, or has more than `limit` bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path} is a folder, device or pipe, not a regular file")
        if found.st_size > limit:
            raise InputError(f"{path} has {found.st_size} bytes; such files may have {limit >> 20} MiB")
        return b"".join(iter(lambda: os.read(descriptor, 2**22), b""))[:limit]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    finally:
        os.close(descriptor)


def read_text(path: Path, limit: int = MAX_TEXT) -> str:
    """Read a regular UTF-8 text file of bounded size; a byte order mark is dropped.

    Raises:
        InputError: there is no such file, it cannot be read, is no regular file, too large, or not UTF-8 text.
    """
    try:
        return read_bytes(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"cannot read {path}: not UTF-8 text") from None


def digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    found = sha256()
    with path.open("rb") as file:
        while block := file.read(2**22):
            found.update(block)
    return found.hexdigest()
