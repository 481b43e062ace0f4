"""Figures of the judge: the headline against the number of showers, and the features and cells that show it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas

from caloforge.detector import Detector
from caloforge.report.maps import MOST_LAYERS, SMALL, colour_bar, map_grid, paint_cells
from caloforge.report.style import (
    BAND,
    FLOOR,
    HEIGHT,
    WIDTH,
    Figure,
    Labels,
    colours,
    finish,
    legend,
    legend_space,
    plain,
    shortened,
)
from caloforge.validation.cell_tests import spread_layers
from caloforge.validation.moments import Floats

Metrics = dict[str, Any]
GROUP = "where it shows"
APART = 3.0  # standard errors above 0.5 from which figures of a candidate are drawn
ROW = 0.9  # height [inches] of a bar and its text
MOST_WORDS = 40  # letters of a quantity's name


def judge_figures(detector: Detector, metrics: Metrics) -> Iterator[Figure]:
    """The curves of all samples, and the bars and the map of each candidate that is told apart."""
    samples = {FLOOR: metrics["floor"], **metrics["candidates"]}
    if "auc" not in metrics["floor"]:
        return
    yield learning_curves({name: found["auc"] for name, found in samples.items()})
    for name, found in metrics["candidates"].items():
        apart = found["auc"]["mean"] > 0.5 + APART * found["auc"]["error"]
        if not apart or "where" not in found:
            continue
        yield bars(name, found["where"], colours(list(samples))[name])
        if found["where"]["cells"] is not None:
            yield cell_map(name, detector, np.array(found["where"]["cells"]))


def learning_curves(headlines: dict[str, Metrics]) -> Figure:
    """The headline against showers per class, a line per sample."""
    space = legend_space(list(headlines), 0.15)
    height = HEIGHT + space
    canvas = Canvas(figsize=(WIDTH, height))
    axes = canvas.add_axes((0.15, 1.0 / height, 0.81, 1 - (1.3 + space) / height))
    tint = colours(list(headlines))
    for name, found in headlines.items():
        n, mean, error = np.array(found["curve"], np.float64).T
        axes.errorbar(n, mean, yerr=error, fmt="o-", color=tint[name], markersize=9, linewidth=2.5)
    axes.axhline(0.5, color=BAND, linewidth=1.5)
    axes.set(xscale="log", xlabel="showers per class", ylabel="AUC", ylim=(min(0.45, axes.get_ylim()[0]), 1.02))
    sizes = sorted({int(n) for found in headlines.values() for n, _, _ in found["curve"]})
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.minorticks_off()
    legend(canvas, list(headlines), 0.15)
    data = {name: found["curve"] for name, found in headlines.items()}
    return finish(canvas, Labels("judge_curve", "headline AUC against showers per class", GROUP), data)


def bars(name: str, where: Metrics, colour: str) -> Figure:
    """Gain of the trees by each feature, the largest first, with its means."""
    columns = where["columns"][::-1]
    height = ROW * len(columns) + 1.3
    canvas = Canvas(figsize=(WIDTH, height))
    axes = canvas.add_axes((0.03, 1.1 / height, 0.94, 1 - 1.2 / height))
    shares = [100 * column["share"] for column in columns]
    axes.barh(range(len(columns)), shares, color=colour, height=0.3)
    axes.set(xlim=(0, 1.05 * max(shares)), ylim=(-0.4, len(columns) - 0.1), yticks=[])
    axes.set_xlabel("share of the gain of the trees [%]", fontsize=SMALL)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.minorticks_off()
    for row, column in enumerate(columns):
        means = f"{column['candidate']:.4g}, Geant4 {column['reference']:.4g}"
        text = shortened(column["name"], MOST_WORDS)
        axes.text(0.012 * max(shares), row + 0.2, plain(f"{text}: {means}"), va="bottom", fontsize=SMALL + 1)
    data = {key: where[key] for key in ("member", "families", "columns")}
    return finish(canvas, Labels(f"where_{name}", f"what tells {name} from Geant4", GROUP), data)


def cell_map(name: str, detector: Detector, share: Floats) -> Figure:
    """Share of each cell in the gain of the trees, a map per layer."""
    layers = spread_layers(detector, MOST_LAYERS)
    canvas, maps, bar = map_grid([f"layer {k}" for k in layers])
    norm = Normalize(0, 100 * max(float(share.max()), 1e-6))
    for axes, k in zip(maps, layers, strict=True):
        layer = detector.layers[k]
        painted = paint_cells(axes, layer.cells, layer.cells.corners(), 100 * share[layer.slice], norm)
    colour_bar(canvas, painted, bar, "share of the gain [%]")
    return finish(
        canvas, Labels(f"cells_{name}", f"cells that tell {name} from Geant4", GROUP), {"share": share.tolist()}
    )
