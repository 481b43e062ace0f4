"""Models that learn showers: networks (`MODELS`) and configs (`CONFIGS`) by kind.

PyTorch is loaded when a model is built, not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from caloforge.detector import Detector
from caloforge.models.configs import CONFIGS, ORIGINS
from caloforge.showers.domain import Domain

if TYPE_CHECKING:
    from caloforge.models.base import Batch, Model, OptimiserStep

__all__ = ["CONFIGS", "MODELS", "ORIGINS", "Batch", "Model", "OptimiserStep", "build"]

MODELS: dict[str, str] = {kind: config.network for kind, config in CONFIGS.items()}  # type: ignore[attr-defined]
"""Module and class of each kind."""


def build(config: Any, detector: Detector, domain: Domain) -> "Model":
    """Build the model of a config, untrained.

    Args:
        config: config of any kind in `CONFIGS`.
        detector: detector whose cells the model fills.
        domain: incidents that the model learns from.

    Returns:
        The model; its initial weights are drawn from torch's generator.

    Raises:
        InputError: the detector's cells do not suit the model.
    """
    module, _, name = MODELS[config.kind].partition(":")
    model: Model = getattr(import_module(module), name)(config, detector, domain)
    return model


def __getattr__(name: str) -> Any:
    """Import the names that need PyTorch on first use."""
    if name in ("Batch", "Model", "OptimiserStep"):
        return getattr(import_module(f"{__name__}.base"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
