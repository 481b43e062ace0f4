"""Named features of the judge, one row per shower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Columns:
    """Columns float32 (N, n) and what each is, in words."""

    names: tuple[str, ...]
    values: Matrix


def join(columns: Mapping[str, Any]) -> Columns:
    """Columns (N,) by name as one matrix."""
    return Columns(tuple(columns), np.column_stack([np.asarray(c, np.float32) for c in columns.values()]))


def stack(parts: Sequence[Columns]) -> Columns:
    """The rows of several parts, which have the same columns, one after the other."""
    return Columns(parts[0].names, np.concatenate([part.values for part in parts]))
