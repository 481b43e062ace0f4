"""Sections: consecutive layers that share features, so that ninety layers do not give thousands of features."""

from dataclasses import dataclass

import numpy as np

from caloforge.detector import Detector
from caloforge.validation.moments import Floats, coordinates

MOST = 12


@dataclass(frozen=True)
class Section:
    """One to several consecutive layers.

    Attributes:
        label: "layer 3" or "layers 3-7".
        first, last: numbers of the layers.
        cells: slice of their cells on the flat cell axis.
        position: x, y, r of the cell centres (n, 3) [mm].
    """

    label: str
    first: int
    last: int
    cells: slice
    position: Floats


def sections(detector: Detector, most: int = MOST) -> list[Section]:
    """One section per layer, or `most` sections of nearly equal numbers of layers if there are more layers."""
    layers = detector.layers
    groups = np.array_split(np.arange(len(layers)), min(most, len(layers)))
    result = []
    for group in groups:
        first, last = int(group[0]), int(group[-1])
        label = f"layer {first}" if first == last else f"layers {first}-{last}"
        position = np.concatenate([coordinates(layer) for layer in layers[first : last + 1]])
        cells = slice(layers[first].start, layers[last].stop)
        result.append(Section(label, first, last, cells, position))
    return result
