"""The verdict: the few numbers that a reader looks at first, as rows for the terminal and the report."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rich.table import Table

Metrics = dict[str, Any]
Verdict = Literal["floor", "good", "near", "far", "plain"]
NEAR, FAR = 3.0, 0.15  # standard errors above the floor; AUC above the floor


@dataclass(frozen=True)
class Metric:
    """One column of the verdict.

    Attributes:
        key: name in metrics.json.
        label: heading.
        meaning: one sentence for the reader.
        best: the value of a perfect simulator.
        read: value and error from the metrics of one sample; None where not measured.
        scale: difference from the floor that counts as far.
        digits: decimals shown.
    """

    key: str
    label: str
    meaning: str
    best: float
    read: Callable[[Metrics], tuple[float, float] | None]
    scale: float
    digits: int = 3


def _auc(view: str) -> Callable[[Metrics], tuple[float, float] | None]:
    def read(metrics: Metrics) -> tuple[float, float] | None:
        score = metrics.get(f"auc_{view}")
        return score and (score["mean"], max(score["error"], score["std"]))

    return read


def _observable(name: str, key: str) -> Callable[[Metrics], tuple[float, float] | None]:
    def read(metrics: Metrics) -> tuple[float, float] | None:
        values = metrics["observables"].get(name)
        return values and (values[key], values[f"{key}_error"])

    return read


def _distance(key: str) -> Callable[[Metrics], tuple[float, float] | None]:
    return lambda metrics: (1e3 * metrics[key]["value"], 1e3 * metrics[key]["error"])


def _share(key: str) -> Callable[[Metrics], tuple[float, float] | None]:
    def read(metrics: Metrics) -> tuple[float, float] | None:
        value, n = metrics[key], metrics["n_manifold"]
        return value, math.sqrt(max(value * (1 - value), 1 / n) / n)

    return read


def _copied(metrics: Metrics) -> tuple[float, float] | None:
    found = metrics.get("memorisation")
    return found and (found["copied"], found["copied_error"])


COLUMNS = (
    Metric("auc_low", "AUC low", "network on cell energies over incident energy", 0.5, _auc("low"), FAR),
    Metric("auc_low_normed", "AUC normed", "network on cells over their layer's energy", 0.5, _auc("low_normed"), FAR),
    Metric("auc_high", "AUC high", "network on CaloChallenge's high-level features", 0.5, _auc("high"), FAR),
    Metric("auc_high_trees", "AUC trees", "boosted trees on the same features", 0.5, _auc("high_trees"), FAR),
    Metric("auc_log", "AUC log", "network on logarithms of cell energies, the strictest view", 0.5, _auc("log"), FAR),
    Metric("auc_fixed", "AUC fixed", "network on features in a narrow slice of energy", 0.5, _auc("fixed"), FAR),
    Metric("response", "response", "mean response over Geant4's", 1, _observable("response", "mean_ratio"), 0.02, 4),
    Metric(
        "resolution", "resolution", "width of the response over Geant4's", 1, _observable("response", "std_ratio"), 0.2
    ),
    Metric("fpd", "FPD ×10³", "Fréchet physics distance of the features", 0, _distance("fpd"), 5.0, 2),
    Metric("kpd", "KPD ×10³", "kernel physics distance of the features", 0, _distance("kpd"), 1.0, 3),
    Metric("precision", "precision", "share of showers within Geant4's manifold", 1, _share("precision"), 0.2),
    Metric("coverage", "coverage", "share of Geant4's manifold reached", 1, _share("coverage"), 0.2),
    Metric("copied", "copied", "share of showers copied from the training set", 0, _copied, 0.1),
)


@dataclass(frozen=True)
class Cell:
    """One entry of the verdict: the number, its error, and how it stands against the floor."""

    value: float | None
    error: float | None
    verdict: Verdict
    text: str


def verdict_rows(metrics: Metrics) -> tuple[list[Metric], dict[str, list[Cell]]]:
    """Columns that were measured, and the rows: the floor first, then the candidates."""
    floor = metrics["floor"]
    columns = [column for column in COLUMNS if column.read(floor) is not None]
    rows = {"floor": [_cell(column, floor, None) for column in columns]}
    rows |= {name: [_cell(c, found, c.read(floor)) for c in columns] for name, found in metrics["candidates"].items()}
    return columns, rows


def _cell(column: Metric, metrics: Metrics, floor: tuple[float, float] | None) -> Cell:
    found = column.read(metrics)
    if found is None or not math.isfinite(found[0]):
        return Cell(None, None, "plain", "–")
    value, error = found
    digits = (
        column.digits if error <= 0 else min(column.digits + 1, max(column.digits, 1 - math.floor(math.log10(error))))
    )
    text = f"{value:.{digits}f} ± {error:.{digits}f}"
    return Cell(value, error, _judge(column, value, error, floor), text)


def _judge(column: Metric, value: float, error: float, floor: tuple[float, float] | None) -> Verdict:
    """Good within three standard errors of the floor, near within the column's scale of it, else far."""
    if floor is None:
        return "floor"
    worse = abs(value - column.best) - abs(floor[0] - column.best)
    if worse <= NEAR * math.hypot(error, floor[1]):
        return "good"
    return "near" if worse <= column.scale else "far"


STYLES = {"floor": "dim", "good": "green", "near": "yellow", "far": "red", "plain": "dim"}


def summary_table(metrics: Metrics) -> Table:
    """The verdict for the terminal: metrics down, floor and candidates across, coloured by distance to the floor."""
    columns, rows = verdict_rows(metrics)
    reference = metrics["reference"]
    title = f"{reference['n']} showers per side against Geant4, recipe {metrics['recipe']}"
    notes = ["Green: as good as the floor within 3 standard errors.", *metrics["notes"]]
    table = Table(title=title, title_justify="left", caption="\n".join(notes), caption_justify="left")
    table.add_column("metric")
    for name in rows:
        table.add_column(name, justify="right")
    for i, column in enumerate(columns):
        cells = (row[i] for row in rows.values())
        table.add_row(column.label, *(f"[{STYLES[cell.verdict]}]{cell.text}[/]" for cell in cells))
    return table
