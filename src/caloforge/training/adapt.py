"""Adaptation: a training that begins with the weights of a trained model, on other showers with the same cells."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from caloforge.errors import InputError
from caloforge.files import digest
from caloforge.models import Model
from caloforge.showers import Showers
from caloforge.showers.share import hashed
from caloforge.training.config import TrainingConfig
from caloforge.training.run import TrainingFolder, check_trained, load_state

KEPT = 0.9  # share of the showers that an adapted model learns from
RATE = 0.25  # share of the first learning rate; at the whole rate 1000 showers are overfitted within 100 steps


def adapted_config(start: Path, changes: dict[str, Any]) -> TrainingConfig:
    """The config of a training that begins with a trained model: the config of that model, with a changed schedule.

    Args:
        start: run directory of the trained model.
        changes: new values of `[training]`, by key; without one, the learning rate is a quarter of that model's.

    Raises:
        InputError: the training has not ended, the model is a student, or the schedule is invalid.
    """
    folder = TrainingFolder(check_trained(start))
    config = folder.config
    if config.teacher is not None:
        raise InputError(f"{start} is a student of {config.teacher}; adapt the teacher and train a student of it")
    own = {"minutes": None, "learning_rate": RATE * config.training.learning_rate}
    schedule = config.training.model_dump() | own | changes
    values = {"model": config.model.model_dump(), "training": schedule, "start": str(start)}
    return TrainingConfig.build(values, str(start))


def split(showers: Showers) -> tuple[Showers, Showers]:
    """Training showers and, by a hash of their ids, the tenth of all that selects the weights."""
    kept = hashed(showers.incidents.shower_id) < KEPT
    return showers[kept], showers[~kept]


def check_shapes(config: TrainingConfig, showers: Showers) -> None:
    """Reject showers whose numbers of cells and layers differ from those of the trained model.

    Raises:
        InputError: the numbers differ; the message gives both.
    """
    assert config.start is not None
    known, new = TrainingFolder(check_trained(Path(config.start))).detector, showers.detector
    fits, has = ((one.n_cells, len(one.layers)) for one in (known, new))
    if fits != has:
        raise InputError(f"the model of {config.start} fills {fits[0]} cells in {fits[1]} layers, as in "
                         f"'{known.name}'; the showers have {has[0]} in {has[1]}: train one of their own")  # fmt: skip


def describe_start(config: TrainingConfig) -> dict[str, Any] | None:
    """Provenance of the model that a training begins with; None if it begins with random weights."""
    if config.start is None:
        return None
    folder = TrainingFolder(check_trained(Path(config.start)))
    known = folder.provenance.get("training", {})
    return {"sha256": digest(folder.model_file), "training": known}


def begin_from(config: TrainingConfig, model: Model, before: dict[str, Tensor]) -> None:
    """Copy the weights of the trained model into a fitted model, which keeps its transforms of the new showers.

    Args:
        config: config that names the trained model.
        model: model whose transforms were fitted to the new showers.
        before: buffers of the model before it was fitted; buffers that the fit did not change (orders of features)
            belong to the weights and are copied, too.

    Raises:
        InputError: the weights have other shapes.
    """
    if config.start is None:
        return
    trained = load_state(TrainingFolder(check_trained(Path(config.start))).model_file)
    own = model.state_dict()
    fitted = {name for name, value in before.items() if name in own and not torch.equal(value, own[name])}
    taken = {name: value for name, value in trained.items() if name in own and name not in fitted}
    wrong = [name for name in own if name not in fitted and (name not in taken or taken[name].shape != own[name].shape)]
    if wrong:
        raise InputError(f"the model of {config.start} does not fit these showers: their incidents vary in other "
                         f"quantities ({', '.join(model.inputs)}), or their cells are others")  # fmt: skip
    model.load_state_dict(own | taken)
    if config.training.tune == "biases":
        for parameter in model.parameters():
            parameter.requires_grad_(parameter.ndim <= 1)
