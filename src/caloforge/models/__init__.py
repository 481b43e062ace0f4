"""Models that learn showers: `MODELS` by kind, and their `CONFIGS`; PyTorch is loaded when a model is built."""

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
    """The model of a config, untrained; its weights come from torch's generator."""
    module, _, name = MODELS[config.kind].partition(":")
    model: Model = getattr(import_module(module), name)(config, detector, domain)
    return model


def __getattr__(name: str) -> Any:
    """What needs PyTorch, loaded when it is first asked for."""
    if name in ("Batch", "Model", "OptimiserStep"):
        return getattr(import_module(f"{__name__}.base"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
