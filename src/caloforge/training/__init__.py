"""One training loop for all models."""

from caloforge.training.config import Schedule, TrainingConfig
from caloforge.training.loop import train
from caloforge.training.run import check_trained, load_model
from caloforge.training.summary import TrainingSummary
from caloforge.training.trainer import Listener

__all__ = ["Listener", "Schedule", "TrainingConfig", "TrainingSummary", "check_trained", "load_model", "train"]
