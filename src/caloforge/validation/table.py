"""Table of all scalar observables of a sample, with labels, units and bins."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from caloforge.showers import Showers
from caloforge.validation import observables as obs
from caloforge.validation.moments import Energies, Floats, lateral_moments
from caloforge.validation.photon_id import photon_shapes

MANY_LAYERS = 12
Group = Literal["energy", "layers", "longitudinal", "lateral", "cells", "photon identification"]


@dataclass(frozen=True)
class Observable:
    """One number per shower.

    Attributes:
        values: values (N,); undefined ones are NaN.
        label: label of the axis, with subscripts `_{..}` and superscripts `^{..}`.
        unit: unit; empty for pure numbers.
        group: section of the report.
        layer: readout layer, or None for the whole shower.
        log: whether it is binned in its logarithm.
    """

    values: Floats
    label: str
    unit: str
    group: Group
    layer: int | None = None
    log: bool = False


Table = dict[str, Observable]


def observable_table(showers: Showers) -> Table:
    """All scalar observables of the showers, which are thresholded first."""
    energies, detector, incident = showers.thresholded(), showers.detector, showers.incidents.energy
    layers = obs.layer_energies(detector, energies)
    table = _energy(showers, energies, layers)
    table |= _longitudinal(showers, energies, layers) | _cells(energies, incident)
    table |= _lateral(showers, energies)
    table |= {
        name: Observable(values, *PHOTON_LABELS[name], "photon identification")
        for name, values in photon_shapes(detector, energies).items()
    }
    return table


def _energy(showers: Showers, energies: Energies, layers: Floats) -> Table:
    detector, incident = showers.detector, showers.incidents.energy
    shared = detector.readout.sampling_fraction
    label = "E_{tot} / E_{inc}" if shared == 1 else f"E_{{tot}} / ({shared:g} E_{{inc}})"
    table = {
        "energy": Observable(layers.sum(axis=1), "E_{tot}", "MeV", "energy"),
        "response": Observable(obs.response(detector, energies, incident), label, "", "energy"),
    }
    share = obs.fractions(layers)
    for k in range(layers.shape[1]):
        name = f"E_{{{k}}}"
        table[f"energy_layer_{k}"] = Observable(layers[:, k], name, "MeV", "layers", k, log=True)
        label = f"E_{{{k}}} / E_{{tot}}"
        table[f"fraction_layer_{k}"] = Observable(share[:, k], label, "", "layers", k)
    return table


def _longitudinal(showers: Showers, energies: Energies, layers: Floats) -> Table:
    detector = showers.detector
    table = {
        "side_leakage": Observable(obs.side_leakage(detector, energies), "share of outermost cells", "", "lateral")
    }
    if len(detector.layers) < 2:
        return table
    columns = {
        "depth_centre": (obs.depth_centre(detector, layers), "shower centre in depth", "mm"),
        "depth_width": (obs.depth_width(detector, layers), "width in depth", "mm"),
        "shower_maximum": (obs.shower_maximum(detector, layers), "depth of shower maximum", "mm"),
        "start_layer": (obs.start_layer(layers), "start layer", ""),
        "rear_leakage": (obs.rear_leakage(layers), "share of the last layer", ""),
    }
    return table | {name: Observable(*column, "longitudinal") for name, column in columns.items()}


def _cells(energies: Energies, incident: Floats) -> Table:
    first, second = obs.hottest_cells(energies)
    columns = {
        "sparsity": (obs.sparsity(energies), "share of empty cells"),
        "hottest_cell": (first / incident, "hottest cell / E_{inc}"),
        "second_cell": (second / incident, "second-hottest cell / E_{inc}"),
        "hottest_ratio": (obs.hottest_ratio(energies), "second-hottest over hottest cell"),
    }
    return {name: Observable(values, label, "", "cells") for name, (values, label) in columns.items()}


def _lateral(showers: Showers, energies: Energies) -> Table:
    moments = lateral_moments(showers.detector, energies)
    table: Table = {}
    for k in range(len(showers.detector.layers)):
        for kind, word in (("centre", "centre"), ("width", "width")):
            for axis in ("x", "y", "r"):
                values = obs.defined(moments, kind, axis)[:, k]
                label = f"{word} in {axis}, layer {k}"
                table[f"{kind}_{axis}_layer_{k}"] = Observable(values, label, "mm", "lateral", k)
        label = f"share of empty cells, layer {k}"
        table[f"sparsity_layer_{k}"] = Observable(1 - moments.occupancy[:, k], label, "", "cells", k)
    return table


def defined(table: Table) -> Table:
    """The observables that are defined for some shower."""
    return {name: column for name, column in table.items() if np.isfinite(column.values).any()}


PHOTON_LABELS = {
    "r_eta": ("R_{η}", ""),
    "r_phi": ("R_{φ}", ""),
    "w_eta2": ("w_{η2}", "cells"),
    "w_s3": ("w_{s3}", "strips"),
    "e_ratio": ("E_{ratio}", ""),
}


def bin_edges(column: Observable, bins: int = 50) -> Floats:
    """Histogram edges for the reference: its central 99.8 %, widened by a tenth; one bin per value if few occur."""
    values = column.values[np.isfinite(column.values)]
    distinct = np.unique(values)
    if 1 < len(distinct) <= 30:
        middles = (distinct[1:] + distinct[:-1]) / 2
        return np.concatenate([[2 * distinct[0] - middles[0]], middles, [2 * distinct[-1] - middles[-1]]])
    if column.log and (values > 0).any():
        low, high = np.log(np.quantile(values[values > 0], [0.001, 0.999]))
        return np.exp(_widened(low, high, bins))
    low, high = np.quantile(values, [0.001, 0.999]) if len(values) else (0.0, 1.0)
    return _widened(low, high, bins)


def _widened(low: float, high: float, bins: int) -> Floats:
    margin = 0.1 * (high - low) or 0.01 * abs(low) or 1.0
    return np.linspace(low - margin, high + margin, bins + 1)
