"""Inputs of the judge: named features of thresholded showers, grouped in views."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector, symmetries
from caloforge.errors import InputError
from caloforge.particles import particle_name
from caloforge.showers import Showers
from caloforge.validation.features import lowest
from caloforge.validation.judges.columns import Columns, Matrix, join, stack
from caloforge.validation.judges.features import features
from caloforge.validation.judges.hits import hit_edges
from caloforge.validation.judges.shapes import shapes

VIEWS = ("features", "shapes", "cells")
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
MOST_COPIES = 8  # enough for all symmetries of square cells; rings can have a hundred


@dataclass(frozen=True)
class Inputs:
    """Features of showers in every view; selecting rows copies nothing until a matrix is needed.

    Attributes:
        detector: the detector.
        columns: features by name of the view: "conditions" (known quantities of the incidents), "features", "shapes"
            and "cells"; the last are log10 of the energy over the threshold, 0 for empty cells (N, n_cells).
        symmetries: permutations (n_symmetries, n_cells) of the cells that do not change the distribution of Geant4's
            showers of these incidents; the identity is the first.
        rows: selected rows; None for all.
    """

    detector: Detector
    columns: dict[str, Columns]
    symmetries: Indices
    rows: Indices | None = None

    def __len__(self) -> int:
        return len(self.columns["conditions"].values) if self.rows is None else len(self.rows)

    def __getitem__(self, rows: Any) -> "Inputs":
        """Inputs of the rows of a slice, of indices or of a mask."""
        taken = np.arange(len(self))[rows] if self.rows is None else self.rows[rows]
        return replace(self, rows=taken)

    def view(self, name: str) -> Matrix:
        """Features of one view, float32 (N, columns)."""
        values = self.columns[name].values
        return values if self.rows is None else values[self.rows]

    def matrix(self, views: Sequence[str]) -> Matrix:
        """The conditions, then the features of the views, float32 (N, columns)."""
        return np.concatenate([self.view(name) for name in ("conditions", *views)], axis=1)

    def names(self, views: Sequence[str]) -> list[str]:
        """Names of the columns of `matrix`, in words."""
        return [name for view in ("conditions", *views) for name in self.columns[view].names]

    @cached_property
    def grid(self) -> tuple[int, int, int] | None:
        """Numbers of layers and of cells along both axes if all layers have the same cells, else None."""
        return regular_grid(self.detector)


class Sample(NamedTuple):
    """Showers for training or selection, with labels (N,), 1 for Geant4 and 0 for others, and weights (N,)."""

    inputs: Inputs
    labels: Floats
    weights: Floats


def regular_grid(detector: Detector) -> tuple[int, int, int] | None:
    """Numbers of layers and of cells along both axes if all layers have the same cells, else None."""
    first = detector.layers[0].cells
    if not first.is_array or any(layer.cells != first for layer in detector.layers):
        return None
    return (len(detector.layers), *first.shape)


def make_inputs(reference: Showers, *others: Showers) -> Inputs:
    """Inputs of the reference, followed by those of other samples; the energies of hits depend on the reference only.

    Raises:
        InputError: a sample has another detector.
    """
    samples = (reference, *others)
    for other in others:
        if other.detector != reference.detector:
            raise InputError(f"showers of {other.detector.name} cannot be judged against {reference.detector.name}")
    edges = hit_edges(reference)
    parts = [_views(showers, edges) for showers in samples]
    columns = {"conditions": stack(_conditions(samples))}
    columns |= {view: stack([part.pop(view) for part in parts]) for view in VIEWS}
    return Inputs(reference.detector, columns, _symmetries(samples))


def _views(showers: Showers, edges: Floats) -> dict[str, Columns]:
    cells = showers.thresholded()
    scale = showers.detector.readout.sampling_fraction * showers.incidents.energy
    return {
        "features": features(showers.detector, cells, scale, edges),
        "shapes": shapes(showers.detector, cells, edges),
        "cells": Columns(cell_names(showers.detector), log_cells(showers.detector, cells)),
    }


def log_cells(detector: Detector, cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """log10 of energies (N, n_cells) [MeV] over the threshold (1 eV if there is none); empty cells are 0."""
    least = lowest(detector)
    return np.log10(np.maximum(cells, least) / least)


def cell_names(detector: Detector) -> tuple[str, ...]:
    """Names of the cells: layer, and place along both axes."""
    names = []
    for k, layer in enumerate(detector.layers):
        names += [f"layer {k}: cell {label}" for label in layer.cells.labels()]
    return tuple(names)


def _conditions(samples: Sequence[Showers]) -> list[Columns]:
    """log10 E_inc; theta, phi and entry point if they vary; one column per particle if there are several."""
    known = [_known(showers) for showers in samples]
    varies = {name for name in known[0] if any(np.ptp(k[name]) > 0 for k in known if len(k[name]))}
    codes = np.unique(np.concatenate([showers.incidents.pdg for showers in samples]))
    result = []
    for showers, values in zip(samples, known, strict=True):
        columns = {name: column for name, column in values.items() if name == "log E_inc" or name in varies}
        if len(codes) > 1 and 0 not in codes:
            columns |= {f"is {particle_name(int(c))}": showers.incidents.pdg == c for c in codes}
        result.append(join(columns))
    return result


def _known(showers: Showers) -> dict[str, Floats]:
    """Quantities of the incidents by name, with polar angles rounded to 1 mrad and entry points to 0.1 mm."""
    incidents = showers.incidents
    theta = np.round(incidents.theta, 3)
    inclined = np.where(theta > 0, 1.0, 0.0)
    return {
        "log E_inc": np.log10(incidents.energy),
        "theta": theta,
        "cos phi": inclined * np.cos(incidents.phi),
        "sin phi": inclined * np.sin(incidents.phi),
        "entry point x": np.round(incidents.position[:, 0], 1) + 0.0,
        "entry point y": np.round(incidents.position[:, 1], 1) + 0.0,
    }


def _symmetries(samples: Sequence[Showers]) -> Indices:
    """The detector's symmetries for centred showers along the axis, at most `MOST_COPIES`; else the identity."""
    centred = all(not known[name].any() for known in map(_known, samples)
                  for name in ("theta", "entry point x", "entry point y"))  # fmt: skip
    detector = samples[0].detector
    if not centred:
        return np.arange(detector.n_cells)[None]
    found = symmetries(detector)
    return found[np.linspace(0, len(found), min(len(found), MOST_COPIES), endpoint=False).astype(np.int64)]
