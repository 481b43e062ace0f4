"""caloforge's own files, and plain ones: `showers` and `incident_energies` in MeV."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from caloforge.detector import Detector
from caloforge.showers import hdf5
from caloforge.showers.container import Showers
from caloforge.showers.foreign.layout import Layout, Put, Request, is_numeric
from caloforge.showers.resizable import create_sets, fill
from caloforge.showers.table import Table

NAME = "caloforge"


def fits(file: Any) -> bool:
    """Whether a file holds `showers` (N, n_cells) and `incident_energies`, or caloforge's schema."""
    return "schema" in file.attrs or (is_numeric(file, "showers", 2) and is_numeric(file, "incident_energies"))


def table(file: Any, path: Path, request: Request) -> Table:
    """Showers of an open file.

    Raises:
        InputError: a file of another schema, detector or particle, or one that does not fit its detector.
    """
    found = hdf5.table(file, path, request.detector)
    codes = found.incidents.pdg if found.incidents.pdg.any() else None
    pdg = request.pdg(len(found), found.detector, codes)
    return replace(found, incidents=replace(found.incidents, pdg=pdg))


@contextmanager
def writer(path: Path, detector: Detector, n: int) -> Iterator[Put]:
    """Write n showers; detector and the last block's provenance become attributes.

    Raises:
        InputError: the folder cannot be written.
    """
    done, provenance = 0, dict[str, Any]()
    with hdf5.created(path) as file:

        def put(showers: Showers) -> None:
            nonlocal done, provenance
            if not done:
                create_sets(file, detector, n, fast=showers.fast_energy is not None)
            fill(file, showers, slice(done, done + len(showers)))
            file.check()
            done, provenance = done + len(showers), showers.provenance

        yield put
        hdf5.write_attributes(file, detector, provenance)


LAYOUT = Layout(NAME, "ours, or plain: showers and incident_energies in raw MeV", ".h5", fits, table, writer)
