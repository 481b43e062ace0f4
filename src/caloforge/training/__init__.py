"""One training loop for all models."""

from caloforge.training.config import Schedule, TrainingConfig
from caloforge.training.loop import train
from caloforge.training.run import check_trained, load_model
from caloforge.training.summary import TrainingSummary

__all__ = ["Schedule", "TrainingConfig", "TrainingSummary", "check_trained", "load_model", "train"]
