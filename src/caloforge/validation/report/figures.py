"""Which figures the report shows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.showers import Showers
from caloforge.units import show_energy
from caloforge.validation import observables as obs
from caloforge.validation.cell_tests import mean_shower, spread_layers
from caloforge.validation.distances import energy_bins, histogram, width_error
from caloforge.validation.features import lowest
from caloforge.validation.moments import Floats
from caloforge.validation.report import maps
from caloforge.validation.report.judges import judge_figures
from caloforge.validation.report.plots import Curves, Histograms, curves, distributions
from caloforge.validation.report.style import REFERENCE, Figure, Labels, styled
from caloforge.validation.samples import Samples
from caloforge.validation.table import Observable, Table, bin_edges, defined, observable_table

Metrics = dict[str, Any]
SHOWN_LAYERS = 3
FEWEST_EDGES = 6  # of a lateral profile worth drawing
PER_LAYER = ("energy", "fraction", "centre_x", "centre_y", "width_x", "width_y", "width_r", "sparsity")


@dataclass(frozen=True)
class Content:
    """What figures are drawn from: Geant4, the floor and the candidates, in this order."""

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
        mean = obs.layer_energies(self.detector, self.showers[REFERENCE].thresholded()).mean(axis=0)
        return sorted(np.argsort(mean)[-SHOWN_LAYERS:].tolist())

    @cached_property
    def bins(self) -> list[tuple[float, float]]:
        """Bins of incident energy [MeV]."""
        return energy_bins(self.showers[REFERENCE].incidents.energy)

    def results(self) -> dict[str, Metrics]:
        """Metrics of the floor and the candidates, and what the reference says of itself."""
        return {REFERENCE: self.metrics["reference"], "floor": self.metrics["floor"], **self.metrics["candidates"]}


def all_figures(samples: Samples, metrics: Metrics) -> list[Figure]:
    """Every figure of the report, in order."""
    content = Content({REFERENCE: samples.reference, **samples.compared}, metrics)
    with styled():
        return [figure for draw in DRAWN for figure in draw(content)]


def _scores(content: Content) -> Iterator[Figure]:
    yield maps.scores(content.metrics)


def _judges(content: Content) -> Iterator[Figure]:
    yield from judge_figures(content.detector, content.metrics)


def _averages(content: Content) -> Iterator[Figure]:
    means = {name: mean_shower(s.thresholded()) for name, s in content.showers.items()}
    yield maps.average_showers(content.detector, means)


def _distributions(content: Content) -> Iterator[Figure]:
    """Each observable of whole showers, and those of layers side by side."""
    table = content.tables[REFERENCE]
    for name, column in table.items():
        if column.layer is None:
            yield _distribution(name, name.replace("_", " "), column, _by_sample(content, name))
    for quantity in PER_LAYER:
        names = [name for k in content.layers if (name := f"{quantity}_layer_{k}") in table]
        if names:
            labels = Labels(f"{quantity}_by_layer", f"{quantity.replace('_', ' ')} by layer", table[names[0]].group)
            yield distributions(labels, [_histograms(table[name], _by_sample(content, name)) for name in names])


def _by_sample(content: Content, name: str) -> dict[str, Floats]:
    return {sample: table[name].values for sample, table in content.tables.items()}


def _distribution(name: str, title: str, column: Observable, values: dict[str, Floats]) -> Figure:
    return distributions(Labels(name, title, column.group), [_histograms(column, values)])


def _histograms(column: Observable, values: dict[str, Floats]) -> Histograms:
    edges = bin_edges(column)
    x = f"{column.label} [{column.unit}]" if column.unit else column.label
    return Histograms(x, edges, {key: histogram(v, edges) for key, v in values.items()}, column.log, column.log)


def _at_fixed_energies(content: Content) -> Iterator[Figure]:
    """The shower centre in the lowest, middle and highest energy bin."""
    if "depth_centre" not in content.tables[REFERENCE]:
        return
    for index in sorted({0, len(content.bins) // 2, len(content.bins) - 1}) if len(content.bins) > 1 else []:
        values = {name: values[rows] for name, values, rows in _in_bin(content, "depth_centre", index)}
        if min(map(len, values.values())) < 20:
            continue
        low, high = content.bins[index]
        where = show_energy(low) if low == high else f"{low / 1e3:.3g}–{high / 1e3:.3g} GeV"
        column = content.tables[REFERENCE]["depth_centre"]
        column = Observable(values[REFERENCE], column.label, column.unit, column.group)
        yield _distribution(f"depth_centre_bin_{index}", f"shower centre at {where}", column, values)


def _in_bin(content: Content, name: str, index: int) -> Iterator[tuple[str, Floats, Any]]:
    low, high = content.bins[index]
    for sample, table in content.tables.items():
        energy = content.showers[sample].incidents.energy
        yield sample, table[name].values, (energy >= low) & (energy <= high)


def _against_energy(content: Content) -> Iterator[Figure]:
    """Response, resolution and shapes against incident energy."""
    if len(content.bins) < 2:
        return
    shapes = ["response", "depth_centre", "depth_width", "sparsity", f"width_r_layer_{content.layers[-1]}"]
    for name in shapes:
        if name in content.tables[REFERENCE]:
            column = content.tables[REFERENCE][name]
            yield _trend(content, name, f"mean {column.label}", np.mean, lambda v: v.std() / max(len(v), 1) ** 0.5)
    yield _trend(content, "response", "width of the response", np.std, width_error)


def _trend(
    content: Content, name: str, y: str, value: Callable[[Floats], Any], error: Callable[[Floats], Any]
) -> Figure:
    column = content.tables[REFERENCE][name]
    points: dict[str, list[tuple[float, float]]] = {sample: [] for sample in content.showers}
    for index in range(len(content.bins)):
        for sample, values, rows in _in_bin(content, name, index):
            found = values[rows][np.isfinite(values[rows])]
            points[sample].append((float(value(found)), float(error(found))) if len(found) > 1 else (np.nan, np.nan))
    kind = "width" if value is np.std else "mean"
    unit = f" [{column.unit}]" if column.unit else ""
    labels = Labels(f"{name}_{kind}_energy", f"{name.replace('_', ' ')}, {kind} against energy", column.group)
    measured = {s: (np.array(p)[:, 0], np.array(p)[:, 1]) for s, p in points.items()}
    return curves(labels, [Curves("E_{inc} [GeV]", y + unit, _middles(content), measured)])


def _middles(content: Content) -> Floats:
    return np.array([(low + high) / 2e3 for low, high in content.bins])


def _longitudinal_profile(content: Content) -> Iterator[Figure]:
    if len(content.detector.layers) < 2:
        return
    profiles = {
        name: _mean_and_error(obs.layer_energies(s.detector, s.thresholded()) / s.incidents.energy[:, None])
        for name, s in content.showers.items()
    }
    z = np.array([layer.z for layer in content.detector.layers])
    labels = Labels("longitudinal_profile", "longitudinal profile", "longitudinal")
    yield curves(labels, [Curves("depth [mm]", "mean E_{layer} / E_{inc}", z, profiles, log_y=True)])


def _lateral_profiles(content: Content) -> Iterator[Figure]:
    """Average energy against distance in x, y, r and phi, in the layers shown side by side."""
    for axis in obs.AXES:
        shown = [_lateral_profile(content, k, axis) for k in content.layers
                 if len(obs.lateral_edges(content.detector.layers[k], axis)) >= FEWEST_EDGES]  # fmt: skip
        if shown:
            yield curves(Labels(f"profile_{axis}_by_layer", f"lateral profile in {axis} by layer", "lateral"), shown)


def _lateral_profile(content: Content, k: int, axis: str) -> Curves:
    edges = obs.lateral_edges(content.detector.layers[k], axis)
    profiles = {
        name: _mean_and_error(obs.lateral_profile(s.detector, s.thresholded(), k, axis) / s.incidents.energy[:, None])
        for name, s in content.showers.items()
    }
    filled = profiles[REFERENCE][0] > 0
    shown = {name: (value[filled], error[filled]) for name, (value, error) in profiles.items()}
    label = f"{'φ' if axis == 'phi' else axis} in layer {k} [{obs.AXES[axis]}]"
    return Curves(label, "mean E / E_{inc}", ((edges[1:] + edges[:-1]) / 2)[filled], shown, log_y=axis != "phi")


def _mean_and_error(values: Floats) -> tuple[Floats, Floats]:
    return values.mean(axis=0), values.std(axis=0) / len(values) ** 0.5


def _cell_energies(content: Content) -> Iterator[Figure]:
    low = float(lowest(content.detector))
    high = max(float(s.energies.max()) for s in content.showers.values())
    edges = np.geomspace(low, max(high, 10 * low), 60)
    counts = {name: obs.cell_spectrum(s.thresholded(), edges) for name, s in content.showers.items()}
    shown = Histograms("cell energy [MeV]", edges, counts, log_x=True, log_y=True)
    yield distributions(Labels("cell_energy", "cell energies", "cells"), [shown])


def _correlations(content: Content) -> Iterator[Figure]:
    if len(content.detector.layers) < 2:
        return
    chosen = spread_layers(content.detector, 12)
    values = {}
    for name, showers in content.showers.items():
        layers = obs.layer_energies(showers.detector, showers.thresholded())[:, chosen]
        response = layers.sum(axis=1, keepdims=True)
        values[name] = obs.correlations(np.hstack([layers, response]) / showers.incidents.energy[:, None])
    labels = Labels("correlations", "correlations of layer energies", "layers")
    yield maps.matrices(labels, [*(f"E_{{{k}}}" for k in chosen), "E_{tot}"], values)


def _neighbours(content: Content) -> Iterator[Figure]:
    """Distances to the nearest training shower, of held-out Geant4 showers and of each sample."""
    for name, found in content.metrics["candidates"].items():
        if "memorisation" in found:
            histograms = found["memorisation"]["histogram"]
            counts = {REFERENCE: histograms["held_out"], name: histograms["generated"]}
            labels = Labels(f"neighbours_{name}", f"nearest training shower, {name}", "memorisation")
            arrays = {key: np.array(value, np.float64) for key, value in counts.items()}
            x = "distance to the nearest training shower"
            yield distributions(labels, [Histograms(x, np.array(histograms["edges"]), arrays)])


def _regression(content: Content) -> Iterator[Figure]:
    """Bias and resolution of the energy that Geant4-trained regression finds."""
    if "regression" not in content.metrics["reference"] or len(content.bins) < 2:
        return
    for key, y in (("bias", "mean E_{reco} / E_{inc} − 1"),
                   ("resolution", "width of E_{reco} / E_{inc}")):  # fmt: skip
        values = {name: _column(found["regression"], key) for name, found in content.results().items()}
        labels = Labels(f"regression_{key}", f"energy regression, {key}", "analysis")
        shown = Curves("E_{inc} [GeV]", y, _middles(content), values)
        yield curves(labels, [shown], difference=key == "bias")


def _column(rows: list[Metrics], key: str) -> tuple[Floats, Floats]:
    pairs = [[np.nan if row[k] is None else row[k] for k in (key, f"{key}_error")] for row in rows]
    value, error = np.array(pairs, np.float64).T
    return value, error


DRAWN = (_judges, _scores, _averages, _longitudinal_profile, _distributions, _at_fixed_energies, _against_energy,
         _lateral_profiles, _cell_energies, _correlations, _neighbours, _regression)  # fmt: skip
