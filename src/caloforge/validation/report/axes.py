"""Axes on paper: scales, ticks on all four sides, steps, bands and points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.validation.moments import Floats
from caloforge.validation.report.paper import INK, Paper, Point, text_width

LABEL, TICK = 11.0, 9.5
MAJOR, MINOR = 6.0, 3.0
SUPERSCRIPTS = "^{{{}}}"


@dataclass(frozen=True)
class Scale:
    """One axis: a range of values on a range of the paper [points]."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: NDArray[Any] | np.float64) -> Floats:
        """Places [points]; values at or below zero on a logarithmic axis end far outside."""
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.where(values > 0, np.log(np.where(values > 0, values, 1)), math.log(self.low) - 50)
            logs = np.where(np.isnan(values), np.nan, logs)
            share = (logs - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = np.asarray((values - self.low) / (self.high - self.low))
        return np.asarray(self.start + np.clip(share, -3, 4) * (self.end - self.start))

    def ticks(self, most: int) -> tuple[list[tuple[float, str]], list[float]]:
        """Major ticks with labels, and minor ticks."""
        return _log_ticks(self, most) if self.log else _linear_ticks(self, most)


def _linear_ticks(scale: Scale, most: int) -> tuple[list[tuple[float, str]], list[float]]:
    span = scale.high - scale.low
    rough = span / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= rough * 0.999)
    values = [i * step for i in range(math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9) + 1)]
    size = max(abs(scale.low), abs(scale.high))
    shift = 3 * math.floor(math.log10(size) / 3) if size >= 1e6 or size < 1e-2 else 0
    minor = [i * step / 5 for i in range(math.ceil(5 * scale.low / step), math.floor(5 * scale.high / step) + 1)]
    digits = max(0, -math.floor(math.log10(step / 10**shift) + 1e-9) + (0 if step / power != 2.5 else 1))
    return [(v, _number(v, shift, digits)) for v in values], minor


def _number(value: float, shift: int, digits: int) -> str:
    text = f"{value / 10**shift:.{digits}f}".replace("-", "−")
    return f"{text}·10^{{{shift}}}" if shift and value else text


def _log_ticks(scale: Scale, most: int) -> tuple[list[tuple[float, str]], list[float]]:
    first, last = math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9)
    if last - first < 1:
        values = [f * 10.0**e for e in range(first - 1, last + 1) for f in (1, 2, 5)]
        return [(v, f"{v:g}") for v in values if scale.low <= v <= scale.high], []
    step = max(1, -(-(last - first + 1) // most))
    major = [(10.0**e, "1" if e == 0 else f"10^{{{e}}}".replace("-", "−")) for e in range(first, last + 1, step)]
    minor = [f * 10.0**e for e in range(first - 1, last + 1) for f in range(1, 10)]
    return major, [v for v in minor if scale.low <= v <= scale.high] if last - first < 8 else []


@dataclass(frozen=True)
class Axes:
    """A frame on the paper with a horizontal and a vertical scale."""

    paper: Paper
    x: Scale
    y: Scale

    def frame(self, x_label: str = "", y_label: str = "", *, x_ticks: bool = True, y_most: int = 5) -> None:
        """The frame with ticks inside on all sides; labels at the ends of the axes, as at the LHC."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        self.paper.line([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], INK, 0.9)
        self._ticks_x(x_ticks)
        self.paper.text((right, bottom + 31), x_label, LABEL, "end")
        self.paper.text((left - 14 - self._ticks_y(y_most), top), y_label, LABEL, "end", turned=True)

    def _ticks_x(self, labelled: bool) -> None:
        major, minor = self.x.ticks(6)
        top, bottom = self.y.end, self.y.start
        for value, text in major:
            at = float(self.x(np.float64(value)))
            self._pair((at, bottom), (at, top), MAJOR)
            if labelled:
                self.paper.text((at, bottom + 14), text, TICK)
        for value in minor:
            at = float(self.x(np.float64(value)))
            self._pair((at, bottom), (at, top), MINOR)

    def _ticks_y(self, most: int) -> float:
        """Draw ticks and labels, and return the width of the widest label."""
        major, minor = self.y.ticks(most)
        for value, text in major:
            at = float(self.y(np.float64(value)))
            self._pair((self.x.start, at), (self.x.end, at), MAJOR)
            self.paper.text((self.x.start - 5, at + 3.4), text, TICK, "end")
        for value in minor:
            at = float(self.y(np.float64(value)))
            self._pair((self.x.start, at), (self.x.end, at), MINOR)
        return max((text_width(text, TICK) for _, text in major), default=0.0)

    def _pair(self, a: Point, b: Point, length: float) -> None:
        """Two ticks at opposite ends, pointing at each other."""
        dx, dy = (length, 0.0) if a[1] == b[1] else (0.0, length)
        self.paper.line([a, (a[0] + dx, a[1] - dy)], INK, 0.7)
        self.paper.line([b, (b[0] - dx, b[1] + dy)], INK, 0.7)

    def clipped(self) -> None:
        """Draw only inside the frame until the paper is unclipped."""
        self.paper.clip(self.x.start, self.y.end, self.x.end, self.y.start)

    def steps(self, edges: Floats, values: Floats, colour: str, width: float, dash: str = "") -> None:
        """A histogram's outline; gaps where values are NaN."""
        x, y = np.repeat(self.x(edges), 2)[1:-1], np.repeat(self.y(values), 2)
        for part in _unbroken(x, y, 2):
            self.paper.line(part, colour, width, dash=dash)

    def filled_steps(self, edges: Floats, low: Floats, high: Floats, colour: str, alpha: float) -> None:
        """The area between two histograms."""
        x = np.repeat(self.x(edges), 2)[1:-1]
        down, up = np.repeat(self.y(low), 2), np.repeat(self.y(high), 2)
        good = np.isfinite(down) & np.isfinite(up)
        polygons = [
            [*zip(x[part], up[part], strict=True), *zip(x[part][::-1], down[part][::-1], strict=True)]
            for part in _runs(good)
        ]
        if polygons:
            self.paper.fill(polygons, colour, alpha)

    def band(self, x: Floats, low: Floats, high: Floats, colour: str, alpha: float) -> None:
        """The area between two curves."""
        good = np.isfinite(low) & np.isfinite(high)
        px, down, up = self.x(x)[good], self.y(low)[good], self.y(high)[good]
        if len(px) > 1:
            self.paper.fill([[*zip(px, up, strict=True), *zip(px[::-1], down[::-1], strict=True)]], colour, alpha)

    def points(self, x: Floats, y: Floats, error: Floats, colour: str, size: float, *, joined: str | None = "") -> None:
        """Points with error bars, joined by a line with the given dashes unless None."""
        px, py = self.x(x), self.y(y)
        low, high = self.y(y - error), self.y(y + error)
        if joined is not None:
            for part in _unbroken(px, py, 2):
                self.paper.line(part, colour, 1.1, dash=joined)
        for a, b, down, up in zip(px, py, low, high, strict=True):
            if np.isfinite(b):
                if np.isfinite(down) and np.isfinite(up):
                    self.paper.line([(a, down), (a, up)], colour, 1.1)
                self.paper.fill([_disc(a, b, size)], colour)

    def level(self, value: float, colour: str) -> None:
        """A horizontal line."""
        at = float(self.y(np.float64(value)))
        self.paper.line([(self.x.start, at), (self.x.end, at)], colour, 0.8)


def _runs(good: NDArray[np.bool_]) -> list[slice]:
    """Stretches without gaps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _unbroken(x: Floats, y: Floats, least: int) -> list[list[Point]]:
    return [
        list(zip(x[part], y[part], strict=True)) for part in _runs(np.isfinite(y)) if part.stop - part.start >= least
    ]


def _disc(x: float, y: float, radius: float) -> Sequence[Point]:
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 13)[:-1]]
