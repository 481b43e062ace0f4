"""Files of others: CaloChallenge (with its binning XML), CaloGAN and the CLIC 3D-GAN, read into Showers and written."""

import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caloforge.detector import CylindricalCells, Detector, Layer
from caloforge.detector.spec import DetectorSpec
from caloforge.errors import InputError
from caloforge.files import read_bytes, replacing
from caloforge.particles import PDG, pdg_code
from caloforge.showers.container import Showers
from caloforge.showers.hdf5 import created, opened
from caloforge.showers.incidents import Incidents
from caloforge.showers.values import cell_energies, noted

GEV = 1000.0  # MeV
UNKNOWN_MATTER = "unknown"
# particle of a binning -> PDG code, threshold [MeV] and sampling fraction of its data set (arXiv:2410.21611, section 2)
CALOCHALLENGE = {"photon": (22, 1.0, 1.0), "pion": (211, 1.0, 1.0), "electron": (11, 0.0005, 0.033)}


def binning_detector(path: Path) -> Detector:
    """The readout of a CaloChallenge binning XML: cells only, one 1 mm plate of unknown matter per layer.

    The order of cells is the same. CaloChallenge's evaluation puts the first angle at -pi and we put it at 0, so that
    its centres of energy in eta and phi have the opposite sign. Geant4 and GFlash refuse the unknown matter.

    Raises:
        InputError: missing file, not XML, or not a binning of one particle.
    """
    text = read_bytes(path)
    try:
        bins = ET.fromstring(text).findall("Bin")
        if len(bins) != 1:
            raise InputError(f"{path} describes {len(bins)} particles, not one")
        name = bins[0].attrib["name"]
        layers = [_binned_layer(layer.attrib) for layer in bins[0].findall("Layer")]
    except (ET.ParseError, KeyError, ValueError) as error:
        raise InputError(f"{path} is not a CaloChallenge binning: {error}") from None
    _, threshold, fraction = CALOCHALLENGE.get(name, (0, 0.0, 1.0))
    values = {
        "name": f"calochallenge-{name}",
        "description": f"CaloChallenge binning of {name} showers: cells without matter",
        "readout": {"threshold": f"{threshold} MeV", "sampling_fraction": fraction},
        "layer": [layer for layer in layers if layer],
    }
    return Detector(DetectorSpec.build(values, str(path)))


def _binned_layer(attributes: dict[str, str]) -> dict[str, Any] | None:
    """One `[[layer]]` table of a binning's layer; None for a layer without cells."""
    edges = [float(edge) for edge in attributes["r_edges"].split(",")]
    if len(edges) < 2:
        return None
    return {
        "plates": [{"material": UNKNOWN_MATTER, "thickness": "1 mm"}],
        "counts": [UNKNOWN_MATTER],
        "cells": {"kind": "cylindrical", "n": [int(attributes["n_bin_alpha"]), len(edges) - 1],
                  "r_edges": [f"{edge!r} mm" for edge in edges]},
    }  # fmt: skip


def write_binning(path: Path, detector: Detector, particle: str) -> None:
    """Write the binning XML of a detector with cylindrical cells, for CaloChallenge's evaluation script.

    Raises:
        InputError: cells that are not cylindrical, a particle without a data set, or an unwritable folder.
    """
    names = {pdg: name for name, (pdg, _, _) in CALOCHALLENGE.items()}
    pdg = pdg_code(particle)
    if pdg not in names:
        raise InputError(f"CaloChallenge has data sets of {', '.join(CALOCHALLENGE)}, none of {particle}")
    root = ET.Element("Bins")
    bins = ET.SubElement(root, "Bin", pid=str(pdg), name=names[pdg])
    for index, layer in enumerate(detector.layers):
        edges = ",".join(f"{edge:.10g}" for edge in _rings(detector, layer).edges[1])
        ET.SubElement(bins, "Layer", id=str(index), r_edges=edges, n_bin_alpha=str(layer.cells.shape[0]))
    ET.indent(root)
    with replacing(path) as beside:
        ET.ElementTree(root).write(beside, encoding="utf-8")


def _rings(detector: Detector, layer: Layer) -> CylindricalCells:
    if not isinstance(layer.cells, CylindricalCells):
        raise InputError(f"CaloChallenge has cylindrical cells only; {detector.name} has {layer.cells.kind} ones")
    return layer.cells


def read_calochallenge(path: Path, detector: Detector, particle: str) -> Showers:
    """Read CaloChallenge showers, MeV: `showers` (N, n_cells) = E / sampling_fraction and `incident_energies` (N, 1).

    Raises:
        InputError: a file that is damaged, or does not fit the detector.
    """
    with opened(path) as file:
        energies = _array(file, path, "showers", (detector.n_cells,)) * detector.readout.sampling_fraction
        energy = _array(file, path, "incident_energies", (1,))[:, 0]
    return _showers(path, detector, Incidents.make(particle, energy), energies, "CaloChallenge")


def write_calochallenge(path: Path, showers: Showers) -> None:
    """Write showers in CaloChallenge's layout, float64, raw energies over the detector's sampling fraction.

    Raises:
        InputError: the folder cannot be written.
    """
    with created(path) as file:
        energies = showers.energies.astype(np.float64) / showers.detector.readout.sampling_fraction
        file.create_dataset("showers", data=energies, compression="gzip")
        file.create_dataset("incident_energies", data=showers.incidents.energy[:, None], compression="gzip")


def read_calogan(path: Path, detector: Detector, particle: str) -> Showers:
    """Read CaloGAN showers (arXiv:1705.02355): `layer_i` (N, n_x, n_y) in MeV, `energy` (N, 1) in GeV.

    Raises:
        InputError: a file that is damaged, or does not fit the detector.
    """
    with opened(path) as file:
        layers = [
            _array(file, path, f"layer_{i}", layer.cells.shape).reshape(-1, layer.stop - layer.start)
            for i, layer in enumerate(detector.layers)
        ]
        energy = GEV * _array(file, path, "energy", (1,))[:, 0]
    if len({len(layer) for layer in layers}) > 1:
        raise InputError(f"{path}: the layers hold different numbers of showers")
    return _showers(path, detector, Incidents.make(particle, energy), np.concatenate(layers, axis=1), "CaloGAN")


def read_clic(path: Path, detector: Detector) -> Showers:
    """Read 3D-GAN showers (arXiv:1912.06794): `ECAL` (N, x, y, z) in GeV; `target` PDG code and energy [GeV] of each.

    Raises:
        InputError: a file that is damaged, or does not fit the detector.
    """
    shapes = {layer.cells.shape for layer in detector.layers}
    if len(shapes) > 1:
        raise InputError(f"3D-GAN files hold one grid for all layers; {detector.name} has {len(shapes)}")
    shape = (*shapes.pop(), len(detector.layers))
    with opened(path) as file:
        cells = GEV * _array(file, path, "ECAL", shape)
        target = _array(file, path, "target", None).reshape(len(cells), -1)
    if target.shape[1] < 2 or not np.isin(target[:, 0], list(PDG.values())).all():
        raise InputError(f"{path}: data set 'target' does not hold PDG code and energy of each shower")
    incidents = Incidents.make(target[:, 0].astype(np.int32), GEV * target[:, 1])
    return _showers(path, detector, incidents, np.moveaxis(cells, 3, 1).reshape(len(cells), -1), "CLIC 3D-GAN")


def _array(file: Any, path: Path, name: str, shape: tuple[int, ...] | None) -> NDArray[np.float64]:
    """A numeric data set (N, *shape); a shape of None takes any."""
    found = file.get(name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu":
        raise InputError(f"{path} has no numeric data set '{name}'")
    if shape is not None and (found.ndim < 1 or math.prod(found.shape[1:]) != math.prod(shape)):
        raise InputError(f"{path}: data set '{name}' has shape {found.shape}, the detector needs (N, {str(shape)[1:]}")
    values: NDArray[np.float64] = found[:].astype(np.float64)
    return values if shape is None else values.reshape(-1, *shape)


def _showers(
    path: Path, detector: Detector, incidents: Incidents, energies: NDArray[np.float64], layout: str
) -> Showers:
    """Showers with the energies checked."""
    try:
        note = cell_energies(energies, detector.threshold)
        provenance = noted({"simulator": "file", "file": path.name, "layout": layout}, note)
        return Showers(detector, incidents, energies.astype(np.float32), provenance)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
