"""Average showers as heat maps, correlations, and the classifier scores at a glance."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector, Layer
from caloforge.validation.cell_tests import spread_layers
from caloforge.validation.moments import Floats
from caloforge.validation.report.axes import Axes, Scale
from caloforge.validation.report.draw import BAND, FLOOR, REFERENCE, Figure, Labels, colours, finish, legend
from caloforge.validation.report.paper import INK, Paper, Point
from caloforge.validation.summary import Metrics, verdict_rows

MOST_LAYERS = 5
SHADES = 48
DECADES = 5
MAGMA = ("#000004", "#1c1044", "#4f127b", "#812581", "#b5367a", "#e55064", "#fb8761", "#fec287", "#fcfdbf")
DIVERGING = ("#2166ac", "#67a9cf", "#d1e5f0", "#f7f7f7", "#fddbc7", "#ef8a62", "#b2182b")


def shades(anchors: Sequence[str], n: int = SHADES) -> list[str]:
    """Colours between anchors."""
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in anchors], np.float64)
    at = np.linspace(0, len(anchors) - 1, n)
    mixed = np.column_stack([np.interp(at, np.arange(len(anchors)), rgb[:, i]) for i in range(3)])
    return ["#" + "".join(f"{round(v):02x}" for v in row) for row in mixed]


def cell_corners(layer: Layer) -> list[list[Point]]:
    """Outlines of the layer's cells in x and y [mm], in flat order; arcs of rings as short chords."""
    first, second = layer.cells.edges
    outlines = []
    for a, b in pairwise(first):
        for c, d in pairwise(second):
            if layer.cells.kind == "cartesian":
                outlines.append([(a, c), (b, c), (b, d), (a, d)])
                continue
            phi = np.linspace(a, b, max(2, round((b - a) / 0.2)))
            outlines.append([(r * np.cos(p), r * np.sin(p)) for r, ps in ((d, phi), (c, phi[::-1])) for p in ps])
    return [[(float(x), float(y)) for x, y in outline] for outline in outlines]


def average_showers(detector: Detector, means: dict[str, Floats]) -> Figure:
    """Mean energy per area in each cell, a row per sample and a column per layer, one colour scale per layer."""
    layers = spread_layers(detector, MOST_LAYERS)
    size, gap, left, top = 128.0, 10.0, 34.0, 20.0
    paper = Paper(left + len(layers) * (size + gap), top + len(means) * (size + gap) + 38)
    for column, k in enumerate(layers):
        layer = detector.layers[k]
        outlines, highest = cell_corners(layer), float((means[REFERENCE][layer.slice] / layer.cells.areas).max()) or 1.0
        x = left + column * (size + gap)
        paper.text((x + size / 2, top - 7), f"layer {k}", 10)
        for row, mean in enumerate(means.values()):
            level = _log_level(mean[layer.slice] / layer.cells.areas / highest)
            _paint(paper, outlines, level, (x, top + row * (size + gap)), size, layer.cells.half_extent)
        _colour_bar(paper, (x, top + len(means) * (size + gap) + 2), size, highest)
    for row, name in enumerate(means):
        paper.text((left - 10, top + row * (size + gap) + size / 2), name, 11, turned=True)
    data = {"mean_MeV": {name: [float(f"{v:.5g}") for v in mean] for name, mean in means.items()}}
    return finish(paper, Labels("average_showers", "Average showers", "average showers", "", ""), data, wide=True)


def _log_level(share: Floats) -> NDArray[np.intp]:
    """Shade of a share of the highest value, over five decades."""
    logs = np.log10(np.maximum(share, 10.0**-DECADES)) / DECADES + 1
    return (logs * (SHADES - 1)).round().astype(np.intp).clip(0, SHADES - 1)


def _paint(
    paper: Paper, outlines: list[list[Point]], level: NDArray[np.intp], corner: Point, size: float, reach: float
) -> None:
    """Fill cells with their shades in a square of the paper, by colour."""
    x0, y0, scale = corner[0] + size / 2, corner[1] + size / 2, size / (2 * reach)
    for shade in np.unique(level):
        chosen = ([(x0 + scale * x, y0 - scale * y) for x, y in outlines[i]] for i in np.flatnonzero(level == shade))
        paper.fill(chosen, shades(MAGMA)[shade], crisp=True)
    box = [(corner[0], corner[1]), (corner[0] + size, corner[1]), (corner[0] + size, corner[1] + size),
           (corner[0], corner[1] + size), (corner[0], corner[1])]  # fmt: skip
    paper.line(box, INK, 0.6)


def _colour_bar(paper: Paper, corner: Point, size: float, highest: float) -> None:
    (x, y), step = corner, size / SHADES
    for i, colour in enumerate(shades(MAGMA)):
        paper.fill(
            [[(x + i * step, y), (x + (i + 1) * step, y), (x + (i + 1) * step, y + 7), (x + i * step, y + 7)]],
            colour,
            crisp=True,
        )
    paper.text((x, y + 18), f"{highest * 10.0**-DECADES:.1g}", 8, "start")
    paper.text((x + size / 2, y + 18), "MeV / mm^{2}", 8)
    paper.text((x + size, y + 18), f"{highest:.1g}", 8, "end")


def matrices(labels: Labels, names: Sequence[str], values: dict[str, Floats]) -> Figure:
    """Geant4's matrix of correlations, and each other's difference to it."""
    size, gap, left, top = 150.0, 26.0, 46.0, 24.0
    paper = Paper(left + len(values) * (size + gap), top + size + 30)
    reference, tints = values[REFERENCE], shades(DIVERGING)
    others = [np.abs(v - reference).max() for n, v in values.items() if n != REFERENCE]
    worst = max(0.05, *(float(v) for v in others)) if others else 0.05
    for i, (name, value) in enumerate(values.items()):
        own = name == REFERENCE
        shown, limit = (value, 1.0) if own else (value - reference, worst)
        x, step = left + i * (size + gap), size / len(names)
        level = ((shown / limit + 1) / 2 * (SHADES - 1)).round().astype(np.intp).clip(0, SHADES - 1)
        for row, column in np.ndindex(*shown.shape):
            a, b = x + column * step, top + row * step
            paper.fill(
                [[(a, b), (a + step, b), (a + step, b + step), (a, b + step)]], tints[level[row, column]], crisp=True
            )
            if len(names) <= 6:
                strong = abs(shown[row, column]) > 0.7 * limit
                text = f"{shown[row, column]:.2f}".replace("-", "−")
                paper.text((a + step / 2, b + step / 2 + 3), text, 8, colour="#ffffff" if strong else "#1b1e23")
        paper.text((x + size / 2, top - 8), name if own else f"{name} − {REFERENCE}", 10)
        paper.text((x + size / 2, top + size + 14), f"colours: ±{limit:.2g}", 8)
    for row, name in enumerate(names):
        paper.text((left - 4, top + (row + 0.5) * size / len(names) + 3), name, 8, "end")
    data = {"names": list(names), "values": {name: value.tolist() for name, value in values.items()}}
    return finish(paper, labels, data, wide=True)


def scores(metrics: Metrics) -> Figure:
    """AUC of every view and sample with its error, and the floor's as a band."""
    columns, rows = verdict_rows(metrics)
    views = [i for i, column in enumerate(columns) if column.key.startswith("auc_")]
    paper, tint = Paper(620, 250), colours(list(rows))
    found = np.array([[[cells[i].value, cells[i].error] for i in views] for cells in rows.values()], np.float64)
    low = min(0.45, float(np.nanmin(found[..., 0] - found[..., 1])))
    axes = Axes(paper, Scale(-0.5, len(views) - 0.5, 52, 610), Scale(low, 1.02, 215, 26))
    axes.clipped()
    axes.level(0.5, BAND)
    offsets = np.linspace(-0.28, 0.28, len(rows)) if len(rows) > 1 else np.zeros(1)
    for offset, name, (value, error) in zip(offsets, rows, np.moveaxis(found, 2, 1), strict=True):
        place = np.arange(len(views)) + offset
        if name == FLOOR:
            for at, v, e in zip(np.arange(len(views)), value, error, strict=True):
                axes.band(np.array([at - 0.42, at + 0.42]), np.full(2, v - e), np.full(2, v + e), BAND, 0.3)
        axes.points(place, value, error, tint[name], 3.2, joined=None)
    paper.unclip()
    _score_frame(axes, [columns[i].label.removeprefix("AUC ") for i in views])
    legend(paper, list(rows), tint)
    data = {columns[i].key: {n: [cells[i].value, cells[i].error] for n, cells in rows.items()} for i in views}
    return finish(paper, Labels("classifiers", "Classifier scores", "classifiers", "", ""), data, wide=True)


def _score_frame(axes: Axes, views: list[str]) -> None:
    x, y, paper = axes.x, axes.y, axes.paper
    paper.line([(x.start, y.end), (x.end, y.end), (x.end, y.start), (x.start, y.start), (x.start, y.end)], INK, 0.9)
    for value, text in y.ticks(6)[0]:
        paper.text((x.start - 5, float(y(np.float64(value))) + 3.4), text, 9.5, "end")
    for i, view in enumerate(views):
        paper.text((float(x(np.float64(i))), y.start + 16), view, 10.5)
    paper.text((x.start - 39, y.end), "AUC", 11, "end", turned=True)
