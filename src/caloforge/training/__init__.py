"""One training loop for all models."""

from caloforge.training.config import Schedule, TrainingConfig
from caloforge.training.loop import TrainingSummary, train
from caloforge.training.run import check_trained, load_model

__all__ = ["Schedule", "TrainingConfig", "TrainingSummary", "check_trained", "load_model", "train"]
