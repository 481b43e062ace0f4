"""Base of the layouts of shower files, and readers of their data sets."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.binning import particle_of
from caloforge.errors import InputError
from caloforge.particles import particle_name, pdg_code
from caloforge.showers.container import Showers
from caloforge.showers.table import Table

GEV = 1000.0  # MeV
Put = Callable[[Showers], None]


@dataclass(frozen=True)
class Request:
    """Detector and particle that the caller names for a file that does not tell them.

    Attributes:
        detector: the detector; None if the file names it.
        particle: name of the particle; None if the file names it or it is unknown.
    """

    detector: Detector | None = None
    particle: str | None = None

    def need_detector(self, path: Path, layout: str) -> Detector:
        """The detector.

        Raises:
            InputError: the caller names none.
        """
        if self.detector is None:
            raise InputError(f"{path} ({layout}) does not say its detector; name it with --detector")
        return self.detector

    def pdg(self, n: int, detector: Detector, stored: NDArray[np.int32] | None = None) -> NDArray[np.int32]:
        """PDG codes (n,) from the file, the caller or the binning; 0 if unknown.

        Raises:
            InputError: the caller names another particle than the file.
        """
        named = pdg_code(self.particle) if self.particle else None
        if stored is not None:
            if named is not None and (stored != named).any():
                other = particle_name(int(stored[stored != named][0]))
                raise InputError(f"the file holds showers of {other}, not of {self.particle} alone")
            return stored
        return np.full(n, particle_of(detector) if named is None else named, np.int32)


@dataclass(frozen=True)
class Layout:
    """A layout of files of showers.

    Attributes:
        name: name for `--format`; about: description in a few words.
        suffix: suffix of files that it writes.
        fits: tells whether an open file has this layout.
        table: gives the showers of an open file.
        writer: opens a file for a number of showers of a detector and gives a function that writes blocks; None for a
            layout that is only read.
    """

    name: str
    about: str
    suffix: str
    fits: Callable[[Any], bool]
    table: Callable[[Any, Path, Request], Table]
    writer: Callable[[Path, Detector, int], AbstractContextManager[Put]] | None = None


def is_numeric(file: Any, name: str, ndim: int | None = None) -> bool:
    """Whether an open file has a data set of numbers; with `ndim`, of that number of axes."""
    found = file.get(name)
    return isinstance(found, h5py.Dataset) and found.dtype.kind in "fiu" and ndim in (None, found.ndim)


def data_set(file: Any, path: Path, name: str, shape: tuple[int, ...] | None = None) -> Any:
    """Numeric data set (N, *shape), not read yet; axes of length 1 are ignored, and a shape of None fits any.

    Raises:
        InputError: there is none, or it has another shape.
    """
    if not is_numeric(file, name):
        raise InputError(f"{path} has no numeric data set '{name}'")
    found = file[name]
    if shape is not None and (found.ndim < 1 or not _same(found.shape[1:], shape)):
        raise InputError(f"{path}: data set '{name}' has shape {found.shape}, the detector needs (N, {str(shape)[1:]}")
    return found


def _same(found: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return [size for size in found if size != 1] == [size for size in expected if size != 1]


def column(file: Any, path: Path, name: str, n: int) -> NDArray[np.float64]:
    """One number for each of n showers.

    Raises:
        InputError: there is no such data set, or another number of them.
    """
    found = data_set(file, path, name)
    if found.size != n:
        raise InputError(f"{path}: data set '{name}' has shape {found.shape}, {n} showers need ({n},)")
    values: NDArray[np.float64] = found[()].astype(np.float64).reshape(-1)
    return values


def step_of(*sets: Any) -> int:
    """Rows that data sets store together."""
    return math.lcm(*(one.chunks[0] if one.chunks else 1 for one in sets))


def provenance_of(path: Path, layout: str) -> dict[str, Any]:
    """Provenance of showers that came from a file of others."""
    return {"simulator": "file", "file": path.name, "layout": layout}
