"""The page: its template filled with metrics and figures."""

import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.files import write_text
from caloforge.report.display import display_data
from caloforge.report.figures import all_figures, hottest_layers
from caloforge.report.maps import MOST_LAYERS
from caloforge.report.style import REFERENCE, Figure
from caloforge.report.training import training_rows
from caloforge.report.trends import resolution_fits
from caloforge.units import show_energy
from caloforge.validation.cell_tests import spread_layers
from caloforge.validation.samples import Samples
from caloforge.validation.summary import overall, told_apart, verdict_rows

try:
    from jinja2 import DictLoader, Environment, StrictUndefined, Template
except ImportError:
    raise InputError("the report needs jinja2; install the extra: caloforge[report]") from None

TEMPLATES = files("caloforge.report") / "templates"
PARTS = ("report.html", "head.html", "figure.html", "style.css", "page.js", "display.js")
SECTIONS = ("where it shows", "classifiers", "average showers", "energy", "longitudinal", "layers", "lateral", "cells",
            "photon identification", "memorisation", "analysis", "training")  # fmt: skip
TITLES = {"energy": "Response and resolution", "cells": "Cells", "lateral": "Lateral shape", "layers": "Layers"}
WORST = 12
AROUND_ZERO = ("centre_x", "centre_y")
Metrics = dict[str, Any]


def write_report(path: Path, samples: Samples, metrics: Metrics) -> None:
    """Write the report, whole or not at all.

    Raises:
        InputError: the folder cannot be written.
    """
    showers = {REFERENCE: samples.reference, **samples.candidates}
    html = render(samples.reference.detector, metrics, all_figures(samples, metrics), display_data(showers),
                  hottest_layers(samples.reference))  # fmt: skip
    write_text(path, html, errors="backslashreplace")  # file names may be no UTF-8


def render(detector: Detector, metrics: Metrics, figures: list[Figure], display: Metrics, layers: Sequence[int]) -> str:
    """The page as text; `layers` are those that figures show one by one."""
    page = template(PARTS, pretty=_pretty, energy=lambda value: show_energy(float(f"{value:.3g}")))
    columns, rows = verdict_rows(metrics)
    return page.render(
        metrics=metrics,
        reference=metrics["reference"],
        columns=columns,
        rows=rows,
        verdicts={name: overall(metrics, found) for name, found in metrics["candidates"].items()},
        told_apart=told_apart,
        members=member_labels(metrics["floor"]),
        sections=_sections(figures),
        titles=TITLES,
        one_by_one=_one_by_one(detector, layers),
        mapped=spread_layers(detector, MOST_LAYERS),
        resolutions=resolution_fits(metrics),
        trained=training_rows(metrics["candidates"]),
        worst=worst_observables(metrics),
        samples={"floor": metrics["floor"], **metrics["candidates"]},
        batches=_batches(metrics["timings"] or {}),
        detector=detector,
        display=_script_safe(display),
    )


def template(parts: Sequence[str], **filters: Callable[[Any], str]) -> Template:
    """Template of a page, the first of `parts`, which includes the others.

    Args:
        parts: names of files in `templates`.
        filters: functions that the template applies to values, by name.
    """
    sources = {name: (TEMPLATES / name).read_text(encoding="utf-8") for name in parts}
    page = Environment(loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page.filters.update(filters)
    return page.get_template(parts[0])


def _pretty(provenance: Metrics) -> str:
    """Provenance as text, without the losses, which have a figure."""
    training = provenance.get("training")
    if isinstance(training, dict) and isinstance(training.get("record"), dict):
        record = {key: value for key, value in training["record"].items() if key != "losses"}
        provenance = {**provenance, "training": {**training, "record": record}}
    return json.dumps(provenance, indent=2)


def member_labels(floor: Metrics) -> Metrics:
    """Labels of the judge's members, by their names in metrics.json."""
    return {f"auc_{name}": floor[f"auc_{name}"]["label"] for name in floor.get("auc", {}).get("members", [])}


def _one_by_one(detector: Detector, layers: Sequence[int]) -> str:
    """A sentence on the layers that are shown; empty if all layers are."""
    n = len(detector.layers)
    if len(layers) == n:
        return ""
    *first, last = map(str, layers)
    shown = f"{', '.join(first)} and {last}"
    return f"Of {n} layers, the {len(layers)} that hold the most energy are shown one by one: {shown}."


def _batches(timings: Metrics) -> list[str]:
    """Batch sizes that were timed, smallest first."""
    return sorted({size for times in timings.get("simulators", {}).values() for size in times}, key=int)


def _script_safe(data: Metrics) -> str:
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _sections(figures: list[Figure]) -> list[tuple[str, list[Figure]]]:
    ordered = sorted(figures, key=lambda figure: SECTIONS.index(figure.labels.group))
    return [(group, list(members)) for group, members in groupby(ordered, key=lambda figure: figure.labels.group)]


def worst_observables(metrics: Metrics) -> list[Metrics]:
    """The observables with the largest separation power of each candidate, with the floor's."""
    floor = metrics["floor"]["observables"]
    worst = []
    for candidate, found in metrics["candidates"].items():
        listed = found["observables"].items()
        top = sorted(listed, key=lambda item: item[1]["separation_power"] or 0, reverse=True)[:WORST]
        worst += [{"candidate": candidate, "name": name, "floor": floor[name], **values, **_sensible(name, values)}
                  for name, values in top]  # fmt: skip
    return worst


def _sensible(name: str, values: Metrics) -> Metrics:
    """The ratio of means; none of centres, whose means are about zero."""
    return {"mean_ratio": None if name.startswith(AROUND_ZERO) else values["mean_ratio"]}
