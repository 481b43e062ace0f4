"""ROOT branches with EDM4hep's names, in the form that uproot reads and writes.

uproot writes flat branches, `CaloHits.energy` and so on, and not the classes that podio expects. Tools that read
branches by name (uproot, RDataFrame) read these files; podio does not.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.particles import MASSES
from caloforge.showers.container import Showers
from caloforge.showers.foreign.layout import GEV, Layout, Put, Request, provenance_of
from caloforge.showers.foreign.points import Deposits, inner_points
from caloforge.showers.foreign.root import tree_writer
from caloforge.showers.incidents import Incidents
from caloforge.showers.table import Table

NAME = "edm4hep"
TREE, HITS, PARTICLES = "events", "CaloHits", "MCParticles"


def fits(file: Any) -> bool:
    """Whether a file has a tree `events` with hits and particles."""
    return TREE in file and _collections(file[TREE]) != [] and f"{PARTICLES}.PDG" in _names(file[TREE])


def _names(tree: Any) -> dict[str, str]:
    """Branches by the last part of their path."""
    return {name.rpartition("/")[2]: name for name in tree.keys()}  # noqa: SIM118


def _collections(tree: Any) -> list[str]:
    """Names of the collections of calorimeter hits."""
    names = _names(tree)
    needed = ("energy", "position.x", "position.y", "position.z", "cellID")
    found = [name.removesuffix(".cellID") for name in names if name.endswith(".cellID")]
    return [one for one in found if all(f"{one}.{part}" in names for part in needed)]


def table(file: Any, path: Path, request: Request) -> Table:
    """Showers of a file: hits of all collections [GeV, mm], put into cells; the first primary is the incident.

    The calorimeter's front face is at z = 0 and z points into it.

    Raises:
        InputError: an event without particles, or hits of another detector.
    """
    if not fits(file):
        raise InputError(f"{path} has no tree '{TREE}' with calorimeter hits and {PARTICLES}")
    detector, tree = request.need_detector(path, NAME), file[TREE]
    collections, names = _collections(tree), _names(tree)
    incidents = _primaries(tree, names, path)
    incidents = Incidents(request.pdg(len(incidents), detector, incidents.pdg), incidents.energy, incidents.theta,
                          incidents.phi, incidents.position, incidents.shower_id)  # fmt: skip
    deposits = Deposits(detector, path, by_layer=False)

    def cells(first: int, last: int) -> NDArray[Any]:
        values = np.zeros((last - first, detector.n_cells))
        for one in collections:
            row, hits = _hits(tree, names, one, first, last)
            deposits.add(values, row, hits)
        return values

    found = Table(detector, incidents, cells, provenance_of(path, "EDM4hep"), notes=deposits.notes)
    if len(collections) > 1:
        found.notes.append(f"the hits of {', '.join(collections)} are added")
    return found


def _hits(
    tree: Any, names: dict[str, str], one: str, first: int, last: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows and hits (n, 4) of x, y, z [mm], energy [MeV] of a collection."""
    import awkward

    branches = [names[f"{one}.{part}"] for part in ("position.x", "position.y", "position.z", "energy")]
    arrays = [tree[branch].array(entry_start=first, entry_stop=last, library="ak") for branch in branches]
    counts = np.asarray(awkward.num(arrays[0], axis=1), np.int64)
    flat = np.column_stack([np.asarray(awkward.to_numpy(awkward.flatten(a)), np.float64) for a in arrays])
    flat[:, 3] *= GEV
    return np.repeat(np.arange(last - first), counts), flat


def _primaries(tree: Any, names: dict[str, str], path: Path) -> Incidents:
    """First stable generator particle of each event, or else its first particle."""
    import awkward

    def branch(part: str) -> Any:
        return tree[names[f"{PARTICLES}.{part}"]].array(library="ak")

    pdg = branch("PDG")
    if not awkward.all(awkward.num(pdg, axis=1) > 0):
        raise InputError(f"{path}: an event has no particle in {PARTICLES}")
    chosen = awkward.local_index(pdg)[:, :1]
    if f"{PARTICLES}.generatorStatus" in names:
        chosen = awkward.argmax(branch("generatorStatus") == 1, axis=1, keepdims=True)

    def first(part: str) -> NDArray[np.float64]:
        return np.asarray(awkward.to_numpy(branch(part)[chosen][:, 0]), np.float64)

    momentum = GEV * np.column_stack([first(f"momentum.{axis}") for axis in "xyz"])
    size, mass = np.linalg.norm(momentum, axis=1), GEV * first("mass")
    energy = size**2 / (np.hypot(size, mass) + mass)
    theta, phi = np.arctan2(np.hypot(*momentum.T[:2]), momentum[:, 2]), np.arctan2(momentum[:, 1], momentum[:, 0])
    vertex = np.column_stack([first(f"vertex.{axis}") for axis in "xyz"])
    at_face = vertex - vertex[:, 2:] / momentum[:, 2:] * momentum
    return Incidents.make(first("PDG").astype(np.int32), energy, theta=theta, phi=phi, position=at_face)


def writer(path: Path, detector: Detector, n: int) -> AbstractContextManager[Put]:  # noqa: ARG001
    """Write showers with EDM4hep's names; cell numbers are ours.

    Raises:
        InputError: uproot is not installed, the folder cannot be written, or cells follow the particle.
    """
    if detector.readout.frame != "detector":
        raise InputError(f"cells of {detector.name} move with the particle; EDM4hep needs hits at fixed places")
    places = inner_points(detector).astype(np.float32)

    def branches(showers: Showers) -> dict[str, Any]:
        import awkward

        row, cell = np.nonzero(showers.energies)
        counts, single = np.bincount(row, minlength=len(showers)), np.ones(len(showers), np.int64)
        hits = {"cellID": cell.astype(np.uint64), "energy": showers.energies[row, cell] / np.float32(GEV)}
        hits |= {f"position.{axis}": places[cell, i] for i, axis in enumerate("xyz")}
        lists = {f"{HITS}.{key}": awkward.unflatten(value, counts) for key, value in hits.items()}
        particle = _particle(showers)
        return lists | {f"{PARTICLES}.{key}": awkward.unflatten(value, single) for key, value in particle.items()}

    return tree_writer(path, TREE, branches)


def _particle(showers: Showers) -> dict[str, NDArray[Any]]:
    """The incident of each shower as EDM4hep's MCParticle [GeV, mm]."""
    incidents = showers.incidents
    mass = np.array([MASSES.get(abs(int(code)), 0.0) for code in incidents.pdg]) / GEV
    energy = incidents.energy / GEV
    momentum = np.sqrt(energy * (energy + 2 * mass))[:, None] * incidents.direction
    return {
        "PDG": incidents.pdg.astype(np.int32),
        "generatorStatus": np.ones(len(showers), np.int32),
        "mass": mass,
        **{f"momentum.{axis}": np.ascontiguousarray(momentum[:, i]) for i, axis in enumerate("xyz")},
        **{f"vertex.{axis}": np.ascontiguousarray(incidents.position[:, i]) for i, axis in enumerate("xyz")},
    }


LAYOUT = Layout(NAME, "EDM4hep's branch names, flat: events, CaloHits.*, MCParticles.*", ".root", fits, table, writer)
