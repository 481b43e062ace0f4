"""Models that learn showers: `MODELS` by kind, and their `CONFIGS`."""

from collections.abc import Callable

from caloforge.config import Strict
from caloforge.detector import Detector
from caloforge.models.base import Batch, Model, Turn
from caloforge.models.coupling_flow import CouplingFlowConfig, CouplingFlowModel
from caloforge.showers.domain import Domain

__all__ = ["CONFIGS", "MODELS", "Batch", "Model", "ModelConfig", "Turn", "build"]

ModelConfig = CouplingFlowConfig

MODELS: dict[str, Callable[[ModelConfig, Detector, Domain], Model]] = {
    "coupling-flow": CouplingFlowModel,
}
CONFIGS: dict[str, type[Strict]] = {
    "coupling-flow": CouplingFlowConfig,
}


def build(config: ModelConfig, detector: Detector, domain: Domain) -> Model:
    """The model of a config, untrained; its weights come from torch's generator."""
    return MODELS[config.kind](config, detector, domain)
