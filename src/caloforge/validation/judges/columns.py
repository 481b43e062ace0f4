"""Named features of the judge: matrices with one row per shower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Columns:
    """Features float32 (N, n), and their names in words."""

    names: tuple[str, ...]
    values: Matrix


def join(columns: Mapping[str, Any]) -> Columns:
    """Join columns (N,), given by name, to one matrix."""
    return Columns(tuple(columns), np.column_stack([np.asarray(c, np.float32) for c in columns.values()]))


def stack(parts: Sequence[Columns]) -> Columns:
    """Concatenate the rows of parts that have the same columns."""
    return Columns(parts[0].names, np.concatenate([part.values for part in parts]))
