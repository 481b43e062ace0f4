"""Detectors: absorber and active material in depth, and the readout cells."""

from caloforge.detector.cells import CartesianCells, CylindricalCells, Grid
from caloforge.detector.detector import Detector, Layer, preset_names
from caloforge.detector.symmetry import symmetries, symmetry_matrices

__all__ = [
    "CartesianCells",
    "CylindricalCells",
    "Detector",
    "Grid",
    "Layer",
    "preset_names",
    "symmetries",
    "symmetry_matrices",
]
