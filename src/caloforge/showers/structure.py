"""Check the structure of an HDF5 file of showers before reading it."""

import math
from pathlib import Path
from typing import Any

import h5py

from caloforge.errors import InputError
from caloforge.limits import MAX_BYTES
from caloforge.trial import attempt

SECONDS, MEMORY = 3, 256 * 2**20  # limits of CPU time [s] and memory of a check
MAX_OBJECTS = 10_000
MAX_TEXT = 16 * 2**20  # bytes of an attribute
PACKED, SLACK = 1100, 2**16  # a file claims at most PACKED times what it stores (gzip's best is 1032), plus SLACK bytes
NO_SIGNATURE = "file signature not found"  # in the HDF5 library's message on a file of another kind
TEXTS = ("schema", "detector", "provenance")
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_SZIP,
           h5py.h5z.FILTER_NBIT, h5py.h5z.FILTER_SCALEOFFSET, h5py.h5z.FILTER_LZF}  # fmt: skip

_known: set[tuple[int, ...]] = set()  # identities of files that this process has written or checked


def trust(path: Path) -> None:
    """Note that this process has written a file, which therefore needs no check."""
    _known.add(_identity(path))


def try_first(path: Path) -> None:
    """Let a child process `check` a file, since the HDF5 library hangs or crashes on some damaged files.

    Raises:
        InputError: the check refuses the file, does not end, or crashes.
    """
    identity = _identity(path)
    if identity not in _known:
        attempt("caloforge.showers.structure:check", path, seconds=SECONDS, memory=MEMORY)
        _known.add(identity)


def _identity(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def check(path: Path) -> None:
    """Check links, layouts, sizes and filters of the data sets of a file, and the sizes of its texts.

    Raises:
        InputError: links or data in other files, sizes beyond what the file stores, missing chunks, unknown filters.
    """
    try:
        _check(path, path.stat().st_size)
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, SystemError) as error:
        raise InputError(f"{path} is not a readable HDF5 file of showers: {reason(error)}") from None


def reason(error: Exception) -> str:
    """First line of an error of the HDF5 library, or what a file without its signature needs."""
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return "it is of another kind; caloforge.write stores arrays in one" if NO_SIGNATURE in said else said


def _check(path: Path, size: int) -> None:
    with path.open("rb", buffering=0) as raw, h5py.File(raw, "r") as file:
        if len(file) > MAX_OBJECTS:
            raise InputError(f"{path} holds {len(file)} objects; a file of showers has a few")
        names = list(file)
        for name in names:
            if type(file.get(name, getlink=True)) is not h5py.HardLink:
                raise InputError(f"{path}: '{name}' is a link to another place; files of showers hold their own data")
        found = [(name, item) for name in names if isinstance(item := file[name], h5py.Dataset)]
        numeric = [(name, item) for name, item in found if item.dtype.kind in "fiu"]
        stored, claimed = (
            sum(sizes) for sizes in zip((0, 0), *(_sizes(path, *one, size) for one in numeric), strict=True)
        )
        if stored > size:
            raise InputError(f"{path} claims to store {stored} bytes of data, but has {size}")
        if claimed > MAX_BYTES:
            raise InputError(f"{path} holds over {MAX_BYTES >> 30} GiB of numbers; split the file")
        for name in TEXTS:
            _check_text(file, path, name)
        rows = [(name, item) for name, item in found if h5py.check_vlen_dtype(item.dtype) is not None]
        for _, item in (*numeric, *rows):
            if item.size and item.ndim:
                item[(0,) * item.ndim], item[(-1,) * item.ndim]


def _sizes(path: Path, name: str, item: Any, size: int) -> tuple[int, int]:
    """Bytes that a data set stores, and bytes that it claims to hold."""
    where, settings = f"{path}: data set '{name}'", item.id.get_create_plist()
    if item.is_virtual or settings.get_external_count():
        raise InputError(f"{where} keeps its data in other files; copy them into one")
    for index in range(settings.get_nfilters()):
        code = settings.get_filter(index)[0]
        if code not in FILTERS:
            raise InputError(f"{where} is packed by filter {code}; gzip and lzf are known")
    claimed = math.prod(item.shape) * item.dtype.itemsize
    stored = item.id.get_storage_size()
    if item.chunks is not None:
        stored = min(stored, _check_chunks(where, item, size))
    if claimed > PACKED * min(stored, size) + SLACK or (claimed and not stored):
        raise InputError(f"{where} claims {claimed} bytes and stores {stored}")
    return stored, claimed


def _check_chunks(where: str, item: Any, size: int) -> int:
    """Bytes of all chunks, after checking that each lies in the file."""
    expected = math.prod(-(-n // chunk) for n, chunk in zip(item.shape, item.chunks, strict=True))
    if expected > size:
        raise InputError(f"{where} claims {expected} chunks in a file of {size} bytes")
    bytes_of_one = math.prod(item.chunks) * item.dtype.itemsize
    found: list[int] = []

    def note(chunk: Any) -> None:
        if chunk.byte_offset is None or chunk.byte_offset + chunk.size > size:
            raise InputError(f"{where} has a chunk beyond the end of the file")
        if bytes_of_one > PACKED * chunk.size + SLACK:
            raise InputError(f"{where} has a chunk of {chunk.size} bytes that claims {bytes_of_one}")
        found.append(chunk.size)
        if len(found) > expected:
            raise InputError(f"{where} has more chunks than its shape needs")

    item.id.chunk_iter(note)
    if len(found) != expected:
        raise InputError(f"{where} has {len(found)} of {expected} chunks; the rest is missing")
    return sum(found)


def _check_text(file: Any, path: Path, name: str) -> None:
    """Check that an attribute, if present, is one text of bounded length."""
    if name not in file.attrs:
        return
    found = h5py.h5a.open(file.id, name.encode())
    single = found.get_space().get_simple_extent_npoints() == 1
    if found.get_type().get_class() != h5py.h5t.STRING or not single or found.get_storage_size() > MAX_TEXT:
        raise InputError(f"{path}: attribute '{name}' is not one text")
    if len(str(file.attrs[name])) > MAX_TEXT:
        raise InputError(f"{path}: attribute '{name}' is longer than {MAX_TEXT >> 20} MiB")
