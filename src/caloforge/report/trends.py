"""Means and resolutions against incident energy, angle and entry point."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from caloforge.report.plots import Curves, curves
from caloforge.report.style import FLOOR, REFERENCE, Figure, Labels
from caloforge.validation.moments import Floats
from caloforge.validation.resolution import Resolution, binned, mean_of, width_over_mean
from caloforge.validation.table import Table

POINTS = 200  # of a fitted curve
Metrics = dict[str, Any]


@dataclass(frozen=True)
class TrendAxis:
    """The quantity on the horizontal axis.

    Attributes:
        name: part of the names of files.
        label: label of the axis.
        values: value of each shower (N,), by sample.
        bins: lowest and highest value of each bin.
        scale: factor from the values to the axis.
    """

    name: str
    label: str
    values: dict[str, Floats]
    bins: list[tuple[float, float]]
    scale: float = 1.0

    @property
    def middles(self) -> Floats:
        """Middles of the bins, as on the axis."""
        return self.scale * np.array([(low + high) / 2 for low, high in self.bins])


def trend(
    tables: dict[str, Table],
    name: str,
    against: TrendAxis,
    kind: Literal["mean", "resolution"],
    fits: dict[str, Resolution] | None = None,
) -> Figure:
    """A statistic of an observable in bins, by sample, with fits of the resolution to it."""
    column = next(iter(tables.values()))[name]
    statistic = mean_of if kind == "mean" else width_over_mean
    measured = {sample: binned(table[name].values, against.values[sample], against.bins, statistic)
                for sample, table in tables.items()}  # fmt: skip
    unit = f" [{column.unit}]" if column.unit and kind == "mean" else ""
    y = f"mean {column.label}{unit}" if kind == "mean" else "width / mean of the response"
    x = np.linspace(against.middles[0], against.middles[-1], POINTS)
    drawn = {sample: (x, fit(x)) for sample, fit in (fits or {}).items() if sample in measured}
    title = {"response_mean_energy": "linearity of the response", "response_resolution_energy": "energy resolution"}
    key = f"{name}_{kind}_{against.name}"
    labels = Labels(key, title.get(key, f"{name.replace('_', ' ')} against {against.name}"), column.group)
    return curves(labels, Curves(against.label, y, against.middles, measured, fits=drawn))


def results_by_sample(metrics: Metrics) -> dict[str, Metrics]:
    """Metrics of the floor and the candidates, after the reference's own."""
    return {REFERENCE: metrics["reference"], FLOOR: metrics["floor"], **metrics["candidates"]}


def resolution_fits(metrics: Metrics) -> dict[str, Resolution]:
    """Fitted resolutions by sample; Geant4's is that of the reference."""
    found = results_by_sample(metrics)
    return {name: Resolution(**values["resolution"]) for name, values in found.items() if values.get("resolution")}
