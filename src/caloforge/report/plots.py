"""Kinds of figures: distributions and curves with statistical bands, and their ratios to Geant4 below."""

from dataclasses import dataclass, field

import mplhep
import numpy as np
from matplotlib.axes import Axes

from caloforge.report.style import (
    BAND,
    FLOOR,
    REFERENCE,
    Figure,
    Labels,
    colours,
    dashes,
    finish,
    finish_axes,
    panels,
)
from caloforge.validation.moments import Floats

LEAST_COUNT = 5  # of Geant4 entries in a bin for a ratio to it
RATIOS = (0.55, 1.45)
Measured = dict[str, tuple[Floats, Floats]]  # value and error by sample


@dataclass(frozen=True)
class Histograms:
    """Counts over the same edges by sample, Geant4's first, and how the axis reads."""

    x: str
    edges: Floats
    counts: dict[str, Floats]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Curves:
    """Values with errors at x by sample, Geant4's first, how the axes read, and fitted curves x, y by sample."""

    x_label: str
    y_label: str
    x: Floats
    values: Measured
    log_y: bool = False
    fits: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)


def distributions(labels: Labels, shown: Histograms) -> Figure:
    """Normalised histograms and their ratios to Geant4 with Poisson errors."""
    canvas, top, bottom = panels(list(shown.counts))
    density = {name: _density(c, shown.edges) for name, c in shown.counts.items()}
    _draw_histograms(top, shown, density)
    _draw_ratios(bottom, shown, density)
    finish_axes(top, bottom, shown.x, "density", f"/ {REFERENCE}")
    counts = {name: values.tolist() for name, values in shown.counts.items()}
    return finish(canvas, labels, {"x": shown.x, "edges": shown.edges.tolist(), "counts": counts})


def _draw_histograms(axes: Axes, shown: Histograms, density: Measured) -> None:
    tint = colours(list(density))
    for name, (value, error) in density.items():
        if name == REFERENCE:
            mplhep.histplot(value, shown.edges, ax=axes, histtype="fill", color=BAND, alpha=0.28)
            _band(axes, shown.edges, value, error, BAND, 0.4)
        _step(axes, shown.edges, value, name, tint[name])
    if shown.log_x:
        axes.set_xscale("log")
    axes.set_xlim(shown.edges[0], shown.edges[-1])
    _set_range(axes, [value for value, _ in density.values()], log=shown.log_y, from_zero=True)


def _draw_ratios(axes: Axes, shown: Histograms, density: Measured) -> None:
    tint, enough = colours(list(density)), shown.counts[REFERENCE] >= LEAST_COUNT
    reference = np.where(enough, density[REFERENCE][0], np.nan)
    for name, (value, error) in density.items():
        if name != FLOOR:
            _band(axes, shown.edges, value / reference, error / reference, tint[name], 0.25)
        _step(axes, shown.edges, value / reference, name, tint[name])
    axes.set_ylim(*RATIOS)


def _step(axes: Axes, edges: Floats, values: Floats, name: str, colour: str) -> None:
    width = 2 if name in (REFERENCE, FLOOR) else 3
    mplhep.histplot(
        values, edges, ax=axes, yerr=False, edges=False, color=colour, linewidth=width, linestyle=dashes(name)
    )


def _band(axes: Axes, edges: Floats, value: Floats, error: Floats, colour: str, alpha: float) -> None:
    axes.stairs(value + error, edges, baseline=value - error, fill=True, color=colour, alpha=alpha, linewidth=0)


def curves(labels: Labels, shown: Curves, *, difference: bool = False) -> Figure:
    """Values with errors, and below their ratios to Geant4's (or differences)."""
    canvas, top, bottom = panels(list(shown.values))
    _draw_points(top, shown.x, shown.values)
    _draw_fits(top, shown)
    _set_range(top, [v for v, _ in shown.values.values()], log=shown.log_y, from_zero=False)
    _draw_compared(bottom, shown, difference=difference)
    margin = 0.04 * np.ptp(shown.x) or 1.0
    top.set_xlim(shown.x.min() - margin, shown.x.max() + margin)
    finish_axes(top, bottom, shown.x_label, shown.y_label, f"− {REFERENCE}" if difference else f"/ {REFERENCE}")
    return finish(canvas, labels, _curve_data(shown))


def _draw_fits(axes: Axes, shown: Curves) -> None:
    tint = colours(list(shown.values))
    for name, (x, y) in shown.fits.items():
        axes.plot(x, y, color=tint[name], linewidth=1.5, linestyle=dashes(name), alpha=0.7)


def _draw_points(axes: Axes, x: Floats, values: Measured) -> None:
    tint = colours(list(values))
    for name, (value, error) in values.items():
        size = 5 if name == FLOOR else 8
        axes.errorbar(
            x, value, yerr=error, color=tint[name], fmt="o", markersize=size, linewidth=2, linestyle=dashes(name)
        )


def _draw_compared(axes: Axes, shown: Curves, *, difference: bool) -> None:
    base, spread = shown.values[REFERENCE]
    safe = np.where(base == 0, np.nan, base)
    compared = {name: (v - base, e) if difference else (v / safe, np.abs(e / safe))
                for name, (v, e) in shown.values.items()}  # fmt: skip
    centre, width = (0.0, spread) if difference else (1.0, compared[REFERENCE][1])
    others = {name: pair for name, pair in compared.items() if name != REFERENCE}
    axes.fill_between(shown.x, centre - width, centre + width, color=BAND, alpha=0.3, linewidth=0)
    axes.axhline(centre, color=BAND, linewidth=2)
    _draw_points(axes, shown.x, others)
    reach = _reach([value - centre for value, _ in others.values()])
    axes.set_ylim(centre - reach, centre + reach)


def _curve_data(shown: Curves) -> dict[str, object]:
    values = {name: {"value": v.tolist(), "error": e.tolist()} for name, (v, e) in shown.values.items()}
    return {"x_label": shown.x_label, "y_label": shown.y_label, "x": shown.x.tolist(), "values": values}


def _density(counts: Floats, edges: Floats) -> tuple[Floats, Floats]:
    scale = 1 / (max(counts.sum(), 1) * np.diff(edges))
    return counts * scale, np.sqrt(counts) * scale


def _set_range(axes: Axes, values: list[Floats], *, log: bool, from_zero: bool) -> None:
    joined = np.concatenate(values)
    joined = joined[np.isfinite(joined)]
    positive = joined[joined > 0]
    if log and len(positive):
        axes.set_yscale("log")
        axes.set_ylim(float(positive.min()) / 2, 3 * float(positive.max()))
        return
    low, high = (float(joined.min()), float(joined.max())) if len(joined) else (0.0, 1.0)
    margin = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
    axes.set_ylim(0.0 if from_zero else low - margin, high + margin)


def _reach(deviations: list[Floats]) -> float:
    """Half the range of the lower panel: nearly all deviations fit."""
    joined = np.abs(np.concatenate(deviations)) if deviations else np.empty(0)
    joined = joined[np.isfinite(joined)]
    return max(1.3 * float(np.quantile(joined, 0.95)), 1e-4) if len(joined) else 0.1
