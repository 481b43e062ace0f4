"""Nearest neighbours: precision, recall, density and coverage of candidates, and memorisation of the training set."""

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import symmetries
from caloforge.showers import Showers
from caloforge.validation.features import lowest
from caloforge.validation.recipes import Recipe

Points = NDArray[np.float32]
Indices = NDArray[np.int64]
NEIGHBOURS = 5
PUBLISHED_EMPTY = 0.1  # MeV; CaloChallenge's value for empty cells, above the threshold of its data sets 2 and 3
COPY_QUANTILE = 0.01  # share of held-out showers that the memorisation test calls copies
MOST_OPERATIONS = 8  # enough for all symmetries of square cells; rings can have a hundred
BLOCK_BYTES = 2**26
Metrics = dict[str, Any]


def log_cells(showers: Showers, recipe: Recipe) -> Points:
    """log10 of the cells (N, n_cells) [MeV]; empty cells have half the threshold, or 0.1 MeV if `as_published`."""
    cells = showers.thresholded() / np.float32(showers.detector.readout.sampling_fraction)
    empty = np.float32(PUBLISHED_EMPTY) if recipe.as_published else lowest(showers.detector) / 2
    cells[cells == 0] = empty
    np.log10(cells, out=cells)
    return cells


def precision_recall(reference: Showers, other: Showers, recipe: Recipe) -> Metrics:
    """Precision, recall, density and coverage of log cells with five neighbours, and the showers per side.

    Source: Naeem et al., arXiv:2002.09797; CaloChallenge's mode `prdc`.
    """
    n = min(len(reference), recipe.largest or len(reference))
    real, fake = (log_cells(s[:n], recipe) for s in (reference, other))
    real_radius, fake_radius = (neighbour_distances(x, x, NEIGHBOURS + 1)[:, -1] for x in (real, fake))
    inside_real, inside_fake = np.zeros(n), np.zeros(n)
    nearest = np.empty(n)
    for rows, distance in distance_blocks(fake, real):
        inside_real[rows] = (distance < real_radius).sum(axis=1)
        inside_fake += (distance < fake_radius[rows, None]).sum(axis=0)
    for rows, distance in distance_blocks(real, fake):
        nearest[rows] = distance.min(axis=1)
    return {
        "precision": float((inside_real > 0).mean()),
        "recall": float((inside_fake > 0).mean()),
        "density": float(inside_real.mean() / NEIGHBOURS),
        "coverage": float((nearest < real_radius).mean()),
        "n_manifold": n,
    }


def distance_blocks(a: Points, b: Points) -> Iterator[tuple[slice, Points]]:
    """Yield blocks of rows of `a` (N, D), and their Euclidean distances to all points of `b` (M, D)."""
    step = max(1, BLOCK_BYTES // (4 * len(b)))
    norm = (b**2).sum(axis=1)
    for start in range(0, len(a), step):
        rows = slice(start, start + step)
        part = a[rows]
        squared = (part**2).sum(axis=1)[:, None] + norm - 2 * (part @ b.T)
        yield rows, np.sqrt(squared.clip(min=0))


def neighbour_distances(a: Points, b: Points, k: int) -> Points:
    """Distances (N, k) from each point of `a` to its k nearest points of `b`, nearest first."""
    found = [np.sort(np.partition(distance, k - 1, axis=1)[:, :k], axis=1) for _, distance in distance_blocks(a, b)]
    return np.concatenate(found)


def shape(showers: Showers) -> Points:
    """Square root of each cell's share in the shower (N, n_cells): a unit vector that rescaling does not change."""
    cells = showers.thresholded()
    total = cells.sum(axis=1, keepdims=True)
    return np.sqrt(cells / np.where(total > 0, total, np.float32(1)))


def memorisation(training: Showers, held_out: Showers, generated: Showers, recipe: Recipe) -> Metrics | None:
    """Test of memorisation: whether generated showers are nearer to the training set than independent Geant4 showers.

    Each shower has a ratio of the distances to its nearest and second nearest training shower. A shower counts as a
    copy if its ratio is below that of 99 % of the held-out showers; `copied` is the share of copies, minus the expected
    1 %. It is 0 for a simulator that copies nothing, and 1 for copies. Unlike the distance, the ratio does not call a
    blurred average a copy. Distances are between shapes and minimal over the detector's symmetries, so that rescaled
    and reflected copies are found. Showers with fewer than two cells are left out, since their shapes repeat.

    Args:
        training: training showers of the candidate.
        held_out: independent Geant4 showers.
        generated: showers of the candidate.
        recipe: settings; `largest` limits the showers per side.

    Returns:
        `copied` and its error, and median nearest distances to and from the training showers; None if hardly any shower
        is left.
    """
    n = min(len(generated), len(held_out), recipe.largest or len(generated))
    operations = symmetries(training.detector)
    points, ours, theirs = (_of_two_cells(shape(s)) for s in (training, generated[:n], held_out[:n]))
    if min(len(points), len(ours), len(theirs)) < 2:
        return None
    from_generated, from_held_out = (symmetry_distances(x, points, operations, 2) for x in (ours, theirs))
    ratios = [_ratio(found) for found in (from_generated, from_held_out)]
    limit = np.quantile(ratios[1], COPY_QUANTILE)
    share = float((ratios[0] < limit).mean())
    back = [symmetry_distances(points[:n], x, operations, 1)[:, 0] for x in (ours, theirs)]
    return {
        "copied": (share - COPY_QUANTILE) / (1 - COPY_QUANTILE),
        "copied_error": float(
            np.sqrt(max(share * (1 - share), COPY_QUANTILE) / len(ours) + COPY_QUANTILE / len(theirs))
        ),
        "to_training": {"generated": _median(from_generated[:, 0]), "held_out": _median(from_held_out[:, 0])},
        "from_training": {"generated": _median(back[0]), "held_out": _median(back[1])},
        "n": len(ours),
        "n_training": len(points),
        "histogram": _histogram(*(found[:, 0] for found in (from_generated, from_held_out))),
    }


def _of_two_cells(points: Points) -> Points:
    kept: Points = points[np.count_nonzero(points, axis=1) > 1]
    return kept


def symmetry_distances(a: Points, b: Points, operations: Indices, k: int) -> Points:
    """Distances (N, k) from each shower of `a` to its k nearest of `b`, minimal over permutations of the cells.

    `operations` (n_operations, n_cells) holds the permutations. Every shower of `b` is brought into a standard
    orientation: the one with the largest projection on a fixed random direction. A shower of `a` is tried in the eight
    orientations with the largest projections. Equal showers have equal orientations.
    """
    a_projected, b_projected = _projections(a, operations), _projections(b, operations)
    b = _permuted(b, operations[np.argmax(b_projected, axis=1)])
    order = np.argsort(-a_projected, axis=1)[:, :MOST_OPERATIONS]
    norm = (b**2).sum(axis=1)
    step = max(1, BLOCK_BYTES // (4 * max(b.shape)))
    found = []
    for start in range(0, len(a), step):
        rows = slice(start, start + step)
        product = reduce(np.maximum, (_permuted(a[rows], operations[best]) @ b.T for best in order[rows].T))
        squared = (a[rows] ** 2).sum(axis=1)[:, None] + norm - 2 * product
        found.append(np.sort(np.partition(squared, k - 1, axis=1)[:, :k], axis=1))
    nearest: Points = np.sqrt(np.concatenate(found).clip(min=0))
    return nearest


def _projections(points: Points, operations: Indices) -> Points:
    """Projections (N, n_operations) of points, after each symmetry operation, on one random direction."""
    towards = np.zeros((points.shape[1], len(operations)), np.float32)
    direction = np.random.default_rng(0).standard_normal((points.shape[1], 1))
    towards[operations.T, np.arange(len(operations))] = direction
    return points @ towards


def _permuted(points: Points, permutations: Indices) -> Points:
    return np.take_along_axis(points, permutations, axis=1)


def _ratio(distances: Points) -> Points:
    return np.asarray(distances[:, 0] / np.maximum(distances[:, 1], np.float32(1e-9)), np.float32)


def _median(values: Points) -> float:
    return float(np.median(values))


def _histogram(generated: Points, held_out: Points) -> Metrics:
    edges = np.linspace(0, float(max(generated.max(), held_out.max())) or 1.0, 51)
    counts = {
        name: np.histogram(x, edges)[0].tolist() for name, x in (("generated", generated), ("held_out", held_out))
    }
    return {"edges": edges.tolist(), **counts}
