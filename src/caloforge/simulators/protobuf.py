"""A strict reader of Protocol Buffers messages without copies; the C++ library has the same reader.

Source: the wire format of protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator

from caloforge.errors import InputError

Value = int | memoryview
VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5


class Message:
    """Fields of one message by number, in order.

    Raises:
        InputError: the content is truncated or not in the wire format.
    """

    def __init__(self, content: memoryview) -> None:
        self.fields: dict[int, list[Value]] = {}
        place, end = 0, len(content)
        while place < end:
            tag, place = _varint(content, place)
            kind = tag & 7
            value: Value
            if kind == VARINT:
                value, place = _varint(content, place)
            else:
                size = 8 if kind == EIGHT else 4 if kind == FOUR else None
                if kind == LENGTH:
                    size, place = _varint(content, place)
                if size is None:
                    raise InputError("it is not an ONNX model")
                if size > end - place:
                    raise InputError("it is truncated or not an ONNX model")
                value, place = content[place : place + size], place + size
            self.fields.setdefault(tag >> 3, []).append(value)

    def all(self, number: int) -> list[memoryview]:
        """All occurrences of a length-delimited field."""
        found = self.fields.get(number, [])
        if not all(isinstance(value, memoryview) for value in found):
            raise InputError("it is not an ONNX model")
        return found  # type: ignore[return-value]

    def one(self, number: int) -> memoryview | None:
        """A length-delimited field that occurs at most once, since parsers differ in how they treat two."""
        found = self.all(number)
        if len(found) > 1:
            raise InputError("it is not an ONNX model: a field that stands for one value occurs twice")
        return found[0] if found else None

    def text(self, number: int) -> bytes:
        """A text field; empty if it is absent."""
        return bytes(self.one(number) or b"")

    def number(self, number: int) -> int:
        """A field with one integer; 0 if it is absent."""
        found = self.fields.get(number, [0])
        if len(found) > 1 or not isinstance(found[0], int):
            raise InputError("it is not an ONNX model: a field that stands for one number is none")
        return _signed(found[0])

    def numbers(self, number: int) -> Iterator[int]:
        """Integers of a repeated field, packed or not."""
        for value in self.fields.get(number, []):
            if isinstance(value, int):
                yield _signed(value)
                continue
            place = 0
            while place < len(value):
                found, place = _varint(value, place)
                yield _signed(found)


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(content) or shift > 63:
            raise InputError("it is truncated or not an ONNX model")
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7


def _signed(value: int) -> int:
    return value - 2**64 if value >> 63 else value
