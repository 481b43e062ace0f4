"""One training loop for all models.

PyTorch is loaded when one of the names is first used, not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caloforge.training.config import Schedule, TrainingConfig
    from caloforge.training.loop import train
    from caloforge.training.run import check_trained, load_model
    from caloforge.training.summary import TrainingSummary
    from caloforge.training.trainer import Listener

__all__ = ["Listener", "Schedule", "TrainingConfig", "TrainingSummary", "check_trained", "load_model", "train"]

MODULES = {"Listener": "trainer", "Schedule": "config", "TrainingConfig": "config", "TrainingSummary": "summary",
           "check_trained": "run", "load_model": "run", "train": "loop"}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import the module of a name on first use."""
    if name in MODULES:
        return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
