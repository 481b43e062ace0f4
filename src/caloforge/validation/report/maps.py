"""Average showers as heat maps, correlations, and the classifier scores at a glance."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, to_hex
from matplotlib.figure import Figure as Canvas

from caloforge.detector import Detector, Layer
from caloforge.validation.cell_tests import spread_layers
from caloforge.validation.moments import Floats
from caloforge.validation.report.style import (
    BAND,
    FLOOR,
    HEIGHT,
    REFERENCE,
    WIDTH,
    Figure,
    Labels,
    colours,
    finish,
    legend,
    plain,
    typeset,
)
from caloforge.validation.summary import Metrics, verdict_rows

MOST_LAYERS = 5
DECADES = 5
SHADES = 48
MAP = 3.4  # inches of one heat map
SMALL = 16
Point = tuple[float, float]


def shades() -> list[str]:
    """Colours of low to high energies, as hex."""
    return [to_hex(colour) for colour in colormaps["magma"](np.linspace(0.12, 1, SHADES))]


def cell_corners(layer: Layer) -> list[list[Point]]:
    """Outlines of the layer's cells in x and y [mm], in flat order; arcs of rings as short chords."""
    return layer.cells.corners()


def average_showers(detector: Detector, means: dict[str, Floats]) -> Figure:
    """Mean energy per area in each cell, a row per sample and a column per layer, one colour scale per layer."""
    layers = spread_layers(detector, MOST_LAYERS)
    rows, width, height = len(means), MAP * len(layers) + 0.6, MAP * len(means) + 1.1
    canvas = Canvas(figsize=(width, height))
    canvas.subplots_adjust(0.5 / width, 0.55 / height, 1 - 0.15 / width, 1 - 0.4 / height, hspace=0.05, wspace=0.1)
    grid = canvas.add_gridspec(rows + 1, len(layers), height_ratios=[*[1] * rows, 0.07])
    for column, k in enumerate(layers):
        maps = [canvas.add_subplot(grid[row, column]) for row in range(rows)]
        maps[0].set_title(f"layer {k}", fontsize=SMALL)
        painted = _paint_layer(maps, detector.layers[k], means)
        bar = canvas.colorbar(painted, cax=canvas.add_subplot(grid[rows, column]), orientation="horizontal")
        bar.ax.tick_params(labelsize=SMALL - 3, length=4)
        bar.ax.minorticks_off()
        bar.set_label("MeV / mm²", fontsize=SMALL - 3, loc="center")
        if column == 0:
            for axes, name in zip(maps, means, strict=True):
                axes.set_ylabel(plain(name), fontsize=SMALL, loc="center")
    data = {"mean_MeV": {name: [float(f"{v:.5g}") for v in mean] for name, mean in means.items()}}
    return finish(canvas, Labels("average_showers", "Average showers", "average showers"), data, columns=2)


def _paint_layer(maps: list[Axes], layer: Layer, means: dict[str, Floats]) -> PolyCollection:
    """Heat maps of one layer over five decades below Geant4's hottest cell."""
    outlines, reach = cell_corners(layer), layer.cells.half_extent
    highest = float((means[REFERENCE][layer.slice] / layer.cells.areas).max()) or 1.0
    norm = LogNorm(highest * 10.0**-DECADES, highest, clip=True)
    for axes, mean in zip(maps, means.values(), strict=True):
        density = np.maximum(mean[layer.slice] / layer.cells.areas, highest * 10.0**-DECADES)
        painted = PolyCollection(outlines, array=density, norm=norm, cmap="magma", linewidth=0, antialiased=False,
                                 rasterized=True)  # fmt: skip
        axes.add_collection(painted, autolim=False)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
        axes.minorticks_off()
    return painted


def matrices(labels: Labels, names: Sequence[str], values: dict[str, Floats]) -> Figure:
    """Geant4's matrix of correlations, and each other's difference to it."""
    width, height = 4.6 * len(values) + 0.8, 5.4
    canvas = Canvas(figsize=(width, height))
    axes = canvas.subplots(1, len(values), squeeze=False)[0]
    canvas.subplots_adjust(left=0.9 / width, right=1 - 0.2 / width, bottom=0.1, top=0.92, wspace=0.1)
    others = [float(np.abs(v - values[REFERENCE]).max()) for n, v in values.items() if n != REFERENCE]
    for axis, (name, value) in zip(axes, values.items(), strict=True):
        if name == REFERENCE:
            _paint_matrix(axis, value, 1.0)
        else:
            _paint_matrix(axis, value - values[REFERENCE], max(0.05, *others, 0.05))
        axis.set_title(plain(name if name == REFERENCE else f"{name} − {REFERENCE}"), fontsize=SMALL)
    axes[0].set_yticks(range(len(names)), [typeset(name) for name in names], fontsize=SMALL)
    data = {"names": list(names), "values": {name: value.tolist() for name, value in values.items()}}
    return finish(canvas, labels, data, columns=2)


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
    """AUC of every view and sample with its error, and the floor's as a band."""
    columns, rows = verdict_rows(metrics)
    views = [i for i, column in enumerate(columns) if column.key.startswith("auc_")]
    canvas = Canvas(figsize=(2 * WIDTH, HEIGHT))
    axes = canvas.subplots()
    canvas.subplots_adjust(left=0.08, right=0.98, bottom=0.09, top=0.92)
    for i, (name, cells) in enumerate(rows.items()):
        value, error = np.array([[cells[view].value, cells[view].error] for view in views], np.float64).T
        place = np.arange(len(views)) + 0.56 * (i / max(len(rows) - 1, 1) - 0.5)
        if name == FLOOR:
            axes.bar(np.arange(len(views)), 2 * error, 0.84, bottom=value - error, color=BAND, alpha=0.3)
        axes.errorbar(place, value, yerr=error, fmt="o", markersize=10, linewidth=2.5, color=colours(list(rows))[name])
    axes.axhline(0.5, color=BAND, linewidth=1.5)
    axes.set(xlim=(-0.5, len(views) - 0.5), ylim=(min(0.45, axes.get_ylim()[0]), 1.02), ylabel="AUC")
    axes.tick_params(axis="x", which="both", length=0)
    axes.set_xticks(range(len(views)), [columns[i].label.removeprefix("AUC ") for i in views])
    legend(canvas, list(rows))
    data = {columns[i].key: {n: [cells[i].value, cells[i].error] for n, cells in rows.items()} for i in views}
    return finish(canvas, Labels("classifiers", "Classifier scores", "classifiers"), data, columns=2)
