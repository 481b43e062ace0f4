"""Showers and cell shapes for the rotating display: Geant4 and each candidate at nearly the same incident energy."""

from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.report.maps import shades
from caloforge.report.style import REFERENCE, colours
from caloforge.showers import Showers

EVENTS = 5
MOST_CELLS = 1500


def display_data(samples: dict[str, Showers]) -> dict[str, Any]:
    """Outlines [mm], depths [mm], and for five incident energies the hottest cells of one shower per sample."""
    reference = samples[REFERENCE]
    energy = reference.incidents.energy
    rows = [int(np.argmin(np.abs(energy - e))) for e in np.quantile(energy, np.linspace(0.1, 0.9, EVENTS))]
    events: list[dict[str, Any]] = [
        {"energy": float(energy[row]), "showers": [_shower(s, energy[row]) for s in samples.values()]}
        for row in dict.fromkeys(rows)
    ]
    used = sorted({cell for event in events for shower in event["showers"] for cell in shower["cells"]})
    return {
        "names": list(samples),
        "colours": list(colours(list(samples)).values()),
        "shades": shades(),
        "events": events,
        "cells": _shapes(reference.detector, used),
        "box": _box(reference.detector),
    }


def _shower(showers: Showers, energy: float) -> dict[str, Any]:
    row = int(np.argmin(np.abs(showers.incidents.energy - energy)))
    cells = showers[row : row + 1].thresholded()[0]
    hottest = np.argsort(cells)[::-1][:MOST_CELLS]
    hottest = hottest[cells[hottest] > 0]
    return {
        "incident": float(showers.incidents.energy[row]),
        "total": float(cells.sum()),
        "cells": hottest.tolist(),
        "densities": [float(f"{e:.4g}") for e in cells[hottest] / showers.detector.cell_volumes[hottest]],
    }


def _shapes(detector: Detector, cells: list[int]) -> dict[int, list[Any]]:
    """Depth range and outline of each cell used."""
    outlines = {k: layer.cells.corners() for k, layer in enumerate(detector.layers)}
    shapes = {}
    for cell in cells:
        k = int(detector.cell_layer[cell])
        layer = detector.layers[k]
        outline = [[round(x, 2), round(y, 2)] for x, y in outlines[k][cell - layer.start]]
        shapes[cell] = [round(layer.z_min, 2), round(layer.z_max, 2), outline]
    return shapes


def _box(detector: Detector) -> list[float]:
    """Half width and depth [mm]."""
    return [max(layer.cells.half_extent for layer in detector.layers), detector.depth]
