"""ROOT trees by uproot: one tree with jagged branches of hits, ours or with EDM4hep's names."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.extras import ROOT_FILES, check_installed
from caloforge.files import replacing
from caloforge.limits import MAX_BYTES, MAX_SHOWERS
from caloforge.showers.container import Showers
from caloforge.showers.foreign.layout import Layout, Put, Request, provenance_of
from caloforge.showers.foreign.points import inner_points
from caloforge.showers.foreign.root_text import read_texts, texts_of
from caloforge.showers.incidents import Incidents
from caloforge.showers.table import Table
from caloforge.showers.values import whole_numbers
from caloforge.trial import attempt

NAME = "root"
TREE = "showers"
TREES = ("TTree", "ROOT::RNTuple")
INCIDENTS = ("pdg", "energy", "theta", "phi", "x", "y", "z")
SECONDS, MEMORY = 20, 2**30  # limits of a check, including uproot's import
PACKED, SLACK = 1100, 2**16  # a branch claims at most PACKED times what it stores


def is_root(path: Path) -> bool:
    """Whether a file begins like a ROOT file."""
    with path.open("rb") as file:
        return file.read(4) == b"root"


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a ROOT file for reading, after a child process has checked it.

    Raises:
        InputError: uproot is not installed, or the file is damaged.
    """
    check_installed(*ROOT_FILES)
    attempt("caloforge.showers.foreign.root:check", path, seconds=SECONDS, memory=MEMORY)
    import uproot

    try:
        with uproot.open(path) as file:
            yield file
    except (InputError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # uproot raises many kinds of errors
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is not a readable ROOT file of showers: {said[:200]}") from None


def check(path: Path) -> None:
    """Check the sizes that the branches of all trees claim; run in a child process.

    Raises:
        InputError: more numbers than the file stores or than a sample may have.
    """
    import uproot

    size = path.stat().st_size
    with uproot.open(path) as file:
        for name, kind in file.classnames(recursive=False).items():
            if kind not in TREES:
                continue
            tree = file[name]
            branches = list(tree.values()) if kind == "TTree" else []
            claimed = sum(max(branch.uncompressed_bytes, 0) for branch in branches)
            if claimed > PACKED * size + SLACK or claimed > MAX_BYTES:
                raise InputError(f"{path}: tree '{name}' claims {claimed} bytes in a file of {size}")
            if tree.num_entries > MAX_SHOWERS:
                raise InputError(f"{path}: tree '{name}' claims {tree.num_entries} entries")


def fits(file: Any) -> bool:
    """Whether a file has a tree with `cell`, `energy` and `incident_energy`."""
    return _tree_name(file) is not None


def _tree_name(file: Any) -> str | None:
    """Name of the first tree with all branches that showers need."""
    for name, kind in file.classnames(recursive=False).items():
        if kind in TREES and {"cell", "energy", "incident_energy"} <= set(file[name].keys()):
            return str(name)
    return None


def table(file: Any, path: Path, request: Request) -> Table:
    """Showers of a file.

    It has the jagged branches `cell` and `energy` [MeV], and `incident_energy` [MeV]. The branches `incident_pdg`,
    `_theta`, `_phi`, `_x`, `_y`, `_z`, `shower_id` and `fast_energy` are read if the file has them.

    Raises:
        InputError: no such tree, or one that does not fit the detector.
    """
    name = _tree_name(file)
    if name is None:
        raise InputError(f"{path} has no tree with branches cell, energy and incident_energy")
    tree, texts = file[name], read_texts(file)
    detector = _detector(path, request, texts)
    n, given = int(tree.num_entries), {key for key in tree.keys() if "/" not in key}  # noqa: SIM118

    def flat(branch: str, absent: Any) -> NDArray[Any]:
        return np.asarray(tree[branch].array(library="np")) if branch in given else np.full(n, absent)

    codes = whole_numbers(flat("incident_pdg", 0), np.dtype(np.int32), "incident_pdg") if n else np.zeros(0, np.int32)
    position = np.column_stack([flat(f"incident_{axis}", 0.0).astype(np.float64) for axis in "xyz"])
    incidents = Incidents(
        request.pdg(n, detector, codes if codes.any() else None),
        flat("incident_energy", 0.0).astype(np.float64),
        flat("incident_theta", 0.0).astype(np.float64),
        flat("incident_phi", 0.0).astype(np.float64),
        position,
        whole_numbers(flat("shower_id", 0), np.dtype(np.int64), "shower_id") if "shower_id" in given else np.arange(n),
    )

    def cells(first: int, last: int) -> NDArray[np.float32]:
        values = np.zeros((last - first, detector.n_cells), np.float32)
        arrays = tree.arrays(["cell", "energy"], entry_start=first, entry_stop=last, library="ak")
        counts = [_counts(arrays[branch], last - first, path) for branch in ("cell", "energy")]
        cell = whole_numbers(_flat(arrays["cell"]), np.dtype(np.int64), "cell")
        if (counts[0] != counts[1]).any():
            raise InputError(f"{path}: a shower has other numbers of cells than of energies")
        if cell.size and not (cell.min() >= 0 and cell.max() < detector.n_cells):
            raise InputError(f"{path}: cell {cell.max()} is none of the {detector.n_cells} of {detector.name}")
        np.add.at(values, (np.repeat(np.arange(last - first), counts[0]), cell), _flat(arrays["energy"]))
        return values

    fast = np.asarray(tree["fast_energy"].array(library="np"), np.float64) if "fast_energy" in given else None
    provenance = texts.get("provenance") or provenance_of(path, "ROOT")
    return Table(detector, incidents, cells, provenance, fast, checked="detector" not in texts)


def _detector(path: Path, request: Request, texts: dict[str, Any]) -> Detector:
    """The detector of the file, which must equal the caller's."""
    if "detector" not in texts:
        return request.need_detector(path, "ROOT")
    found = Detector.from_toml(texts["detector"], f"detector of {path}")
    if request.detector is not None and request.detector != found:
        raise InputError(f"{path} holds showers of detector '{found.name}', not of '{request.detector.name}'")
    return found


def _flat(array: Any) -> NDArray[Any]:
    import awkward

    return np.asarray(awkward.to_numpy(awkward.flatten(array, axis=None)))


def _counts(array: Any, n: int, path: Path) -> NDArray[np.int64]:
    import awkward

    if array.ndim != 2 or len(array) != n:
        raise InputError(f"{path}: branches of hits must be jagged, one list per shower")
    return np.asarray(awkward.num(array, axis=1), np.int64)


@contextmanager
def tree_writer(path: Path, tree: str, branches_of: Callable[[Showers], dict[str, Any]]) -> Iterator[Put]:
    """Write blocks of showers as entries of one tree, beside the texts of detector and provenance.

    Args:
        path: the file.
        tree: name of the tree.
        branches_of: function that gives the branches of a block: arrays, or awkward arrays of lists.

    Raises:
        InputError: uproot is not installed, or the folder cannot be written.
    """
    check_installed(*ROOT_FILES)
    import uproot

    with replacing(path) as beside, uproot.recreate(beside) as file:
        texts: dict[str, str] = {}

        def put(showers: Showers) -> None:
            branches = branches_of(showers)
            if tree not in file:
                kinds = {key: _kind(value) for key, value in branches.items()}
                file.mktree(tree, kinds, counter_name=lambda branch: f"n_{branch.replace('.', '_')}")
            file[tree].extend(branches)
            texts.update(texts_of(showers))

        yield put
        for name, text in texts.items():
            file[name] = text


def writer(path: Path, detector: Detector, n: int) -> AbstractContextManager[Put]:  # noqa: ARG001
    """Write showers as one tree, with the centres [mm] of cells that stand still, in the readout's frame.

    Raises:
        InputError: uproot is not installed, or the folder cannot be written.
    """
    places = inner_points(detector)

    def branches(showers: Showers) -> dict[str, Any]:
        import awkward

        row, cell = np.nonzero(showers.energies)
        counts = np.bincount(row, minlength=len(showers))
        values = {"cell": cell.astype(np.int32), "energy": showers.energies[row, cell]}
        values |= {axis: places[cell, i] for i, axis in enumerate("xyz")}
        lists: dict[str, Any] = {key: awkward.unflatten(value, counts) for key, value in values.items()}
        return lists | _incident_branches(showers)

    return tree_writer(path, TREE, branches)


def _incident_branches(showers: Showers) -> dict[str, NDArray[Any]]:
    incidents = showers.incidents
    columns = (incidents.pdg, incidents.energy, incidents.theta, incidents.phi, *incidents.position.T)
    found = {f"incident_{name}": np.ascontiguousarray(value) for name, value in zip(INCIDENTS, columns, strict=True)}
    found["shower_id"] = incidents.shower_id
    return found if showers.fast_energy is None else found | {"fast_energy": showers.fast_energy}


def _kind(value: Any) -> str:
    return str(value.dtype) if isinstance(value, np.ndarray) else f"var * {value.type.content.content}"


LAYOUT = Layout(NAME, "one ROOT tree with jagged branches cell, energy, x, y, z", ".root", fits, table, writer)
