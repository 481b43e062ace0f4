"""Average showers as heat maps, correlations, and classifier scores of all views and samples."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, Normalize, to_hex
from matplotlib.figure import Figure as Canvas

from caloforge.detector import Detector, Grid, Layer
from caloforge.detector.cells.base import Point
from caloforge.report.style import (
    BAND,
    FLOOR,
    REFERENCE,
    WIDTH,
    Figure,
    Labels,
    colours,
    finish,
    legend,
    legend_space,
    plain,
    shortened,
    typeset,
)
from caloforge.validation.cell_tests import spread_layers
from caloforge.validation.moments import Floats
from caloforge.validation.summary import Metrics, verdict_rows

MOST_LAYERS = 5
DECADES = 5
SHADES = 48
SMALL = 18


def shades() -> list[str]:
    """Colours of low to high energies, as hex."""
    return [to_hex(colour) for colour in colormaps["magma"](np.linspace(0.12, 1, SHADES))]


def average_showers(detector: Detector, means: dict[str, Floats], title: str = "average shower") -> Iterator[Figure]:
    """Mean energy per area in each cell, a figure per layer and a map per sample, on one colour scale."""
    slug = re.sub(r"\W+", "_", title)
    for k in spread_layers(detector, MOST_LAYERS):
        layer = detector.layers[k]
        canvas, maps, bar = map_grid(list(means))
        painted = _paint_layer(maps, layer, means)
        colour_bar(canvas, painted, bar, "MeV / mm²")
        data = {"mean_MeV": {name: [float(f"{v:.5g}") for v in mean[layer.slice]] for name, mean in means.items()}}
        labels = Labels(f"{slug}_layer_{k}", f"{title}, layer {k}", "average showers")
        yield finish(canvas, labels, data)


def map_grid(titles: Sequence[str]) -> tuple[Canvas, list[Axes], Axes]:
    """Square axes with titles, in as many rows as needed, and one for the colour bar below them."""
    columns = 2 if len(titles) in (2, 4) else min(3, len(titles))
    rows = -(-len(titles) // columns)
    side = (WIDTH - 0.4) / max(columns, 2)
    title, below = 0.5, 1.25  # inches
    height = rows * (side + title) + below
    canvas = Canvas(figsize=(WIDTH, height))
    maps = []
    left = (WIDTH - columns * side) / 2
    for place, name in enumerate(titles):
        row, column = divmod(place, columns)
        bottom = height - (row + 1) * (side + title)
        box = ((left + column * side + 0.06) / WIDTH, bottom / height, (side - 0.12) / WIDTH, side / height)
        axes = canvas.add_axes(box)
        axes.set_title(plain(shortened(name, 20)), fontsize=SMALL, pad=6)
        maps.append(axes)
    bar = canvas.add_axes((0.1, (below - 0.4) / height, 0.8, 0.22 / height))
    return canvas, maps, bar


def colour_bar(canvas: Canvas, painted: PolyCollection, axes: Axes, label: str) -> None:
    """The colour scale of maps, below them."""
    bar = canvas.colorbar(painted, cax=axes, orientation="horizontal")
    bar.ax.tick_params(labelsize=SMALL - 1, length=4)
    bar.ax.minorticks_off()
    bar.set_label(label, fontsize=SMALL, loc="center")


def _paint_layer(maps: list[Axes], layer: Layer, means: dict[str, Floats]) -> PolyCollection:
    """Heat maps of one layer over five decades below Geant4's hottest cell."""
    outlines = layer.cells.corners()
    highest = float((means[REFERENCE][layer.slice] / layer.cells.areas).max()) or 1.0
    norm = LogNorm(highest * 10.0**-DECADES, highest, clip=True)
    for axes, mean in zip(maps, means.values(), strict=True):
        density = np.maximum(mean[layer.slice] / layer.cells.areas, highest * 10.0**-DECADES)
        painted = paint_cells(axes, layer.cells, outlines, density, norm)
    return painted


def paint_cells(
    axes: Axes, cells: Grid, outlines: list[list[Point]], values: Floats, norm: Normalize
) -> PolyCollection:
    """Colour the outlines of a layer's cells by values (n,)."""
    reach = cells.half_extent
    painted = PolyCollection(outlines, array=values, norm=norm, cmap="magma", linewidth=0,
                             antialiased=False, rasterized=True)  # fmt: skip
    axes.add_collection(painted, autolim=False)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
    axes.minorticks_off()
    return painted


def matrices(labels: Labels, names: Sequence[str], values: dict[str, Floats]) -> Figure:
    """Geant4's matrix of correlations, and each other's difference to it."""
    others = [float(np.abs(v - values[REFERENCE]).max()) for n, v in values.items() if n != REFERENCE]
    limit = max(0.05, *others)
    columns = 2
    rows = -(-len(values) // columns)
    side = (WIDTH - 1.2) / columns
    height = rows * (side + 0.95) + 0.1
    canvas = Canvas(figsize=(WIDTH, height))
    for place, (name, value) in enumerate(values.items()):
        row, column = divmod(place, columns)
        bottom = height - (row + 1) * (side + 0.95) + 0.45
        axes = canvas.add_axes(
            ((1.0 + column * side + 0.05) / WIDTH, bottom / height, (side - 0.15) / WIDTH, side / height)
        )
        if name == REFERENCE:
            _paint_matrix(axes, value, 1.0)
        else:
            _paint_matrix(axes, value - values[REFERENCE], limit)
        title = shortened(name, 20)
        axes.set_title(plain(title if name == REFERENCE else f"{title} − {REFERENCE}"), fontsize=SMALL)
        if column == 0:
            axes.set_yticks(range(len(names)), [typeset(label) for label in names], fontsize=SMALL)
    data = {"names": list(names), "values": {name: value.tolist() for name, value in values.items()}}
    return finish(canvas, labels, data)


def _paint_matrix(axes: Axes, values: Floats, limit: float) -> None:
    axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set(xticks=[], yticks=[])
    axes.minorticks_off()
    axes.set_xlabel(f"colours: ±{limit:.2g}", fontsize=SMALL - 3, loc="center")
    if len(values) <= 6:
        for (row, column), value in np.ndenumerate(values):
            colour = "#ffffff" if abs(value) > 0.7 * limit else "#222222"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=SMALL - 2, color=colour)


def scores(metrics: Metrics) -> Figure:
    """AUC of every view and sample with its error, a row per view, and the floor's as a band."""
    columns, rows = verdict_rows(metrics)
    views = [i for i, column in enumerate(columns) if column.key == "auc" or column.key.startswith("auc_")]
    space = 1.2 + legend_space(list(rows), 0.05)
    height = space + len(views) * max(0.9, 0.22 * len(rows))
    canvas = Canvas(figsize=(WIDTH, height))
    axes = canvas.add_axes((0.3, 1.0 / height, 0.67, 1 - space / height))
    places = np.arange(len(views))[::-1]
    for i, (name, cells) in enumerate(rows.items()):
        value, error = np.array([[cells[view].value, cells[view].error] for view in views], np.float64).T
        shift = 0.6 * (i / max(len(rows) - 1, 1) - 0.5)
        if name == FLOOR:
            axes.barh(places, 2 * error, 0.84, left=value - error, color=BAND, alpha=0.3)
        colour = colours(list(rows))[name]
        axes.errorbar(value, places - shift, xerr=error, fmt="o", markersize=9, linewidth=2.5, color=colour)
    axes.axvline(0.5, color=BAND, linewidth=1.5)
    axes.set(ylim=(-0.6, len(views) - 0.4), xlim=(min(0.45, axes.get_xlim()[0]), 1.02))
    axes.set_xlabel("AUC", fontsize="small")
    axes.minorticks_off()
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_yticks(places, [columns[i].label.removeprefix("AUC ") for i in views], fontsize=SMALL + 3)
    legend(canvas, list(rows), 0.05)
    data = {columns[i].key: {n: [cells[i].value, cells[i].error] for n, cells in rows.items()} for i in views}
    return finish(canvas, Labels("classifiers", "Classifier scores", "classifiers"), data)
