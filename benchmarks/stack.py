"""The plates of a preset, read out unit by unit in rings, for longitudinal and radial profiles."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.cells import CylindricalCells
from caloforge.detector.materials import matter
from caloforge.detector.sampling import Unit, main_layer, minimum_loss
from caloforge.detector.spec import IncidentDefaults, LayerSpec, Readout

Floats = NDArray[np.float64]
RINGS = 24
INNERMOST = 1.0  # outer radius of the first ring [mm]


@dataclass(frozen=True)
class Stack:
    """A preset whose plates are read out unit by unit.

    Attributes:
        preset: the detector.
    """

    preset: Detector

    @cached_property
    def detector(self) -> Detector:
        """Detector with one readout layer per unit of plates, and cells in rings."""
        spec, half = self.preset.spec, max(self.preset.half_widths)
        edges = [0.0, *np.geomspace(INNERMOST, half, RINGS).round(6).tolist()[:-1], half]
        values = {"kind": "cylindrical", "n": (1, RINGS), "r_edges": tuple(f"{edge!r} mm" for edge in edges)}
        rings = CylindricalCells.build(values, "rings")
        layers = tuple(self._unit(layer, rings) for layer in spec.layer)
        changes = {"name": f"{spec.name}-units", "readout": Readout(), "incidents": IncidentDefaults(), "layer": layers}
        return Detector.from_toml(spec.model_copy(update=changes).to_toml())

    @staticmethod
    def _unit(layer: LayerSpec, rings: CylindricalCells) -> LayerSpec:
        return layer.model_copy(update={"copies": layer.copies * layer.repeat, "repeat": 1, "cells": rings})

    @cached_property
    def plates(self) -> list[list[tuple[float, bool]]]:
        """Depth [X0] of each plate, and whether it counts, unit by unit."""
        return [
            [(p.thickness / matter(p.material, self.preset).x0_mm, p.material in layer.spec.counts)
             for p in layer.spec.plates]
            for layer in self.detector.layers
        ]  # fmt: skip

    @cached_property
    def main(self) -> NDArray[np.bool_]:
        """Mask (n_units,) of the units of the calorimeter, without dead material and presampler."""
        proper = main_layer(self.preset).plates
        return np.array([layer.spec.plates == proper for layer in self.detector.layers])

    @cached_property
    def depths(self) -> Floats:
        """Depths (n_units, 2) [X0] at which the counted plates of each unit begin and end."""
        depths, t = [], 0.0
        for unit in self.plates:
            ends = t + np.cumsum([0.0, *(depth for depth, _ in unit)])
            counted = np.flatnonzero([counts for _, counts in unit])
            depths.append((ends[counted[0]], ends[counted[-1] + 1]))
            t = ends[-1]
        return np.array(depths)

    @cached_property
    def losses(self) -> Floats:
        """Energy loss (n_units,) [MeV] of a minimum-ionising particle in the counted plates of each unit."""
        return np.array([minimum_loss(Unit.of(self.preset, la.spec).counted) for la in self.detector.layers])

    @cached_property
    def critical_energy(self) -> float:
        """Critical energy [MeV]: mean over all plates, weighted by their depth in X0."""
        plates = [plate for layer in self.detector.layers for plate in layer.spec.plates]
        energies = [matter(plate.material, self.preset).critical_energy for plate in plates]
        return float(np.average(energies, weights=[depth for unit in self.plates for depth, _ in unit]))

    @cached_property
    def dead_depth(self) -> float:
        """Depth [X0] of dead material before the calorimeter."""
        before = self.plates[: int(np.argmax(self.main))]
        return math.fsum(depth for unit in before for depth, counts in unit if not counts)
