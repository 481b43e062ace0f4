"""Kinds of figures: distributions and curves with ratio panels and statistical bands, in the look of mplhep."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from caloforge.validation.moments import Floats
from caloforge.validation.report.axes import TICK, Axes, Scale
from caloforge.validation.report.paper import INK, Paper, uri

WIDTH, HEIGHT = 350.0, 300.0
LEFT, RIGHT, TOP, SPLIT, GAP, BOTTOM = 62.0, 340.0, 26.0, 196.0, 8.0, 260.0
BAND = "#8a919c"
PALETTE = ("#2a78d6", "#e2703a", "#12a07a", "#a952c8", "#c99700", "#0e9bb0", "#db4a7e", "#7a8b2a")
REFERENCE, FLOOR = "Geant4", "floor"
DASHES = "3,2"
LEAST_COUNT = 5  # of Geant4 entries in a bin for a ratio to it


@dataclass(frozen=True)
class Figure:
    """One drawn figure.

    Attributes:
        name: for file names.
        title, group: heading and section of the page.
        svg: inline SVG.
        pdf, data: data URIs of the PDF and of the numbers drawn, as JSON.
        wide: whether it spans the page.
    """

    name: str
    title: str
    group: str
    svg: str
    pdf: str
    data: str
    wide: bool = False


@dataclass(frozen=True)
class Labels:
    """What a figure is called and how its axes are labelled."""

    name: str
    title: str
    group: str
    x: str
    y: str


def finish(paper: Paper, labels: Labels, data: Any, *, wide: bool = False) -> Figure:
    """The figure with its files."""
    numbers = uri("application/json", json.dumps(data, separators=(",", ":")).encode())
    pdf = uri("application/pdf", paper.pdf())
    return Figure(labels.name, labels.title, labels.group, paper.svg(labels.title), pdf, numbers, wide)


def colours(names: list[str]) -> dict[str, str]:
    """A colour per sample: grey for Geant4, ink for the floor, the palette for candidates."""
    candidates = [name for name in names if name not in (REFERENCE, FLOOR)]
    return {REFERENCE: BAND, FLOOR: INK} | {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(candidates)}


def distributions(labels: Labels, edges: Floats, counts: dict[str, Floats], *, log_x: bool, log_y: bool) -> Figure:
    """Normalised histograms over the same edges, Geant4's first, and their ratios to it with Poisson errors."""
    density = {name: _density(c, edges) for name, c in counts.items()}
    top, bottom = _panels((edges[0], edges[-1], log_x), _range([d[0] for d in density.values()], log_y), (0.55, 1.45))
    tint = colours(list(counts))
    enough = counts[REFERENCE] >= LEAST_COUNT
    reference, spread = (np.where(enough, x, np.nan) for x in density[REFERENCE])
    _histograms(top, edges, density, tint)
    bottom.clipped()
    bottom.filled_steps(edges, 1 - spread / reference, 1 + spread / reference, BAND, 0.3)
    bottom.level(1, BAND)
    for name, (value, error) in density.items():
        if name not in (REFERENCE, FLOOR):
            ratio, width = value / reference, error / reference
            bottom.filled_steps(edges, ratio - width, ratio + width, tint[name], 0.22)
        if name != REFERENCE:
            bottom.steps(edges, value / reference, tint[name], 0.8 if name == FLOOR else 1.4, _dash(name))
    bottom.paper.unclip()
    _frames(top, bottom, labels, f"/ {REFERENCE}")
    legend(top.paper, list(counts), tint)
    data = {"edges": edges.tolist(), "counts": {name: c.tolist() for name, c in counts.items()}}
    return finish(top.paper, labels, data)


def _histograms(axes: Axes, edges: Floats, density: dict[str, tuple[Floats, Floats]], tint: dict[str, str]) -> None:
    axes.clipped()
    for name, (value, error) in density.items():
        if name == REFERENCE:
            axes.filled_steps(edges, np.zeros_like(value), value, BAND, 0.28)
            axes.filled_steps(edges, value - error, value + error, BAND, 0.4)
        axes.steps(edges, value, tint[name], {REFERENCE: 1.0, FLOOR: 0.9}.get(name, 1.7), _dash(name))
    axes.paper.unclip()


def curves(
    labels: Labels,
    x: Floats,
    values: dict[str, tuple[Floats, Floats]],
    *,
    difference: bool = False,
    log_y: bool = False,
) -> Figure:
    """Values with errors against x, Geant4's first, and below ratios (or differences) to it."""
    base, spread = values[REFERENCE]
    safe = np.where(base == 0, np.nan, base)
    compared = {n: (v - base, e) if difference else (v / safe, np.abs(e / safe)) for n, (v, e) in values.items()}
    centre = 0.0 if difference else 1.0
    margin = 0.04 * (x.max() - x.min()) or 1.0
    reach = _reach([c[0] - centre for n, c in compared.items() if n != REFERENCE])
    vertical = _range([v for v, _ in values.values()], log_y, from_zero=False)
    top, bottom = _panels((x.min() - margin, x.max() + margin, False), vertical, (centre - reach, centre + reach))
    tint = colours(list(values))
    for axes, drawn in ((top, values), (bottom, {n: c for n, c in compared.items() if n != REFERENCE})):
        axes.clipped()
        if axes is bottom:
            width = spread if difference else np.abs(spread / safe)
            axes.band(x, centre - width, centre + width, BAND, 0.3)
            axes.level(centre, BAND)
        for name, (value, error) in drawn.items():
            axes.points(x, value, error, tint[name], 1.8 if name == FLOOR else 2.6, joined=_dash(name))
        axes.paper.unclip()
    _frames(top, bottom, labels, f"− {REFERENCE}" if difference else f"/ {REFERENCE}")
    legend(top.paper, list(values), tint)
    data = {"x": x.tolist(), "values": {n: {"value": v.tolist(), "error": e.tolist()} for n, (v, e) in values.items()}}
    return finish(top.paper, labels, data)


def legend(paper: Paper, names: list[str], tint: dict[str, str], left: float = LEFT) -> None:
    """Samples in one line above the frame."""
    at = left
    size = TICK if len(names) < 6 else 7.5
    for name in names:
        if name == REFERENCE:
            paper.fill([[(at, 10), (at + 12, 10), (at + 12, 18), (at, 18)]], BAND, 0.45)
        else:
            paper.line([(at, 14), (at + 12, 14)], tint[name], 2.0, dash=_dash(name))
        paper.text((at + 16, 17.5), name, size, "start")
        at += 28 + 0.53 * size * len(name)


def _dash(name: str) -> str:
    return DASHES if name == FLOOR else ""


def _panels(
    x: tuple[float, float, bool], y: tuple[float, float, bool], ratio: tuple[float, float]
) -> tuple[Axes, Axes]:
    paper = Paper(WIDTH, HEIGHT)
    across = Scale(float(x[0]), float(x[1]), LEFT, RIGHT, x[2])
    top = Axes(paper, across, Scale(y[0], y[1], SPLIT, TOP, y[2]))
    return top, Axes(paper, across, Scale(*ratio, BOTTOM, SPLIT + GAP))


def _frames(top: Axes, bottom: Axes, labels: Labels, compared: str) -> None:
    top.frame("", labels.y, x_ticks=False)
    bottom.frame(labels.x, compared, y_most=4)


def _density(counts: Floats, edges: Floats) -> tuple[Floats, Floats]:
    scale = 1 / (max(counts.sum(), 1) * np.diff(edges))
    return counts * scale, np.sqrt(counts) * scale


def _range(values: list[Floats], log: bool, *, from_zero: bool = True) -> tuple[float, float, bool]:
    joined = np.concatenate(values)
    joined = joined[np.isfinite(joined)]
    positive = joined[joined > 0]
    if log and len(positive):
        return float(positive.min()) / 2, 3 * float(positive.max()), True
    low, high = (float(joined.min()), float(joined.max())) if len(joined) else (0.0, 1.0)
    margin = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
    return (0.0 if from_zero else low - margin), high + margin, False


def _reach(deviations: list[Floats]) -> float:
    """Half the range of the lower panel: nearly all deviations fit."""
    joined = np.abs(np.concatenate(deviations)) if deviations else np.empty(0)
    joined = joined[np.isfinite(joined)]
    return max(1.3 * float(np.quantile(joined, 0.95)), 1e-4) if len(joined) else 0.1
