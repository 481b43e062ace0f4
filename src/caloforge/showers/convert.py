"""Convert files of showers from one layout to another, one block in memory at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.binning import write_binning
from caloforge.errors import InputError
from caloforge.particles import particle_name
from caloforge.showers.container import Provenance
from caloforge.showers.foreign import Layout, Table
from caloforge.units import counted


@dataclass(frozen=True)
class Converted:
    """Result of a conversion.

    Attributes:
        n: number of showers.
        notes: changes made while reading, in sentences.
    """

    n: int
    notes: list[str]


def convert(
    source: str,
    layout: Layout,
    table: Table,
    target: Layout,
    output: Path,
    rows: slice = slice(None),
    advance: Callable[[int], None] = lambda _: None,
) -> Converted:
    """Write rows of an open file in another layout.

    Args:
        source: name of the file that is read, for the provenance.
        layout: layout of that file.
        table: showers of that file.
        target: layout to write.
        output: the file to be written.
        rows: rows to convert.
        advance: called with the number of showers of every block.

    Raises:
        InputError: no rows, impossible energies, or a detector that the layout cannot hold.
    """
    start, stop = table.bounds(rows)
    if stop <= start:
        raise InputError(f"{source} holds {counted(len(table), 'shower')}; the rows asked for are none of them")
    assert target.writer is not None
    made, notes = {"converted": {"file": source, "layout": layout.name}}, list[str]()
    with target.writer(output, table.detector, stop - start) as put:
        for block in table.chunks(rows):
            ids = _ids(block.provenance, table.incidents.shower_id[start:stop])
            put(replace(block, provenance=block.provenance | made | ids))
            notes = list(block.provenance.get("notes", []))
            advance(len(block))
    return Converted(stop - start, notes)


def _ids(provenance: Provenance, ids: NDArray[np.int64]) -> Provenance:
    """The range of ids (n,) of the written showers, if they are part of an order.

    Who takes rows to train and others to test is otherwise told that the model knows them all.
    """
    if "order" not in provenance:
        return {}
    return {"first_id": int(ids.min()), "n": int(ids.max() - ids.min()) + 1}


def write_binning_of(path: Path, table: Table) -> None:
    """Write the binning XML for CaloChallenge's evaluation.

    Raises:
        InputError: several particles, a particle without a data set, or cells that are not rings.
    """
    codes = {int(code) for code in table.incidents.pdg}
    if len(codes) != 1:
        raise InputError("a binning is of one particle; name it with --particle")
    write_binning(path, table.detector, particle_name(codes.pop()))
