"""The view "features": quantities that physicists compare, as ratios and logarithms, for any range of energies."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.validation.features import EMPTY
from caloforge.validation.judges.columns import Columns, join, stack
from caloforge.validation.judges.sections import Section, sections
from caloforge.validation.moments import Energies, Floats, chunks

HOTTEST = 4
FAINT = 10  # times the threshold; hits below are called faint
Table = dict[str, NDArray[Any]]


def features(detector: Detector, cells: Energies, incident: Floats, edges: Floats) -> Columns:
    """Energies, hits, hottest cells, centres, widths and higher moments of showers above threshold.

    Args:
        detector: the detector.
        cells: energies (N, n_cells) [MeV], thresholded.
        incident: sampling fraction times incident energy (N,) [MeV].
        edges: energies [MeV] above which hits are counted.
    """
    parts = [join(_features(detector, cells[rows], incident[rows], edges)) for rows in chunks(cells)]
    return stack(parts)


def _features(detector: Detector, cells: Energies, incident: Floats, edges: Floats) -> Table:
    layers = detector.sum_layers(cells)
    table = _energies(layers, incident) | _depth(detector, layers) | _counts(cells, edges)
    parts = sections(detector)
    moments = [_moments(part, cells) for part in parts]
    for part, moment in zip(parts, moments, strict=True):
        label = part.label
        table |= {f"{label}: {name}": values for name, values in _cells(cells[:, part.cells], incident, edges).items()}
        table |= {f"{label}: {name}": values for name, values in moment.items()}
    for a, b, first, second in zip(parts, parts[1:], moments, moments[1:], strict=False):
        table |= _pair(a, b, cells, first, second)
    return table


def _energies(layers: Floats, incident: Floats) -> Table:
    total = layers.sum(axis=1)
    table: Table = {"E_tot / E_inc": total / incident, "log E_tot": np.log10(total + EMPTY)}
    if layers.shape[1] == 1:
        return table
    share = ratio(layers, total[:, None])
    for k in range(layers.shape[1]):
        table |= {
            f"layer {k}: E / E_inc": layers[:, k] / incident,
            f"layer {k}: E / E_tot": share[:, k],
            f"layer {k}: log E": np.log10(layers[:, k] + EMPTY),
        }
    for k in range(layers.shape[1] - 1):
        table[f"layers {k} and {k + 1}: log of the ratio of energies"] = np.log10(
            (layers[:, k + 1] + EMPTY) / (layers[:, k] + EMPTY)
        )
    return table


def _depth(detector: Detector, layers: Floats) -> Table:
    if layers.shape[1] < 3:
        return {}
    z = np.array([layer.z for layer in detector.layers])
    z = (z - z.mean()) / z.std()
    share = ratio(layers, layers.sum(axis=1, keepdims=True))
    mean = share @ z
    spread = [(share * (z - mean[:, None]) ** k).sum(axis=1) for k in (2, 3, 4)]
    return {
        "centre in depth": mean,
        "width in depth": np.sqrt(spread[0].clip(0)),
        "skewness in depth": ratio(spread[1], spread[0].clip(0) ** 1.5 + EMPTY),
        "kurtosis in depth": ratio(spread[2], spread[0] ** 2 + EMPTY),
        "layer of the maximum": layers.argmax(axis=1),
    }


def _counts(cells: Energies, edges: Floats) -> Table:
    """Hits of the whole shower above and below each energy, since trees cannot add the counts of layers."""
    above = [(cells >= np.float32(edge)).sum(axis=1) for edge in edges]
    table: Table = {f"hits above {edge:g} MeV": count for edge, count in zip(edges, above, strict=True)}
    for edge, count in zip(edges[1:], above[1:], strict=True):
        table[f"{faint(edge, edges)}hits below {edge:g} MeV"] = above[0] - count
    return table


def _cells(cells: Energies, incident: Floats, edges: Floats) -> Table:
    table: Table = {f"hits above {edge:g} MeV": (cells >= np.float32(edge)).sum(axis=1) for edge in edges}
    n = min(HOTTEST, cells.shape[1])
    top = -np.sort(-np.partition(cells, -n, axis=1)[:, -n:], axis=1)
    words = ("hottest", "second-hottest", "third-hottest", "fourth-hottest")
    return table | {f"{words[i]} cell / E_inc": top[:, i] / incident for i in range(n)}


def _moments(part: Section, cells: Energies) -> Table:
    """Centres and roots of central moments up to the fourth [mm]; 0 in empty sections."""
    energies = cells[:, part.cells].astype(np.float64)
    scale = np.abs(part.position).max() or 1.0
    position = part.position / scale
    powers = [ratio(energies @ position**k, energies.sum(axis=1, keepdims=True)) for k in (1, 2, 3, 4)]
    mean = powers[0]
    second = (powers[1] - mean**2).clip(0)
    third = powers[2] - 3 * mean * powers[1] + 2 * mean**3
    fourth = powers[3] - 4 * mean * powers[2] + 6 * mean**2 * powers[1] - 3 * mean**4
    table: Table = {}
    for i, axis in enumerate("xyr"):
        if np.ptp(position[:, i]) == 0:
            continue
        table |= {
            f"centre in {axis}": mean[:, i] * scale,
            f"width in {axis}": np.sqrt(second[:, i]) * scale,
            f"third moment in {axis}": np.cbrt(third[:, i]) * scale,
            f"fourth moment in {axis}": fourth[:, i].clip(0) ** 0.25 * scale,
        }
    return table


def _pair(a: Section, b: Section, cells: Energies, first: Table, second: Table) -> Table:
    label = f"{a.label} and {b.label}"
    table: Table = {
        f"{label}: distance of the centres in {axis}": second[f"centre in {axis}"] - first[f"centre in {axis}"]
        for axis in "xy" if f"centre in {axis}" in first and f"centre in {axis}" in second
    }  # fmt: skip
    if a.position.shape == b.position.shape and np.array_equal(a.position, b.position):
        one, two = (cells[:, part.cells].astype(np.float64) for part in (a, b))
        norm = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
        table[f"{label}: likeness of their cells"] = ratio((one * two).sum(axis=1), norm)
    return table


def faint(edge: float, edges: Floats) -> str:
    """The word "faint" for hits below an energy that is at most ten times the threshold, else nothing."""
    return "faint " if edge <= FAINT * edges[0] else ""


def ratio(a: Any, b: Any) -> Floats:
    """Quotient of a and b, and 0 where b is 0."""
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return np.asarray(np.divide(a, b, out=np.zeros_like(a), where=b != 0))
