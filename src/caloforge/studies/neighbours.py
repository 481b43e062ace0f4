"""Nearest neighbours of generated showers among the training showers."""

import numpy as np

from caloforge.errors import InputError
from caloforge.report.maps import average_showers
from caloforge.report.style import REFERENCE, Figure, styled
from caloforge.showers import Showers
from caloforge.studies.base import Result, StudySamples
from caloforge.validation.manifold import distance_blocks, neighbour_distances, shape

SHOWN = 3
QUANTILES = (0.1, 0.5, 0.9)


def neighbours(compared: StudySamples) -> Result:
    """Draw generated showers beside their nearest training showers, and tabulate distances of all.

    Distances are Euclidean between the square roots of the cells' shares in the shower's energy: 0 for showers of one
    shape, 1.41 for showers without a common cell. The table also holds Geant4's reference showers. A candidate that
    lies nearer to the training showers than these copies them.
    Source: C. Krause and D. Shih, arXiv:2106.05285, figures 9 to 11.

    Raises:
        InputError: the training showers are not given.
    """
    if compared.training is None:
        raise InputError("the study of neighbours needs the training showers; give --training FILE.h5")
    known = shape(compared.training)
    rows, figures = [], []
    for name, showers in compared.samples.items():
        points = shape(showers)
        distance = neighbour_distances(points, known, 1)[:, 0]
        rows.append([name, str(len(points)), *(f"{value:.4f}" for value in np.quantile(distance, QUANTILES))])
        if name != REFERENCE:
            figures += _pairs(name, showers, compared.training)
    columns = ["sample", "showers", *(f"{q:.0%} of distances below" for q in QUANTILES)]
    return Result(figures, columns, rows)


def _pairs(name: str, showers: Showers, training: Showers) -> list[Figure]:
    """Showers of low, middle and high energy, and the nearest of the training showers."""
    order = np.argsort(showers.incidents.energy, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, SHOWN + 2).astype(int)[1:-1]]
    blocks = distance_blocks(shape(showers[chosen]), shape(training))
    found = np.concatenate([distance.argmin(axis=1) for _, distance in blocks])
    figures: list[Figure] = []
    with styled():
        for number, (row, nearest) in enumerate(zip(chosen, found, strict=True)):
            energy = showers.incidents.energy[row] / 1e3
            means = {
                REFERENCE: training[int(nearest)].thresholded()[0].astype(float),
                f"{name}, {energy:.3g} GeV": showers[int(row)].thresholded()[0].astype(float),
            }
            figures += average_showers(showers.detector, means, f"neighbours {number} of {name}")
    return figures
