"""Analyses: networks that are trained on Geant4 showers and applied to Geant4 and to generated showers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from caloforge.errors import InputError
from caloforge.particles import particle_name
from caloforge.showers import Showers
from caloforge.units import counted
from caloforge.validation.distances import energy_bins, width_error
from caloforge.validation.features import high_level
from caloforge.validation.moments import Floats
from caloforge.validation.recipes import Recipe
from caloforge.validation.samples import FEWEST, check_spectrum, check_values

REJECTIONS = (0.9, 0.99)
LEAST_ENERGY = 1e-3  # MeV; replaces the energy of showers that deposit nothing
Metrics = dict[str, Any]


class EnergyRegression:
    """A network that reconstructs the incident energy from high-level features, trained on the reference.

    The target is ln(E_inc / E_tot), the correction to the energy sum. Of the reference, 60 % train the network, 20 %
    select the epoch, and the last 20 % give `own`.

    Attributes:
        own: bias and resolution on the test split of the reference.
    """

    def __init__(self, reference: Showers, recipe: Recipe, seed: int) -> None:
        from caloforge.validation.classifier_network import Data, fit, smooth_error

        inputs, target = observed(reference), _target(reference)
        order = np.random.default_rng(seed).permutation(len(inputs))
        train, select, test = np.split(order, np.cumsum(recipe.split(len(inputs)))[:-1])
        self._centre, self._width = float(np.median(target[train])), float(target[train].std()) or 1.0
        scaled = (target - self._centre) / self._width
        parts = [Data(inputs[rows], scaled[rows]) for rows in (train, select)]
        self._network = fit(recipe_for_analysis(recipe), parts[0], parts[1], smooth_error, seed)
        self._bins = energy_bins(reference.incidents.energy)
        self.own = self(reference[np.sort(test)])

    def __call__(self, showers: Showers) -> list[Metrics]:
        """Bias and resolution of E_reco / E_inc, with errors, in bins of incident energy."""
        correction = self._network(observed(showers)) * self._width + self._centre
        energy = showers.incidents.energy
        ratio = np.exp(correction - _target(showers))
        return [_bias(ratio[(energy >= low) & (energy <= high)]) | {"energy": [low, high]} for low, high in self._bins]


def observed(showers: Showers) -> Floats:
    """High-level features (N, D) without the incident energy, which a detector does not measure."""
    return high_level(showers)[:, 1:]


def recipe_for_analysis(recipe: Recipe) -> Recipe:
    """The default network for every recipe, since an analysis is not tuned to the judge."""
    return Recipe(name=recipe.name, epochs=min(recipe.epochs, 40))


def _target(showers: Showers) -> Floats:
    total = showers.detector.sum_layers(showers.thresholded()).sum(axis=1)
    return np.asarray(np.log(showers.incidents.energy / np.maximum(total, LEAST_ENERGY)))


def _bias(ratio: Floats) -> Metrics:
    n = len(ratio)
    if n < 2:
        return {"n": n, "bias": None, "bias_error": None, "resolution": None, "resolution_error": None}
    width = float(ratio.std())
    return {
        "n": n,
        "bias": float(ratio.mean()) - 1,
        "bias_error": width / n**0.5,
        "resolution": width,
        "resolution_error": float(width_error(ratio)),
    }


@dataclass(frozen=True)
class Working:
    """One working point: a cut on the network's output, and the share of background that it rejects."""

    rejection: float
    cut: float


class Identification:
    """A network that distinguishes the reference's particle from another, trained on Geant4 showers of both.

    Attributes:
        auc: area under the ROC curve on the test split.
        own: efficiencies on the test split of the reference.
        particles: names of the particles of signal and background.

    Raises:
        InputError: the background has another detector or spectrum, or fewer than 200 showers.
    """

    def __init__(self, reference: Showers, background: Showers, recipe: Recipe, seed: int) -> None:
        from caloforge.validation.classifier import area_under_curve, make_split
        from caloforge.validation.classifier_network import cross_entropy, fit

        check_background(reference, background)
        split = make_split(observed(background), observed(reference), recipe, seed)
        self._network = fit(recipe_for_analysis(recipe), split.train, split.select, cross_entropy, seed)
        output, target = self._network(split.test.inputs), split.test.targets
        self.auc = area_under_curve(output, target)
        self._points = [Working(r, float(np.quantile(output[target == 0], r))) for r in REJECTIONS]
        self.own = self._efficiencies(output[target == 1])
        self.particles = {"signal": reference.incidents.particles, "background": background.incidents.particles}

    def __call__(self, showers: Showers) -> list[Metrics]:
        """Efficiency at fixed background rejection, with its binomial error."""
        return self._efficiencies(self._network(observed(showers)))

    def _efficiencies(self, output: Floats) -> list[Metrics]:
        return [_efficiency(output > point.cut) | {"rejection": point.rejection} for point in self._points]


def _efficiency(passed: Any) -> Metrics:
    share, n = float(passed.mean()), len(passed)
    return {"efficiency": share, "error": float(np.sqrt(max(share * (1 - share), 1 / n) / n)), "n": n}


def check_background(reference: Showers, background: Showers) -> None:
    """Reject background showers that cannot be compared with the reference.

    Raises:
        InputError: the detector or spectrum differs, the particle does not, there are too few showers, or values are
            invalid.
    """
    check_values("background", background)
    if background.detector != reference.detector:
        raise InputError(f"'background' is of detector '{background.detector.name}', the reference of "
                         f"'{reference.detector.name}'")  # fmt: skip
    if len(background) < FEWEST:
        raise InputError(f"'background' has {counted(len(background), 'shower')}; at least {FEWEST} are needed")
    check_spectrum("background", "energy", reference.incidents.energy, background.incidents.energy)
    if shared := set(background.incidents.pdg.tolist()) & set(reference.incidents.pdg.tolist()):
        raise InputError(
            f"'background' holds {particle_name(shared.pop())}, as the reference does; give another particle"
        )
