"""The response of a model before the response match; after it, the response is right by construction."""

import copy
import itertools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from caloforge.models import Batch, Model
from caloforge.models.parts.response_match import ResponseMatch
from caloforge.showers import Showers

RANGES = 4  # ranges of energy with equally many showers each
FEWEST = 100  # least number of showers in a range
DRAWS = 1000  # least number of generated showers
PART = 500  # showers generated at a time


def match_of(model: Model) -> ResponseMatch | None:
    """The response match of a model; None if it has none or does not use it."""
    found = [module for module in model.modules() if isinstance(module, ResponseMatch) and module.matched > 0]
    return found[0] if found else None


def unmatched_response(model: Model, showers: Showers) -> dict[str, Any] | None:
    """Ratios of the unmatched response to Geant4's, in ranges of energy; None for a model without a match.

    Args:
        model: model with its final weights.
        showers: Geant4 showers that the match was not fitted to.

    Returns:
        `ranges`: incident energies [MeV]; `unmatched_mean_ratio` and `unmatched_width_ratio`: mean and standard
        deviation of E_tot / E_inc over Geant4's; `n_showers` and `n_drawn`: Geant4 and generated showers in each range.
    """
    if match_of(model) is None:
        return None
    bare = copy.deepcopy(model)
    match = match_of(bare)
    assert match is not None
    match.matched.zero_()
    energy = showers.incidents.energy
    real = showers.thresholded().sum(1, dtype=np.float64) / energy
    repeats = -(-DRAWS // len(showers))
    totals = [draw(bare, showers, seed).sum(1, dtype=np.float64) for seed in range(repeats)]
    drawn = np.concatenate(totals) / np.tile(energy, repeats)
    n = min(max(len(showers) // FEWEST, 1), RANGES)
    edges = np.quantile(energy, np.linspace(0, 1, n + 1))
    which = np.clip(np.searchsorted(edges, energy, side="right") - 1, 0, n - 1)
    parts = [(real[which == k], drawn[np.tile(which, repeats) == k]) for k in range(n)]
    return {
        "ranges": [[float(low), float(high)] for low, high in itertools.pairwise(edges)],
        "unmatched_mean_ratio": [float(ours.mean() / theirs.mean()) for theirs, ours in parts],
        "unmatched_width_ratio": [float(ours.std() / max(theirs.std(), 1e-12)) for theirs, ours in parts],
        "n_showers": [len(theirs) for theirs, _ in parts],
        "n_drawn": [len(ours) for _, ours in parts],
    }


def draw(model: Model, showers: Showers, seed: int) -> NDArray[np.float32]:
    """Generate cells (N, n_cells) [MeV] for the incidents of showers."""
    batch, device = Batch.of(showers), next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(batch), model.noise_size, generator=generator)
    cells = []
    with torch.no_grad():
        for part in (slice(first, first + PART) for first in range(0, len(batch), PART)):
            incidents = {name: batch.incidents[name][part].to(device) for name in model.inputs}
            cells.append(model.sample(noise[part].to(device), **incidents).cpu())
    drawn: NDArray[np.float32] = torch.cat(cells).numpy()
    return drawn
