"""First and second moments of showers along and across their axis, against the incident energy."""

import numpy as np

from caloforge.report.plots import Curves, curves
from caloforge.report.style import REFERENCE, Figure, Labels, styled
from caloforge.showers import Showers
from caloforge.studies.base import Result, StudySamples, measured
from caloforge.units import show_energy
from caloforge.validation import observables as obs
from caloforge.validation.distances import energy_bins
from caloforge.validation.moments import Floats

NAMES = {
    "depth": "first moment in depth",
    "depth_width": "second moment in depth",
    "radius": "first moment in radius",
    "radius_width": "second moment in radius",
}
Moments = dict[str, Floats]


def moments(compared: StudySamples) -> Result:
    """Compare means over showers of four moments [mm] at the labels, or in bins of the incident energy.

    The moments in depth are the centre of the longitudinal profile and the root of its second central moment. The
    transverse moments are the mean distance of the energy from the axis of the cells, and its root mean square.
    Source: "FAST.AR Simulation with Deep AutoRegressive Networks", and "End-To-End Deep Learning Fast Simulation
    Framework".
    """
    bins = energy_bins(compared.reference.incidents.energy)
    values = {name: shower_moments(showers) for name, showers in compared.samples.items()}
    table = {
        name: [_in_bin(showers, values[name], *edges) for edges in bins] for name, showers in compared.samples.items()
    }
    middles = np.array([(low + high) / 2 for low, high in bins]) / 1e3
    with styled():
        figures = [_figure(key, middles, table) for key in NAMES] if len(bins) > 1 else []
    rows = [_row(table, key, k, edges) for k, edges in enumerate(bins) for key in NAMES]
    columns = ["energy", "moment", f"{REFERENCE} [mm]", *(f"{name} / {REFERENCE}" for name in compared.candidates)]
    return Result(figures, columns, rows)


def shower_moments(showers: Showers) -> Moments:
    """The four moments (N,) [mm] of each shower; NaN for empty showers."""
    detector, energies = showers.detector, showers.thresholded()
    layers = obs.layer_energies(detector, energies)
    radius = np.hypot(*detector.cell_centres[:, :2].T)
    total = energies.sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        mean, square = energies @ radius / total, energies @ radius**2 / total
    found = obs.depth_centre(detector, layers), obs.depth_width(detector, layers), mean, np.sqrt(square)
    return dict(zip(NAMES, found, strict=True))


def _in_bin(showers: Showers, values: Moments, low: float, high: float) -> dict[str, tuple[float, float]]:
    rows = (showers.incidents.energy >= low) & (showers.incidents.energy <= high)
    found = {}
    for key, column in values.items():
        chosen = column[rows & np.isfinite(column)]
        error = chosen.std(ddof=1) / len(chosen) ** 0.5 if len(chosen) > 1 else np.nan
        found[key] = (float(chosen.mean()) if len(chosen) else np.nan, float(error))
    return found


def _figure(key: str, energy: Floats, table: dict[str, list[dict[str, tuple[float, float]]]]) -> Figure:
    values = {name: (np.array([b[key][0] for b in bins]), np.array([b[key][1] for b in bins]))
              for name, bins in table.items()}  # fmt: skip
    labels = Labels(f"moment_{key}", NAMES[key], "moments")
    return curves(labels, Curves("incident energy [GeV]", f"{NAMES[key]} [mm]", energy, values))


def _row(
    table: dict[str, list[dict[str, tuple[float, float]]]], key: str, k: int, edges: tuple[float, float]
) -> list[str]:
    low, high = edges
    mean, error = table[REFERENCE][k][key]
    ratios = []
    for name, bins in table.items():
        if name != REFERENCE:
            value, own = bins[k][key]
            ratios.append(measured(value / mean, abs(value / mean) * float(np.hypot(own / value, error / mean))))
    where = show_energy(low) if low == high else f"{show_energy(low)} to {show_energy(high)}"
    return [where, NAMES[key], measured(mean, error), *ratios]
