"""Average showers: the mean energy of every cell."""

from caloforge.report.maps import average_showers
from caloforge.report.style import styled
from caloforge.studies.base import Result, StudySamples, measured
from caloforge.validation.observables import layer_energies


def averages(compared: StudySamples) -> Result:
    """Draw the mean energy per area of every cell, layer by layer, and tabulate the mean energy of the layers [MeV].

    Source: C. Krause and D. Shih, arXiv:2106.05285, figures 3 to 5; Paganini et al., arXiv:1712.10321.
    """
    means = {name: showers.thresholded().mean(axis=0, dtype=float) for name, showers in compared.samples.items()}
    with styled():
        figures = list(average_showers(compared.detector, means))
    rows = [[str(k)] for k in range(len(compared.detector.layers))]
    for showers in compared.samples.values():
        layers = layer_energies(compared.detector, showers.thresholded())
        errors = layers.std(axis=0) / len(layers) ** 0.5
        for row, mean, error in zip(rows, layers.mean(axis=0), errors, strict=True):
            row.append(measured(float(mean), float(error)))
    return Result(figures, ["layer", *(f"{name} [MeV]" for name in compared.samples)], rows)
