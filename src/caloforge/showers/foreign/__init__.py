"""Layouts of shower files, ours and others': one module per layout, found by name or by the file's content."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from caloforge.detector import Detector
from caloforge.detector.binning import is_binning, read_binning
from caloforge.errors import InputError, nearest
from caloforge.showers import hdf5
from caloforge.showers.container import Showers
from caloforge.showers.foreign import calochallenge, calogan, clic, edm4hep, native, par04, points, root
from caloforge.showers.foreign.layout import Layout, Request
from caloforge.showers.table import Table

__all__ = ["LAYOUTS", "Layout", "Request", "Table", "detector_of", "find_layout", "opened", "outline", "read",
           "written_layout"]  # fmt: skip

# in the order of the comparison with a file's content
LAYOUTS: dict[str, Layout] = {
    one.name: one
    for one in (
        native.LAYOUT,
        calochallenge.LAYOUT,
        calogan.LAYOUT,
        clic.LAYOUT,
        *par04.LAYOUTS,
        points.LAYOUT,
        root.LAYOUT,
        edm4hep.LAYOUT,
    )
}
BY_SUFFIX = {".h5": native.NAME, ".hdf5": calochallenge.NAME, ".root": root.NAME}


def find_layout(name: str) -> Layout:
    """Layout of a name.

    Raises:
        InputError: unknown name.
    """
    if name not in LAYOUTS:
        raise InputError(f"unknown format '{name}'; {nearest(name, LAYOUTS)}")
    return LAYOUTS[name]


def written_layout(output: Path, name: str | None = None) -> Layout:
    """Layout of an output: the named one, or that of its suffix (.h5 ours, .hdf5 CaloChallenge, .root).

    Raises:
        InputError: unknown name, a layout that is only read, or a suffix that does not fit it.
    """
    suffix = output.suffix.lower()
    if name is None and suffix not in BY_SUFFIX:
        raise InputError(f"output {output}: files of showers end in {', '.join(BY_SUFFIX)}")
    layout = find_layout(name or BY_SUFFIX[suffix])
    if layout.writer is None:
        written = ", ".join(one.name for one in LAYOUTS.values() if one.writer)
        raise InputError(f"format '{layout.name}' is only read; written are {written}")
    if (suffix == ".root") != (layout.suffix == ".root"):
        raise InputError(f"output {output}: files of the format '{layout.name}' end in {layout.suffix}")
    return layout


def detector_of(name: str | Path | None, particle: str | None = None) -> Detector | None:
    """Detector of a preset, a TOML file, or a CaloChallenge binning XML of a particle; None for None.

    Raises:
        InputError: no such preset or file, or an invalid one.
    """
    if name is None:
        return None
    return read_binning(Path(name), particle) if str(name).endswith(".xml") else Detector.load(name)


@contextmanager
def opened(
    path: Path, detector: Detector | None = None, particle: str | None = None, layout: str | None = None
) -> Iterator[tuple[Layout, Table]]:
    """Open a file of showers.

    Args:
        path: the file.
        detector: the detector, if the file does not name it.
        particle: name of the particle, if the file does not tell it.
        layout: name of the layout; by default it is found by the content.

    Yields:
        The layout and the showers, to be read by ranges of rows.

    Raises:
        InputError: missing, damaged or unknown file, or one that does not fit detector or particle.
    """
    request = Request(detector, particle)
    named = None if layout is None else find_layout(layout)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    opener = root.opened if root.is_root(path) else hdf5.opened
    with opener(path) as file, hdf5.naming(path):
        own = opener is hdf5.opened and "schema" in file.attrs
        found = native.LAYOUT if own else named or _guess(file, path, detector)
        if (found.suffix == ".root") != (opener is root.opened):
            kind = "a ROOT" if opener is root.opened else "an HDF5"
            raise InputError(f"{path} is {kind} file, not one of the format '{found.name}'")
        yield found, found.table(file, path, request)


def _guess(file: Any, path: Path, detector: Detector | None) -> Layout:
    """First layout that fits the content; plain files are CaloChallenge's if the detector is a binning."""
    if root.is_root(path):
        candidates = [one for one in LAYOUTS.values() if one.suffix == ".root"]
    else:
        candidates = [one for one in LAYOUTS.values() if one.suffix != ".root"]
    if detector is not None and is_binning(detector) and calochallenge.fits(file):
        return calochallenge.LAYOUT
    for one in candidates:
        if one.fits(file):
            return one
    names = ", ".join(list(file)[:5]) or "nothing"
    raise InputError(
        f"{path} holds {names}: no known layout of showers ({', '.join(LAYOUTS)}); "
        "docs/production.md lists what they hold, and caloforge.write stores arrays"
    )


def outline(path: Path, layout: str | None = None) -> dict[str, Any]:
    """Format, number of showers and data sets of a file whose detector is unknown, as JSON values.

    Raises:
        InputError: missing, damaged or unknown file.
    """
    opener = root.opened if root.is_root(path) else hdf5.opened
    with opener(path) as file, hdf5.naming(path):
        found = find_layout(layout) if layout else _guess(file, path, None)
        if opener is root.opened:
            sets, n = [f"{name}: {kind}" for name, kind in file.classnames(recursive=False).items()], None
        else:
            shapes = {name: getattr(file[name], "shape", ()) for name in file}
            sets = [f"{name}: {shape}" for name, shape in list(shapes.items())[:30]]
            n = max((shape[0] for shape in shapes.values() if shape), default=0)
        return {"format": found.name, "n": n, "data_sets": sets}


def read(
    path: Path | str,
    detector: Detector | None = None,
    *,
    particle: str | None = None,
    layout: str | None = None,
    rows: slice = slice(None),
) -> Showers:
    """Read showers from a file of any known layout.

    Args:
        path: the file.
        detector: the detector, if the file does not name it.
        particle: name of the particle, if the file does not tell it.
        layout: name of the layout; by default it is found by the content.
        rows: rows to read.

    Raises:
        InputError: missing, damaged or unknown file, or one that does not fit detector or particle.
    """
    path = Path(path)
    with opened(path, detector, particle, layout) as (_, table):
        return table.read(rows)
