"""TensorBoard event files: numbers and pictures by training step, in the format that TensorBoard reads.

A file is a sequence of records: the length, its checksum, an `Event` of TensorBoard's protobuf schema, and its checksum
(masked CRC-32C). caloforge writes the format itself, since TensorBoard's writer requires a web server and gRPC.
Source: tensorflow/core/util/event.proto and lib/io/record_writer.h.
"""

import struct
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from caloforge.files import replacing
from caloforge.training.picture import Picture, png

POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), bits reversed
VERSION = b"brain.Event:2"
HEAD = struct.Struct("<QI")
FOOT = struct.Struct("<I")


class EventFile:
    """Event file of one training; a resumed training continues it.

    Args:
        path: the file, which is created if missing.
        step: step from which the training continues; events of later steps are dropped, since they will be repeated.
    """

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        kept = [data for data in records(path) if step_of(data) <= step] if path.exists() else []
        if not kept:
            kept = [_double(1, time.time()) + _bytes(3, VERSION)]
        with replacing(path) as beside:
            beside.write_bytes(b"".join(map(record, kept)))

    def write(self, step: int, numbers: Mapping[str, float], pictures: Mapping[str, Picture] | None = None) -> None:
        """Append the numbers and pictures of a step, by name.

        Raises:
            OSError: the disk is full.
        """
        values = [_bytes(1, name.encode()) + _float(2, value) for name, value in numbers.items()]
        values += [_bytes(1, name.encode()) + _bytes(4, _image(one)) for name, one in (pictures or {}).items()]
        summary = b"".join(_bytes(1, value) for value in values)
        with self._path.open("ab") as file:
            file.write(record(_double(1, time.time()) + _whole(2, step) + _bytes(5, summary)))


def record(data: bytes) -> bytes:
    """A record: an event with its length and checksums."""
    length = struct.pack("<Q", len(data))
    return length + FOOT.pack(masked(length)) + data + FOOT.pack(masked(data))


def records(path: Path) -> Iterator[bytes]:
    """Events of a file up to its end or to the first damaged event, such as a killed process leaves."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while len(head := file.read(HEAD.size)) == HEAD.size:
            length, check = HEAD.unpack(head)
            if check != masked(head[:8]) or length > size - file.tell():
                return
            data, foot = file.read(length), file.read(FOOT.size)
            if len(foot) < FOOT.size or FOOT.unpack(foot)[0] != masked(data):
                return
            yield data


def step_of(data: bytes) -> int:
    """Step of an event written by `EventFile` (time, step, summary); 0 for the first event, which has none."""
    if data[9:10] != b"\x10":
        return 0
    step, shift = 0, 0
    for byte in data[10:]:
        step |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return step


def masked(data: bytes) -> int:
    """CRC-32C of bytes, rotated and offset, as records hold it."""
    check = crc32c(data)
    return (((check >> 15) | (check << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Cyclic redundancy check of Castagnoli's polynomial."""
    table, check = _table(), 0xFFFFFFFF
    for byte in data:
        check = table[(check ^ byte) & 0xFF] ^ (check >> 8)
    return check ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


def _image(picture: Picture) -> bytes:
    height, width, _ = picture.shape
    return _whole(1, height) + _whole(2, width) + _whole(3, 3) + _bytes(4, png(picture))


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _whole(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", min(max(value, -3e38), 3e38))


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
