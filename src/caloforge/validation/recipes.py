"""Recipes: named settings of a validation."""

from dataclasses import dataclass, replace
from typing import Literal

from caloforge.errors import InputError, nearest


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of classifiers and distances.

    Attributes:
        hidden: widths of the hidden layers.
        learning_rate, batch, epochs: settings of Adam.
        patience: epochs without a better selection score after which training ends; None for all epochs.
        standardise: whether inputs are standardised on the training split.
        precise: whether to compute in float64.
        select: criterion that selects the epoch on the selection split.
        weight_decay: decoupled weight decay.
        calibrated: whether the AUC is taken after isotonic calibration on the selection split.
        as_published: CaloChallenge's inputs and samplings (cells of `low_normed` not thresholded, empty cells 0.1 MeV).
        inputs: benchmark whose definition the views `low` and `low_normed` follow.
        bootstraps: bootstrap resamplings for the errors of observables.
        largest: largest number of showers per side for nearest neighbours; None for all.
        learn: showers per class on which a classifier is trained; by default 60 %.
        judges: names of the judge's members; by default all members that the detector allows.
        folds: folds of the judge's cross-validation.
        curve: shares of the showers at which the judge's strongest member is trained again.
    """

    name: str
    hidden: tuple[int, ...] = (128, 128)
    learning_rate: float = 1e-3
    batch: int = 256
    epochs: int = 40
    patience: int | None = 5
    standardise: bool = True
    precise: bool = False
    select: Literal["loss", "accuracy"] = "loss"
    weight_decay: float = 1e-2
    calibrated: bool = False
    as_published: bool = False
    inputs: Literal["calochallenge", "caloflow"] = "calochallenge"
    bootstraps: int = 100
    largest: int | None = 5000
    learn: int | None = None
    judges: tuple[str, ...] | None = None
    folds: int = 5
    curve: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2)

    def split(self, n: int) -> tuple[int, int, int]:
        """Showers per class for training, selection and test."""
        if self.as_published and n in PUBLISHED_SPLITS:
            return PUBLISHED_SPLITS[n]
        train = int(0.6 * n) if self.learn is None else self.learn
        select = min(int(0.2 * n), (n - train) // 2)
        return train, select, n - train - select


# splits of CaloChallenge's data sets 1 (photons, pions); its data sets 2 and 3 are split 60 : 20 : 20, as by default
PUBLISHED_SPLITS = {121_000: (80_000, 20_000, 21_000), 120_800: (80_000, 20_000, 20_800)}

CALOCHALLENGE = Recipe(
    name="calochallenge",
    hidden=(2048, 2048, 2048),
    learning_rate=2e-4,
    batch=1000,
    epochs=50,
    patience=None,
    standardise=False,
    precise=True,
    select="accuracy",
    weight_decay=0.0,
    calibrated=True,
    as_published=True,
    largest=None,
)

RECIPES = {
    "default": Recipe(name="default"),
    "quick": Recipe(
        name="quick",
        epochs=20,
        patience=3,
        bootstraps=50,
        largest=2000,
        judges=("trees_features", "trees_shapes"),
        folds=3,
        curve=(1 / 2,),
    ),
    "calochallenge": CALOCHALLENGE,
    "caloflow": replace(
        CALOCHALLENGE,
        name="caloflow",
        hidden=(512, 512, 512),
        epochs=150,
        as_published=False,
        largest=5000,
        inputs="caloflow",
    ),
}


def find_recipe(name: str) -> Recipe:
    """The recipe with this name.

    Raises:
        InputError: the name is unknown.
    """
    if name not in RECIPES:
        raise InputError(f"unknown recipe '{name}'; {nearest(name, RECIPES)}")
    return RECIPES[name]
