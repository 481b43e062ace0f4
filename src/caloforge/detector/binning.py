"""CaloChallenge's binning XML gives the readout cells of its data sets, as a detector without matter."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from caloforge.detector.cells import CylindricalCells
from caloforge.detector.detector import Detector, Layer
from caloforge.detector.spec import DetectorSpec
from caloforge.errors import InputError
from caloforge.files import read_bytes, replacing
from caloforge.particles import pdg_code

UNKNOWN_MATTER = "unknown"
NAME = "calochallenge-"
# particle of a binning -> PDG code, threshold [MeV] and sampling fraction of its data set (arXiv:2410.21611, section 2)
DATA_SETS = {"photon": (22, 1.0, 1.0), "pion": (211, 1.0, 1.0), "electron": (11, 0.0005, 0.033)}


def read_binning(path: Path, particle: str | None = None) -> Detector:
    """Read the cells of a CaloChallenge binning XML; each layer is one 1 mm plate of unknown matter.

    The order of cells is the same. CaloChallenge's evaluation puts the first angle at -pi, and caloforge puts it at 0,
    so its centres of energy in eta and phi have the opposite sign. Geant4 and GFlash refuse the unknown matter. Layers
    without cells are left out, and the others keep their ids.

    Args:
        path: the XML file.
        particle: the particle of the binning, if the file describes several.

    Raises:
        InputError: missing file, not XML, or not a binning of the particle.
    """
    text = read_bytes(path)
    try:
        chosen = _choose(path, ET.fromstring(text).findall("Bin"), particle)
        name = chosen.attrib["name"]
        layers = [_read_layer(layer.attrib) for layer in chosen.findall("Layer")]
    except (ET.ParseError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a CaloChallenge binning: {error}") from None
    _, threshold, fraction = DATA_SETS.get(name, (0, 0.0, 1.0))
    values = {
        "name": f"{NAME}{name}",
        "description": f"CaloChallenge binning of {name} showers: cells without matter",
        "readout": {"threshold": f"{threshold} MeV", "sampling_fraction": fraction},
        "layer": [layer for layer in layers if layer],
    }
    return Detector(DetectorSpec.build(values, str(path)))


def _choose(path: Path, bins: list[ET.Element], particle: str | None) -> ET.Element:
    """Binning of the given particle, or the only one."""
    names = [found.attrib["name"] for found in bins]
    if particle is not None and len(bins) > 1:
        code = abs(pdg_code(particle))
        bins = [found for found in bins if abs(_pid(found)) == code]
        if not bins:
            raise InputError(f"{path} has no binning of {particle}; it describes {', '.join(names)}")
    if len(bins) != 1:
        said = f"{len(names)} particles ({', '.join(names)}), choose with --particle" if names else "no particle"
        raise InputError(f"{path} describes {said}")
    return bins[0]


def _pid(found: ET.Element) -> int:
    """PDG code of a binning."""
    name = found.attrib["name"]
    return int(found.attrib.get("pid") or DATA_SETS.get(name, (0,))[0] or pdg_code(name))


def _read_layer(attributes: dict[str, str]) -> dict[str, Any] | None:
    """One `[[layer]]` table of a binning's layer; None for a layer without cells."""
    edges = [float(edge) for edge in attributes["r_edges"].split(",")]
    if len(edges) < 2:
        return None
    return {
        "id": int(attributes["id"]),
        "plates": [{"material": UNKNOWN_MATTER, "thickness": "1 mm"}],
        "counts": [UNKNOWN_MATTER],
        "cells": {"kind": "cylindrical", "n": [int(attributes["n_bin_alpha"]), len(edges) - 1],
                  "r_edges": [f"{edge!r} mm" for edge in edges]},
    }  # fmt: skip


def is_binning(detector: Detector) -> bool:
    """Whether a detector was read from a binning."""
    return detector.name.startswith(NAME) and detector.materials == (UNKNOWN_MATTER,)


def particle_of(detector: Detector) -> int:
    """PDG code of the particle that a binning was made for; 0 if it is unknown."""
    name = detector.name.removeprefix(NAME)
    return DATA_SETS[name][0] if is_binning(detector) and name in DATA_SETS else 0


def write_binning(path: Path, detector: Detector, particle: str) -> None:
    """Write the binning XML of a detector with cylindrical cells, for CaloChallenge's evaluation script.

    Layers keep their ids; missing ids between them get a layer without cells.

    Raises:
        InputError: cells that are not cylindrical, a particle without a data set, or an unwritable folder.
    """
    names = {pdg: name for name, (pdg, _, _) in DATA_SETS.items()}
    pdg = abs(pdg_code(particle))
    if pdg not in names:
        raise InputError(f"CaloChallenge has data sets of {', '.join(DATA_SETS)}, none of {particle}")
    root = ET.Element("Bins")
    bins = ET.SubElement(root, "Bin", pid=str(pdg), name=names[pdg])
    layers = dict(zip(layer_ids(detector), detector.layers, strict=True))
    for number in range(max(layers) + 1):
        edges, n_phi = "0", 1
        if number in layers:
            cells = _rings(detector, layers[number])
            edges, n_phi = ",".join(f"{edge:.10g}" for edge in cells.edges[1]), cells.shape[0]
        ET.SubElement(bins, "Layer", id=str(number), r_edges=edges, n_bin_alpha=str(n_phi))
    ET.indent(root)
    with replacing(path) as beside:
        ET.ElementTree(root).write(beside, encoding="utf-8")


def layer_ids(detector: Detector) -> list[int]:
    """Ids of the readout layers: a layer without its own id has one more than the layer before.

    Raises:
        InputError: ids are not strictly increasing.
    """
    ids: list[int] = []
    for spec in detector.spec.layer:
        first = spec.id if spec.id is not None else ids[-1] + 1 if ids else 0
        if ids and first <= ids[-1]:
            raise InputError(f"{detector.name}: layer id {first} follows {ids[-1]}; ids must be strictly increasing")
        ids.extend(range(first, first + spec.copies))
    return ids


def _rings(detector: Detector, layer: Layer) -> CylindricalCells:
    if not isinstance(layer.cells, CylindricalCells):
        raise InputError(f"CaloChallenge has cylindrical cells only; {detector.name} has {layer.cells.kind} ones")
    return layer.cells
