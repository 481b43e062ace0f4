"""Figures of a search: the objectives of its trials, importances of the fields, and parallel coordinates."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from caloforge.report.style import BAND, HEIGHT, INK, PALETTE, WIDTH, Figure, Labels, finish, plain, styled
from caloforge.search.objectives import OBJECTIVES
from caloforge.search.schema import SearchFile, TrialResult
from caloforge.search.space import label

DEFAULT = PALETTE[1]  # the config as given
BEST = PALETTE[0]
FONT_SIZE = 15  # size of small letters [pt]
WIDTH_FACTOR = 2.0  # width of the parallel coordinates over that of other figures
SPREAD = 20.0  # highest over lowest value of an axis that is logarithmic

Values = dict[str, Any]


class LineStyle(NamedTuple):
    """How a line is drawn: colour, width [pt], order."""

    colour: str
    width: float
    order: float


GIVEN_LINE, BEST_LINE, LINE = LineStyle(DEFAULT, 4, 3.5), LineStyle(BEST, 4, 3), LineStyle(BAND, 2.5, 2)


def all_figures(search: SearchFile) -> list[Figure]:
    """The figures of a search; none without a complete trial."""
    complete = [trial for trial in search.trials if trial.state == "complete"]
    if not complete:
        return []
    with styled():
        scatter = [front(search, complete)] if len(search.objectives) > 1 else [history(search, complete)]
        bars = [importances(name, shares) for name, shares in search.importances.items() if shares]
        return [*scatter, *bars, parallel(search, complete)]


def front(search: SearchFile, complete: list[TrialResult]) -> Figure:
    """The trials in the plane of two objectives, with the Pareto set joined."""
    x_name, y_name = search.objectives[1], search.objectives[0]
    points = {trial.number: (OBJECTIVES[x_name].score(trial), OBJECTIVES[y_name].score(trial)) for trial in complete}
    canvas, axes = _canvas()
    axes.plot(*np.array(list(points.values())).T, "o", color=BAND, markersize=9, label="trials")
    best = sorted(points[number] for number in search.best)
    axes.step(*np.array(best).T, where="post", color=BEST, linewidth=3)
    axes.plot(*np.array(best).T, "o", color=BEST, markersize=13, label="Pareto set")
    _mark_default(axes, points)
    for number in search.best:
        axes.annotate(str(number), points[number], (7, 7), textcoords="offset points", fontsize=FONT_SIZE)
    axes.set_xlabel(OBJECTIVES[x_name].label, fontsize="small")
    axes.set_ylabel(OBJECTIVES[y_name].label, fontsize="small")
    _finish_axes(axes)
    data = {"trial": list(points), x_name: [p[0] for p in points.values()], y_name: [p[1] for p in points.values()]}
    return finish(canvas, Labels("pareto", "Pareto front", "objectives"), data)


def history(search: SearchFile, complete: list[TrialResult]) -> Figure:
    """The one objective against the number of the trial, and the best so far."""
    name = search.objectives[0]
    points = {trial.number: (trial.number, OBJECTIVES[name].score(trial)) for trial in complete}
    canvas, axes = _canvas()
    numbers, values = np.array(list(points.values())).T
    axes.plot(numbers, values, "o", color=BAND, markersize=9, label="trials")
    axes.step(numbers, np.minimum.accumulate(values), where="post", color=BEST, linewidth=3, label="best so far")
    _mark_default(axes, points)
    axes.set_xlabel("trial", fontsize="small")
    axes.set_ylabel(OBJECTIVES[name].label, fontsize="small")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    _finish_axes(axes)
    data = {"trial": numbers.astype(int).tolist(), name: values.tolist()}
    return finish(canvas, Labels("history", "objective by trial", "objectives"), data)


def importances(objective: str, shares: dict[str, float]) -> Figure:
    """Shares of the fields in the variance of an objective."""
    fields = sorted(shares, key=lambda field: shares[field])
    canvas = Canvas(figsize=(WIDTH, HEIGHT))
    axes = canvas.add_axes((0.42, 0.13, 0.54, 0.82))
    axes.barh(range(len(fields)), [shares[field] for field in fields], color=BEST)
    axes.set_yticks(range(len(fields)), [plain(field) for field in fields], fontsize=FONT_SIZE)
    axes.set_xlabel("share of the variance", fontsize="small")
    axes.set_xlim(0, 1)
    axes.minorticks_off()
    short = OBJECTIVES[objective].label.split(",")[0]
    labels = Labels(f"importances_{objective}", f"importances for {short}", "importances")
    return finish(canvas, labels, shares)


def parallel(search: SearchFile, complete: list[TrialResult]) -> Figure:
    """A line for each trial through the values of its fields and objectives, coloured by the first objective."""
    fields = list(search.trials[0].values)
    columns = {field: [trial.values[field] for trial in complete] for field in fields}
    columns |= {
        OBJECTIVES[name].label: [OBJECTIVES[name].score(trial) for trial in complete] for name in search.objectives
    }
    canvas = Canvas(figsize=(WIDTH_FACTOR * WIDTH, HEIGHT))
    axes = canvas.add_axes((0.08, 0.28, 0.90, 0.66))
    places = {name: _heights(axes, x, values) for x, (name, values) in enumerate(columns.items())}
    heights = np.array(list(places.values())).T
    first = places[OBJECTIVES[search.objectives[0]].label]
    for trial, line, shade in zip(complete, heights, first, strict=True):
        given = trial.number == 0
        style = GIVEN_LINE if given else BEST_LINE if trial.best else LINE
        axes.plot(line, color=style.colour, linewidth=style.width, zorder=style.order,
                  alpha=1.0 if given or trial.best else float(1 - 0.75 * shade))  # fmt: skip
    for x in range(len(columns)):
        axes.axvline(x, color=INK, linewidth=1)
    axes.set_xticks(range(len(columns)), [plain(name) for name in columns], fontsize=FONT_SIZE, rotation=25, ha="right")
    axes.set(xlim=(-0.1, len(columns) - 0.4), ylim=(-0.08, 1.08), yticks=[])
    axes.minorticks_off()
    for side in ("left", "right", "top", "bottom"):
        axes.spines[side].set_visible(False)
    data = {"trial": [trial.number for trial in complete], **columns}
    return finish(canvas, Labels("parallel", "fields and objectives of each trial", "coordinates"), data)


def _heights(axes: Axes, x: int, values: list[Any]) -> list[float]:
    """Heights from 0 to 1 of values on an axis of parallel coordinates; the ends or choices are written beside it."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numbers:
        ends = (min(values), max(values))
        scale = math.log if ends[0] > 0 and ends[1] > SPREAD * ends[0] else float
        low, high = map(scale, ends)
        heights = [(scale(value) - low) / (high - low) if high > low else 0.5 for value in values]
        marks = {f"{ends[0]:.3g}": 0.0, f"{ends[1]:.3g}": 1.0} if high > low else {f"{ends[0]:.3g}": 0.5}
    else:
        words = sorted({label(value) for value in values})
        marks = {word: k / max(1, len(words) - 1) if len(words) > 1 else 0.5 for k, word in enumerate(words)}
        heights = [marks[label(value)] for value in values]
    for text, height in marks.items():
        shown = text if len(text) <= 24 else f"{text[:22]}…"
        axes.annotate(plain(shown), (x, height), (5, 3), textcoords="offset points", fontsize=FONT_SIZE - 2)
    return heights


def _canvas() -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(WIDTH, HEIGHT))
    return canvas, canvas.add_axes((0.17, 0.13, 0.79, 0.83))


def _mark_default(axes: Axes, points: Mapping[int, tuple[float, float]]) -> None:
    if 0 in points:
        axes.plot(*points[0], "D", color=DEFAULT, markersize=12, label="config as given")


def _finish_axes(axes: Axes) -> None:
    axes.minorticks_off()
    axes.margins(y=0.12)
    axes.legend(loc="upper right", fontsize=18, frameon=False)
