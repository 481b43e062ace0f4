"""The verdict: the most important metrics, as rows for the terminal and the report."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

Metrics = dict[str, Any]
Verdict = Literal["floor", "good", "near", "far", "plain"]
Compared = Literal["ideal", "above", "floor", "below floor"]
NEAR, FAR = 3.0, 0.15  # limits: in standard errors; in AUC


@dataclass(frozen=True)
class Metric:
    """One metric of the verdict.

    Attributes:
        key: name in metrics.json.
        label: heading.
        meaning: one sentence for the reader.
        best: value of a perfect simulator.
        read: function that gives value and error from the metrics of one sample; None if they were not measured.
        scale: difference beyond which the value is far off.
        digits: decimals shown.
        compared: criterion. "ideal": the value agrees with `best`. "above": the value is not above `best`. "floor": the
            value agrees with the floor. "below floor": the value is not worse than the floor.
    """

    key: str
    label: str
    meaning: str
    best: float
    read: Callable[[Metrics], tuple[float, float] | None]
    scale: float
    digits: int = 3
    compared: Compared = "below floor"


def _headline(metrics: Metrics) -> tuple[float, float] | None:
    found = metrics.get("auc")
    return found and (found["mean"], found["error"])


def _auc(view: str) -> Callable[[Metrics], tuple[float, float] | None]:
    def read(metrics: Metrics) -> tuple[float, float] | None:
        score = metrics.get(f"auc_{view}")
        return score and (score["mean"], max(score["error"], score["std"]))

    return read


def _worst(metrics: Metrics) -> tuple[float, float] | None:
    found = metrics.get("worst_observable")
    return found and (found["errors"], 1.0)


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


GATES = (
    Metric(
        "auc",
        "AUC",
        "headline: AUC of the strongest of several classifiers; each shower is scored by a classifier that was trained "
        "and chosen without its fold",
        0.5,
        _headline,
        FAR,
        compared="above",
    ),
    Metric("response", "response", "mean response over Geant4's", 1, _observable("response", "mean_ratio"), 0.02, 4,
           "ideal"),
    Metric("resolution", "resolution", "width of the response over Geant4's", 1, _observable("response", "std_ratio"),
           0.2, compared="ideal"),
    Metric("worst_observable", "worst observable",
           "significance, in standard errors, of the largest Kolmogorov-Smirnov distance among all observables, "
           "corrected for their number", 0, _worst, 10, 1, "above"),
)  # fmt: skip
COLUMNS = (
    *GATES,
    Metric("auc_low", "AUC low", "network on cell energies over incident energy", 0.5, _auc("low"), FAR),
    Metric("auc_low_normed", "AUC normed", "network on cells over their layer's energy", 0.5, _auc("low_normed"), FAR),
    Metric("auc_high", "AUC high", "network on CaloChallenge's high-level features", 0.5, _auc("high"), FAR),
    Metric("auc_high_trees", "AUC trees", "boosted trees on the same features", 0.5, _auc("high_trees"), FAR),
    Metric("auc_log", "AUC log", "network on logarithms of cell energies", 0.5, _auc("log"), FAR),
    Metric("auc_fixed", "AUC fixed", "network on features in a narrow slice of energy", 0.5, _auc("fixed"), FAR),
    Metric("fpd", "FPD ×10³", "Fréchet physics distance of the features", 0, _distance("fpd"), 5.0, 2, "floor"),
    Metric("kpd", "KPD ×10³", "kernel physics distance of the features", 0, _distance("kpd"), 1.0, 3, "floor"),
    Metric("precision", "precision", "share of showers within Geant4's manifold", 1, _share("precision"), 0.2,
           compared="floor"),
    Metric("coverage", "coverage", "share of Geant4's manifold reached", 1, _share("coverage"), 0.2, compared="floor"),
    Metric("copied", "copied", "share of showers copied from the training set", 0, _copied, 0.1),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One entry of the verdict: a number, its error, its distance from Geant4, and a remark."""

    value: float | None
    error: float | None
    verdict: Verdict
    text: str
    note: str = ""


@dataclass(frozen=True)
class Overall:
    """The verdict on a candidate: the worst of headline, response, width of the response and worst observable.

    Attributes:
        verdict: "good" only if none of these metrics fails by three standard errors.
        word: the verdict in words.
        reasons: metrics that fail, each with its number of standard errors.
    """

    verdict: Verdict
    word: str
    reasons: tuple[str, ...]


WORDS = {"good": "not told apart", "near": "told apart", "far": "clearly off"}


def overall(metrics: Metrics, found: Metrics) -> Overall:
    """The verdict on one candidate of `metrics`."""
    cells = [(gate, _cell(gate, found, gate.read(metrics["floor"]))) for gate in GATES]
    failed = [(gate, cell) for gate, cell in cells if cell.verdict in ("near", "far")]
    verdict: Verdict = "far" if any(c.verdict == "far" for _, c in failed) else "near" if failed else "good"
    return Overall(verdict, WORDS[verdict], tuple(_reason(gate, cell, found) for gate, cell in failed))


def _reason(gate: Metric, cell: Cell, found: Metrics) -> str:
    value, error = cell.value or 0.0, cell.error or 0.0
    off = abs(value - gate.best) / error if error > 0 else math.inf
    name = gate.label
    if gate.key == "worst_observable":
        name += f" ({str(found[gate.key]['name']).replace('_', ' ')})"
    return f"{name}: {off:.3g} standard errors"


def _of_particle(particle: str) -> tuple[Metric, ...]:
    """Metrics of one particle of several: AUC, response and width of the response among its showers."""

    def headline(metrics: Metrics) -> tuple[float, float] | None:
        found = metrics["auc"].get("particles", {}).get(particle)
        return found and (found["mean"], found["error"])

    def response(key: str) -> Callable[[Metrics], tuple[float, float] | None]:
        def read(metrics: Metrics) -> tuple[float, float] | None:
            found = metrics.get("particles", {}).get(particle)
            return found and (found["observables"]["response"][key], found["observables"]["response"][f"{key}_error"])

        return read

    return (
        Metric(f"auc_{particle}", f"AUC, {particle}", f"the headline's scores among showers of {particle}", 0.5,
               headline, FAR, compared="above"),
        Metric(f"response_{particle}", f"response, {particle}", "mean response over Geant4's", 1,
               response("mean_ratio"), 0.02, 4, "ideal"),
        Metric(f"resolution_{particle}", f"resolution, {particle}", "width of the response over Geant4's", 1,
               response("std_ratio"), 0.2, compared="ideal"),
    )  # fmt: skip


def verdict_rows(metrics: Metrics) -> tuple[list[Metric], dict[str, list[Cell]]]:
    """Measured metrics, and their entries for the floor and the candidates, by name."""
    floor = metrics["floor"]
    particles = [column for name in floor.get("particles", {}) for column in _of_particle(name)]
    columns = [column for column in (*COLUMNS, *particles) if column.read(floor) is not None]
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
    return Cell(value, error, _judge(column, value, error, floor), text, _matched(column, metrics))


UNMATCHED = {"response": "unmatched_mean_ratio", "resolution": "unmatched_width_ratio"}


def _matched(column: Metric, metrics: Metrics) -> str:
    """Remark on a metric that the response match makes right by construction."""
    match = metrics.get("provenance", {}).get("response_match")
    quantity, _, particle = column.key.partition("_")
    if not match or quantity not in UNMATCHED:
        return ""
    ratios = match.get(UNMATCHED[quantity]) if not particle else None  # measured for all particles together
    if not ratios:
        return "matched by construction"
    low, high = (f"{ratio:.3f}" for ratio in (min(ratios), max(ratios)))
    return f"matched; {low if low == high else f'{low} to {high}'} unmatched"


def _judge(column: Metric, value: float, error: float, floor: tuple[float, float] | None) -> Verdict:
    """Verdict on one value: good within three standard errors, near within the metric's scale, else far."""
    if floor is None:
        return "floor"
    if column.compared in ("ideal", "above"):
        off, allowed = value - column.best, NEAR * error
        off = abs(off) if column.compared == "ideal" else off
    else:
        off, allowed = abs(value - floor[0]), NEAR * math.hypot(error, floor[1])
        if column.compared == "below floor":
            off = abs(value - column.best) - abs(floor[0] - column.best)
    if off <= allowed:
        return "good"
    return "near" if off <= column.scale else "far"


STYLES = {"floor": "dim", "good": "green", "near": "yellow", "far": "red", "plain": "dim"}


def told_apart(found: Metrics) -> str:
    """Showers per class at which the headline is first three standard errors above 0.5."""
    at, smallest = found["auc"]["told_apart_at"], found["auc"]["curve"][0][0]
    return f"> {found['auc']['n']}" if at is None else f"≤ {at}" if at == smallest else f"{at}"


def summary_table(metrics: Metrics) -> Table:
    """The verdict for the terminal: one row per metric, one column per sample, coloured by agreement with Geant4."""
    columns, rows = verdict_rows(metrics)
    reference = metrics["reference"]
    title = f"{reference['n']} showers per side against Geant4, recipe {metrics['recipe']}"
    notes = ["Green: as good as Geant4 within 3 standard errors.", *where_it_shows(metrics), *metrics["notes"]]
    table = Table(title=title, title_justify="left", caption="\n".join(notes), caption_justify="left")
    table.add_column("metric")
    for name in rows:
        table.add_column(name, justify="right")
    verdicts = [overall(metrics, found) for found in metrics["candidates"].values()]
    table.add_row("verdict", "", *(Text(one.word, STYLES[one.verdict]) for one in verdicts))
    for i, column in enumerate(columns):
        table.add_row(column.label, *(_shown(row[i]) for row in rows.values()))
        if column.key == "auc":
            samples = (metrics["floor"], *metrics["candidates"].values())
            table.add_row("told apart at, showers", *(Text(told_apart(found), "dim") for found in samples))
    return table


def _shown(cell: Cell) -> Text:
    note = [(f"\n{cell.note}", "dim")] if cell.note else []
    return Text.assemble((cell.text, STYLES[cell.verdict]), *note)


def where_it_shows(metrics: Metrics) -> list[str]:
    """A sentence per candidate on what distinguishes it from Geant4."""
    return [
        f"{name}: {found['where']['sentence']}" for name, found in metrics["candidates"].items() if "where" in found
    ]
