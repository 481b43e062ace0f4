"""A training that dies on its way and is taken up again."""

import pytest
import torch

from caloforge.training import train
from caloforge.training.trainer import Trainer


class KilledError(Exception):
    pass


@pytest.fixture
def train_with_a_break(monkeypatch):
    """Trains as `train` does, but dies before a given step, and resumes with torch's generator somewhere else."""

    def broken(config, samples, run, killed_at):
        step = Trainer._train_step

        def dying_step(trainer):
            if trainer.step == killed_at:
                raise KilledError
            return step(trainer)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_train_step", dying_step)
            with pytest.raises(KilledError):
                train(config, *samples, run, quiet=True)
        torch.manual_seed(99)
        train(config, *samples, run, resume=True, quiet=True)

    return broken
