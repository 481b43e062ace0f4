"""The benchmark: all metrics of the floor and of every candidate, by the same functions and with equal sizes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from caloforge import __version__
from caloforge.errors import InputError
from caloforge.files import check_writable, write_text
from caloforge.showers import Showers
from caloforge.validation.analysis import EnergyRegression, Identification
from caloforge.validation.classifier_threads import single_threaded
from caloforge.validation.metrics import Comparison, Sample, score
from caloforge.validation.metrics.resolution import resolution
from caloforge.validation.recipes import Recipe, find_recipe
from caloforge.validation.samples import Samples
from caloforge.validation.schema import SCHEMA

Metrics = dict[str, Any]
Tick = Callable[[str], None]


def check_judges(recipe: str, seeds: int) -> Recipe:
    """Check the recipe and the number of classifiers.

    Raises:
        InputError: the recipe is unknown, or the number is less than one.
    """
    if seeds < 1:
        raise InputError(f"seeds must be 1 or more, not {seeds}")
    return find_recipe(recipe)


def measure(
    samples: Samples,
    recipe: Recipe,
    seed: int,
    seeds: int,
    tick: Tick,
    *,
    training: Showers | None = None,
    background: Showers | None = None,
) -> Metrics:
    """Compute all metrics, in the structure of metrics.json.

    Args:
        samples: reference, floor and candidates.
        recipe: settings of classifiers and distances.
        seed: seed of all random numbers.
        seeds: trainings of each classifier.
        tick: function that is called with the name of each step as it begins.
        training: training showers of the candidates, for the memorisation test.
        background: Geant4 showers of another particle, for the identification.
    """
    reference = Sample("reference", samples.reference, samples.reference)
    comparison = Comparison(reference, recipe, [seed * 1000 + k for k in range(seeds)], tick, training)
    compared = (Sample(name, showers, samples.whole.get(name, showers)) for name, showers in samples.compared.items())
    results = {sample.name: score(comparison, sample) for sample in compared}
    tick("analyses")
    with single_threaded():
        own = _analyses(samples, recipe, seed, background, results)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "recipe": recipe.name,
        "seed": seed,
        "notes": list(samples.notes),
        "reference": _describe(samples.reference)
        | {"split_in_two": samples.split}
        | resolution(comparison, reference)
        | own,
        "floor": results.pop("floor"),
        "candidates": results,
    }


def _analyses(
    samples: Samples, recipe: Recipe, seed: int, background: Showers | None, results: dict[str, Metrics]
) -> Metrics:
    """Train analyses on the reference, add the results of each sample, and return those of the test split."""
    tests: dict[str, EnergyRegression | Identification] = {}
    if np.ptp(samples.reference.incidents.energy) > 0:
        tests["regression"] = EnergyRegression(samples.reference, recipe, seed)
    if background is not None:
        tests["identification"] = Identification(samples.reference, background, recipe, seed)
    for name, test in tests.items():
        for sample, showers in samples.compared.items():
            results[sample][name] = test(showers)
    return {name: test.own for name, test in tests.items()}


def _describe(showers: Showers) -> Metrics:
    energy = showers.incidents.energy
    return {
        "n": len(showers),
        "detector": showers.detector.name,
        "detector_hash": showers.detector.hash,
        "n_cells": showers.detector.n_cells,
        "threshold": showers.detector.threshold,
        "one_threshold": showers.detector.has_one_threshold,
        "quantity": showers.detector.quantity,
        "particles": showers.incidents.particles,
        "energy": [float(energy.min()), float(energy.max())],
        "provenance": showers.provenance,
    }


def make_folder(out: Path) -> None:
    """Create a folder, and check that files can be written in it.

    Raises:
        InputError: the folder cannot be created or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder {out}: {error.strerror}") from None
    check_writable(out)


def write_metrics(path: Path, metrics: Metrics) -> None:
    """Write metrics as JSON, whole or not at all; numbers that are not finite become null."""
    write_text(path, json.dumps(finite(metrics), indent=1))


def finite(value: Any) -> Any:
    """The same structure with plain Python numbers; numbers that are not finite become None."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
