"""Trains a model and judges it: shared by the programs that compare trainings."""

from dataclasses import replace
from pathlib import Path

from caloforge.showers import Showers
from caloforge.training import TrainingConfig, load_model, train
from caloforge.training.adapt import split
from caloforge.training.response import draw
from caloforge.validation.judges import judge
from caloforge.validation.judges.verdict import Verdict
from caloforge.validation.recipes import find_recipe


def train_and_judge(
    config: TrainingConfig, showers: Showers, test: Showers, folder: Path, recipe: str
) -> tuple[Verdict, Showers]:
    """The judge's verdict on a model's showers of the incidents of `test`, and these showers.

    A tenth of the showers selects the weights, as in `caloforge adapt`. An interrupted training goes on.
    """
    train(config, *split(showers), folder, resume=folder.exists(), quiet=True)
    drawn = replace(test, energies=draw(load_model(folder), test, seed=1), provenance={"simulator": "learned"})
    chosen = find_recipe(recipe)
    return judge(test, drawn, seed=1, folds=chosen.folds, members=chosen.judges, curve=()), drawn
