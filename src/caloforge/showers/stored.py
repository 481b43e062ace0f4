"""Showers that stay in their files, of which ranges of rows are read."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import foreign
from caloforge.showers.container import Showers, concatenate
from caloforge.showers.hdf5 import read
from caloforge.showers.incidents import Incidents
from caloforge.showers.incidents import concatenate as join


class StoredShowers:
    """Showers of one or many files in any layout, one file after the other; memory holds their incidents alone.

    Attributes:
        detector: the detector.
        incidents: incidents of all showers.
        provenance: provenance of the first file.

    Raises:
        InputError: no file, a file that cannot be read, or files of different detectors.
    """

    def __init__(self, paths: Sequence[Path], detector: Detector | None = None) -> None:
        if not paths:
            raise InputError("no files of showers; give one at least")
        self._open = ExitStack()
        try:
            tables = []
            for path in paths:
                found = self._open.enter_context(foreign.opened(path, detector))[1]
                detector = detector or found.detector
                tables.append(replace(found, incidents=found.incidents.compact()))
        except BaseException:
            self._open.close()
            raise
        self.detector = tables[0].detector
        self.provenance: dict[str, Any] = tables[0].provenance
        self.incidents: Incidents = join([table.incidents for table in tables]).compact()
        self._starts = [0, *accumulate(map(len, tables))]
        self._tables = [
            replace(table, incidents=self.incidents[start:stop])  # a view, so that memory holds incidents once
            for table, start, stop in zip(tables, self._starts, self._starts[1:], strict=False)
        ]

    def __len__(self) -> int:
        return self._starts[-1]

    def read(self, start: int, stop: int) -> Showers:
        """Showers of rows start .. stop - 1.

        Raises:
            InputError: energies that make no sense, or a file that is damaged.
        """
        parts = []
        while start < stop:
            number = bisect_right(self._starts, start) - 1
            first, end = self._starts[number], self._starts[number + 1]
            last = min(stop, end)
            parts.append(self._tables[number].read(slice(start - first, last - first)))
            start = last
        return parts[0] if len(parts) == 1 else concatenate(parts)

    def chunks(self) -> Iterator[Showers]:
        """All showers in order, a few at a time."""
        for table in self._tables:
            yield from table.chunks()

    def close(self) -> None:
        """Close the files."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


AnyShowers = Showers | StoredShowers


def chunks(showers: AnyShowers) -> Iterator[Showers]:
    """Showers in order; showers in memory come as one part."""
    return showers.chunks() if isinstance(showers, StoredShowers) else iter([showers])


def open_showers(path: Path, detector: Detector, *, whole: bool) -> AbstractContextManager[AnyShowers]:
    """Showers of a file of ours: the whole of them in memory, or in the file.

    Raises:
        InputError: a file that cannot be read, or of another detector.
    """
    return nullcontext(read(path, detector)) if whole else StoredShowers([path], detector)
