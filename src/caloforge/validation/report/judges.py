"""Figures of the judge: the headline against the number of showers, and where it shows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas

from caloforge.detector import Detector
from caloforge.validation.cell_tests import spread_layers
from caloforge.validation.moments import Floats
from caloforge.validation.report.maps import MAP, MOST_LAYERS, SMALL, cell_corners
from caloforge.validation.report.style import BAND, FLOOR, HEIGHT, WIDTH, Figure, Labels, colours, finish, legend, plain

Metrics = dict[str, Any]
GROUP = "where it shows"
APART = 3.0  # standard errors above 0.5
ROW = 0.5  # inches of a bar


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
    canvas = Canvas(figsize=(WIDTH, HEIGHT))
    axes = canvas.subplots()
    canvas.subplots_adjust(left=0.15, right=0.96, bottom=0.12, top=0.9)
    tint = colours(list(headlines))
    for name, found in headlines.items():
        n, mean, error = np.array(found["curve"], np.float64).T
        axes.errorbar(n, mean, yerr=error, fmt="o-", color=tint[name], markersize=9, linewidth=2.5)
    axes.axhline(0.5, color=BAND, linewidth=1.5)
    axes.set(xscale="log", xlabel="showers per class", ylabel="AUC", ylim=(min(0.45, axes.get_ylim()[0]), 1.02))
    sizes = sorted({int(n) for found in headlines.values() for n, _, _ in found["curve"]})
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.minorticks_off()
    legend(canvas, list(headlines))
    data = {name: found["curve"] for name, found in headlines.items()}
    return finish(canvas, Labels("judge_curve", "headline AUC against showers per class", GROUP), data)


def bars(name: str, where: Metrics, colour: str) -> Figure:
    """What the trees gain by each quantity, most above, with its means."""
    columns = where["columns"][::-1]
    height = ROW * len(columns) + 2.4
    canvas = Canvas(figsize=(1.4 * WIDTH, height))
    axes = canvas.subplots()
    canvas.subplots_adjust(left=0.44, right=0.97, bottom=1.5 / height, top=1 - 0.3 / height)
    shares = [100 * column["share"] for column in columns]
    axes.barh(range(len(columns)), shares, color=colour, height=0.7)
    axes.set_yticks(range(len(columns)), [plain(column["name"]) for column in columns], fontsize=SMALL + 2)
    axes.set(xlim=(0, 1.45 * max(shares)), ylim=(-0.6, len(columns) - 0.4))
    axes.set_xlabel("share of the gain of the trees [%]", fontsize=SMALL + 4)
    axes.tick_params(axis="y", which="both", length=0)
    axes.minorticks_off()
    for row, column in enumerate(columns):
        text = f"{column['candidate']:.4g}, Geant4 {column['reference']:.4g}"
        axes.text(100 * column["share"] + 0.01 * max(shares), row, text, va="center", fontsize=SMALL)
    data = {key: where[key] for key in ("member", "families", "columns")}
    return finish(canvas, Labels(f"where_{name}", f"what tells {name} from Geant4", GROUP), data, columns=2)


def cell_map(name: str, detector: Detector, share: Floats) -> Figure:
    """Share of each cell in what the trees gain, layers side by side."""
    layers = spread_layers(detector, MOST_LAYERS)
    width, height = MAP * len(layers) + 0.6, MAP + 1.3
    canvas = Canvas(figsize=(width, height))
    canvas.subplots_adjust(0.3 / width, 0.8 / height, 1 - 0.15 / width, 1 - 0.4 / height, hspace=0.08, wspace=0.1)
    grid = canvas.add_gridspec(2, len(layers), height_ratios=(1, 0.06))
    highest = 100 * max(float(share.max()), 1e-6)
    for place, k in enumerate(layers):
        axes = canvas.add_subplot(grid[0, place])
        axes.set_title(f"layer {k}", fontsize=SMALL)
        painted = _paint(axes, detector, k, share, highest)
    bar = canvas.colorbar(painted, cax=canvas.add_subplot(grid[1, :]), orientation="horizontal")
    bar.ax.tick_params(labelsize=SMALL - 3, length=4)
    bar.ax.minorticks_off()
    bar.set_label("share of the gain [%]", fontsize=SMALL - 3, loc="center")
    data = {"share": share.tolist()}
    return finish(canvas, Labels(f"cells_{name}", f"cells that tell {name} from Geant4", GROUP), data, columns=2)


def _paint(axes: Axes, detector: Detector, k: int, share: Floats, highest: float) -> PolyCollection:
    layer = detector.layers[k]
    reach = layer.cells.half_extent
    painted = PolyCollection(cell_corners(layer), array=100 * share[layer.slice], norm=Normalize(0, highest),
                             cmap="magma", linewidth=0, antialiased=False, rasterized=True)  # fmt: skip
    axes.add_collection(painted, autolim=False)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
    axes.minorticks_off()
    return painted
