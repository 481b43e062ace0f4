"""Single-cell response: the spectra of named cells by depth and distance from the axis."""

from dataclasses import dataclass

import numpy as np

from caloforge.detector import Detector
from caloforge.report.plots import Histograms, distributions
from caloforge.report.style import Figure, Labels, styled
from caloforge.studies.base import Result, StudySamples
from caloforge.validation.features import lowest
from caloforge.validation.moments import Energies, Floats

LEAST_SHARE = 0.02  # least share of the showers' energy in a layer whose cells are drawn
SHARES = (1.0, 0.1, 0.01)  # mean energies of the chosen cells over that of the layer's hottest cell
BINS = 24


@dataclass(frozen=True)
class Cell:
    """A cell, its layer, and its distance [mm] from the detector's axis."""

    number: int
    layer: int
    distance: float

    def __str__(self) -> str:
        return f"layer {self.layer}, {self.distance:.0f} mm from the axis"


def cells(compared: StudySamples) -> Result:
    """Draw the energy spectra of nine cells, in three depths and at three distances from the core.

    Source: S. Vallecorsa for the GeantV team, "GeantV GANs": single-cell response.
    """
    above = {name: showers.thresholded() for name, showers in compared.samples.items()}
    reference, *_ = above.values()
    chosen = named_cells(compared.detector, reference)
    threshold = float(lowest(compared.detector))
    with styled():
        figures = [_spectra(cell, above, threshold) for cell in chosen]
    rows = []
    for cell in chosen:
        spectra = {name: energies[:, cell.number] for name, energies in above.items()}
        rows.append([str(cell.number), str(cell), *(_hits(values) for values in spectra.values())])
    return Result(figures, ["cell", "place", *(f"{name}: hit [%], mean of hits [MeV]" for name in above)], rows)


def named_cells(detector: Detector, energies: Energies) -> list[Cell]:
    """Cells of the first and last layer with 2 % of the energy and of the hottest one.

    In each layer they are the hottest in the mean, and those whose mean is nearest to a tenth and a hundredth of it.
    """
    mean = energies.mean(axis=0, dtype=np.float64)
    layers = detector.sum_layers(mean[None])[0]
    filled = np.flatnonzero(layers >= LEAST_SHARE * layers.sum())
    found = dict.fromkeys(
        (k, _nearest(mean[detector.layers[k].slice], share))
        for k in sorted({int(filled[0]), int(layers.argmax()), int(filled[-1])})
        for share in SHARES
    )
    numbers = [(k, detector.layers[k].start + place) for k, place in found]
    return [Cell(n, k, float(np.hypot(*detector.cell_centres[n, :2]))) for k, n in numbers]


def _nearest(mean: Floats, share: float) -> int:
    """Cell whose mean is nearest to that share of the hottest one's, in logarithms."""
    with np.errstate(divide="ignore"):
        return int(np.abs(np.log(mean) - np.log(share * mean.max())).argmin())


def _spectra(cell: Cell, above: dict[str, Energies], threshold: float) -> Figure:
    hits = {
        name: np.asarray(energies[:, cell.number][energies[:, cell.number] > 0]) for name, energies in above.items()
    }
    highest = max((float(values.max()) for values in hits.values() if len(values)), default=10 * threshold)
    edges = np.geomspace(threshold, 1.01 * max(highest, 2 * threshold), BINS + 1)
    counts = {name: np.histogram(values, edges)[0].astype(np.float64) for name, values in hits.items()}
    labels = Labels(f"cell_{cell.number}", str(cell), "single cells")
    return distributions(labels, Histograms(f"energy in a cell of {cell} [MeV]", edges, counts, log_x=True, log_y=True))


def _hits(values: Energies) -> str:
    hits = values[values > 0]
    share = len(hits) / len(values)
    error = np.sqrt(max(share * (1 - share), 1 / len(values)) / len(values))
    spread = hits.std(ddof=1) / np.sqrt(len(hits)) if len(hits) > 1 else float("nan")
    mean = hits.mean() if len(hits) else float("nan")
    return f"{100 * share:.1f} ± {100 * error:.1f}, {mean:.4g} ± {spread:.2g}"
