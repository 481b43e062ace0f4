"""The figures of the report, in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.report import maps
from caloforge.report.judges import judge_figures
from caloforge.report.plots import Curves, Histograms, curves, distributions
from caloforge.report.style import REFERENCE, Figure, Labels, styled
from caloforge.report.training import losses_figure, training_record
from caloforge.report.trends import TrendAxis, resolution_fits, results_by_sample, trend
from caloforge.showers import Incidents, Showers
from caloforge.units import show_energy
from caloforge.validation import observables as obs
from caloforge.validation.cell_tests import mean_shower, spread_layers
from caloforge.validation.distances import energy_bins, histogram
from caloforge.validation.features import lowest
from caloforge.validation.moments import Floats
from caloforge.validation.samples import Samples
from caloforge.validation.table import Observable, Table, bin_edges, defined, observable_table

Metrics = dict[str, Any]
SHOWN_LAYERS = 3
FEWEST_EDGES = 6  # least number of bin edges of a lateral profile that is drawn
MOST_BINS = 50
PER_LAYER = ("energy", "fraction", "centre_x", "centre_y", "width_x", "width_y", "width_r", "sparsity")


@dataclass(frozen=True)
class FigureData:
    """Data of the figures: Geant4, the floor and the candidates, in this order."""

    showers: dict[str, Showers]
    metrics: Metrics

    @property
    def detector(self) -> Detector:
        """The detector of all samples."""
        return self.showers[REFERENCE].detector

    @cached_property
    def tables(self) -> dict[str, Table]:
        """Observables of every sample."""
        found = {name: observable_table(showers) for name, showers in self.showers.items()}
        return found | {REFERENCE: defined(found[REFERENCE])}

    @cached_property
    def layers(self) -> list[int]:
        """Layers shown one by one: those with the most energy."""
        return hottest_layers(self.showers[REFERENCE])

    @cached_property
    def bins(self) -> list[tuple[float, float]]:
        """Bins of incident energy [MeV]."""
        return energy_bins(self.showers[REFERENCE].incidents.energy)


def hottest_layers(showers: Showers) -> list[int]:
    """The layers that hold the most energy, in depth."""
    mean = obs.layer_energies(showers.detector, showers.thresholded()).mean(axis=0)
    return sorted(np.argsort(mean)[-SHOWN_LAYERS:].tolist())


def all_figures(samples: Samples, metrics: Metrics) -> list[Figure]:
    """Every figure of the report, in order."""
    data = FigureData({REFERENCE: samples.reference, **samples.compared}, metrics)
    with styled():
        return [figure for draw in DRAWN for figure in draw(data)]


def _scores(data: FigureData) -> Iterator[Figure]:
    yield maps.scores(data.metrics)


def _judges(data: FigureData) -> Iterator[Figure]:
    yield from judge_figures(data.detector, data.metrics)


def _averages(data: FigureData) -> Iterator[Figure]:
    means = {name: mean_shower(s.thresholded()) for name, s in data.showers.items()}
    yield from maps.average_showers(data.detector, means)


def _distributions(data: FigureData) -> Iterator[Figure]:
    for shown in distributions_of(data.tables, data.layers).values():
        yield distributions(*shown)


def distributions_of(tables: dict[str, Table], layers: list[int]) -> dict[str, tuple[Labels, Histograms]]:
    """Histograms by observable: each of whole showers, and those of the given layers.

    Args:
        tables: observables by sample, Geant4's first.
        layers: layers that are shown one by one.
    """
    table = tables[REFERENCE]
    titles = {name: name.replace("_", " ") for name, column in table.items() if column.layer is None}
    for quantity in PER_LAYER:
        titles |= {f"{quantity}_layer_{k}": f"{quantity.replace('_', ' ')}, layer {k}" for k in layers}
    values = {name: {sample: own[name].values for sample, own in tables.items()} for name in titles if name in table}
    return {name: (Labels(name, titles[name], table[name].group), _histograms(table[name], by_sample))
            for name, by_sample in values.items() if _varies(by_sample)}  # fmt: skip


def _varies(values: dict[str, Floats]) -> bool:
    """Whether an observable varies; the share of an only layer does not."""
    joined = np.concatenate(list(values.values()))
    return bool(np.ptp(joined[np.isfinite(joined)]) > 0)


def _histograms(column: Observable, values: dict[str, Floats]) -> Histograms:
    edges = bin_edges(column, fitting_bins(len(column.values)))
    x = f"{column.label} [{column.unit}]" if column.unit else column.label
    return Histograms(x, edges, {key: histogram(v, edges) for key, v in values.items()}, column.log, column.log)


def fitting_bins(n: int) -> int:
    """Bins of a histogram of n showers: 2 n^(1/3) (Rice's rule), between 12 and 50."""
    return int(np.clip(round(2 * n ** (1 / 3)), 12, MOST_BINS))


def _at_fixed_energies(data: FigureData) -> Iterator[Figure]:
    """The shower centre in the lowest, middle and highest energy bin."""
    if "depth_centre" not in data.tables[REFERENCE]:
        return
    for index in sorted({0, len(data.bins) // 2, len(data.bins) - 1}) if len(data.bins) > 1 else []:
        values = {name: values[rows] for name, values, rows in _in_bin(data, "depth_centre", index)}
        if min(map(len, values.values())) < 20:
            continue
        low, high = data.bins[index]
        where = show_energy(low) if low == high else f"{low / 1e3:.3g}–{high / 1e3:.3g} GeV"
        column = data.tables[REFERENCE]["depth_centre"]
        column = Observable(values[REFERENCE], column.label, column.unit, column.group)
        labels = Labels(f"depth_centre_bin_{index}", f"shower centre at {where}", column.group)
        yield distributions(labels, _histograms(column, values))


def _in_bin(data: FigureData, name: str, index: int) -> Iterator[tuple[str, Floats, Any]]:
    low, high = data.bins[index]
    for sample, table in data.tables.items():
        energy = data.showers[sample].incidents.energy
        yield sample, table[name].values, (energy >= low) & (energy <= high)


def _against_energy(data: FigureData) -> Iterator[Figure]:
    """Linearity, resolution with its fit, and shapes against incident energy."""
    if len(data.bins) < 2:
        return
    energy = {sample: showers.incidents.energy for sample, showers in data.showers.items()}
    against = TrendAxis("energy", "E_{inc} [GeV]", energy, data.bins, 1e-3)
    shapes = ["response", "depth_centre", "depth_width", "sparsity", f"width_r_layer_{data.layers[-1]}"]
    for name in shapes:
        if name in data.tables[REFERENCE]:
            yield trend(data.tables, name, against, "mean")
    yield trend(data.tables, "response", against, "resolution", resolution_fits(data.metrics))


def _against_direction(data: FigureData) -> Iterator[Figure]:
    """Response against those angles and entry points that vary."""
    for name, label, read in DIRECTIONS:
        values = {sample: read(showers.incidents) for sample, showers in data.showers.items()}
        if np.ptp(values[REFERENCE]) > 0:
            bins = energy_bins(values[REFERENCE])
            if len(bins) > 1:
                yield trend(data.tables, "response", TrendAxis(name, label, values, bins), "mean")


def _middles(data: FigureData) -> Floats:
    return np.array([(low + high) / 2e3 for low, high in data.bins])


def _longitudinal_profile(data: FigureData) -> Iterator[Figure]:
    if len(data.detector.layers) < 2:
        return
    profiles = {
        name: _mean_and_error(obs.layer_energies(s.detector, s.thresholded()) / s.incidents.energy[:, None])
        for name, s in data.showers.items()
    }
    z = np.array([layer.z for layer in data.detector.layers])
    labels = Labels("longitudinal_profile", "longitudinal profile", "longitudinal")
    yield curves(labels, Curves("depth [mm]", "mean E_{layer} / E_{inc}", z, profiles, log_y=True))


def _lateral_profiles(data: FigureData) -> Iterator[Figure]:
    """Average energy against distance in x, y, r and phi, in the layers shown one by one."""
    for axis in obs.AXES:
        for k in data.layers:
            if len(obs.lateral_edges(data.detector.layers[k], axis)) >= FEWEST_EDGES:
                labels = Labels(f"profile_{axis}_layer_{k}", f"lateral profile in {axis}, layer {k}", "lateral")
                yield curves(labels, _lateral_profile(data, k, axis))


def _lateral_profile(data: FigureData, k: int, axis: str) -> Curves:
    edges = obs.lateral_edges(data.detector.layers[k], axis)
    profiles = {
        name: _mean_and_error(obs.lateral_profile(s.detector, s.thresholded(), k, axis) / s.incidents.energy[:, None])
        for name, s in data.showers.items()
    }
    filled = profiles[REFERENCE][0] > 0
    shown = {name: (value[filled], error[filled]) for name, (value, error) in profiles.items()}
    label = f"{'φ' if axis == 'phi' else axis} in layer {k} [{obs.AXES[axis]}]"
    return Curves(label, "mean E / E_{inc}", ((edges[1:] + edges[:-1]) / 2)[filled], shown, log_y=axis != "phi")


def _mean_and_error(values: Floats) -> tuple[Floats, Floats]:
    return values.mean(axis=0), values.std(axis=0) / len(values) ** 0.5


def _cell_energies(data: FigureData) -> Iterator[Figure]:
    low = float(lowest(data.detector))
    high = max(float(s.energies.max()) for s in data.showers.values())
    edges = np.geomspace(low, max(high, 10 * low), 60)
    counts = {name: obs.cell_spectrum(s.thresholded(), edges) for name, s in data.showers.items()}
    shown = Histograms("cell energy [MeV]", edges, counts, log_x=True, log_y=True)
    yield distributions(Labels("cell_energy", "cell energies", "cells"), shown)


def _correlations(data: FigureData) -> Iterator[Figure]:
    if len(data.detector.layers) < 2:
        return
    chosen = spread_layers(data.detector, 12)
    values = {}
    for name, showers in data.showers.items():
        layers = obs.layer_energies(showers.detector, showers.thresholded())[:, chosen]
        response = layers.sum(axis=1, keepdims=True)
        values[name] = obs.correlations(np.hstack([layers, response]) / showers.incidents.energy[:, None])
    labels = Labels("correlations", "correlations of layer energies", "layers")
    yield maps.matrices(labels, [*(f"E_{{{k}}}" for k in chosen), "E_{tot}"], values)


def _neighbours(data: FigureData) -> Iterator[Figure]:
    """Distances to the nearest training shower, of held-out Geant4 showers and of each sample."""
    for name, found in data.metrics["candidates"].items():
        if "memorisation" in found:
            histograms = found["memorisation"]["histogram"]
            counts = {REFERENCE: histograms["held_out"], name: histograms["generated"]}
            labels = Labels(f"neighbours_{name}", f"nearest training shower, {name}", "memorisation")
            arrays = {key: np.array(value, np.float64) for key, value in counts.items()}
            x = "distance to the nearest training shower"
            yield distributions(labels, Histograms(x, np.array(histograms["edges"]), arrays))


def _regression(data: FigureData) -> Iterator[Figure]:
    """Bias and resolution of the energy that Geant4-trained regression finds."""
    if "regression" not in data.metrics["reference"] or len(data.bins) < 2:
        return
    for key, y in (("bias", "mean E_{reco} / E_{inc} − 1"),
                   ("resolution", "width of E_{reco} / E_{inc}")):  # fmt: skip
        values = {name: _column(found["regression"], key) for name, found in results_by_sample(data.metrics).items()}
        labels = Labels(f"regression_{key}", f"energy regression, {key}", "analysis")
        shown = Curves("E_{inc} [GeV]", y, _middles(data), values)
        yield curves(labels, shown, difference=key == "bias")


def _column(rows: list[Metrics], key: str) -> tuple[Floats, Floats]:
    pairs = [[np.nan if row[k] is None else row[k] for k in (key, f"{key}_error")] for row in rows]
    value, error = np.array(pairs, np.float64).T
    return value, error


def _training(data: FigureData) -> Iterator[Figure]:
    """Losses of each learned candidate against its training steps."""
    for name, found in data.metrics["candidates"].items():
        if losses := training_record(found["provenance"]).get("losses"):
            yield losses_figure(name, losses)


DIRECTIONS: tuple[tuple[str, str, Callable[[Incidents], Floats]], ...] = (
    ("theta", "θ [rad]", lambda incidents: incidents.theta),
    ("phi", "φ [rad]", lambda incidents: incidents.phi),
    ("x", "entry point x [mm]", lambda incidents: incidents.position[:, 0]),
    ("y", "entry point y [mm]", lambda incidents: incidents.position[:, 1]),
)
DRAWN = (_judges, _scores, _averages, _longitudinal_profile, _distributions, _at_fixed_energies, _against_energy,
         _against_direction, _lateral_profiles, _cell_energies, _correlations, _neighbours, _regression,
         _training)  # fmt: skip
