"""Models that learn showers: `MODELS` by kind, and their `CONFIGS`."""

from collections.abc import Callable
from typing import Annotated, Any, get_args

from pydantic import Field

from caloforge.config import Strict
from caloforge.detector import Detector
from caloforge.models.base import Batch, Model, Turn
from caloforge.models.caloflow import CaloFlowConfig, CaloFlowStudent, CaloFlowStudentConfig, CaloFlowTeacher
from caloforge.models.coupling_flow import CouplingFlowConfig, CouplingFlowModel
from caloforge.models.fast_ar import FastArConfig, FastArModel
from caloforge.models.gan_3d import Gan3DConfig, Gan3DModel
from caloforge.models.vae import VAEConfig, VAEModel
from caloforge.models.wgan import WGANConfig, WGANModel
from caloforge.showers.domain import Domain

__all__ = ["CONFIGS", "MODELS", "Batch", "Model", "ModelConfig", "Turn", "build"]

ModelConfig = Annotated[
    CaloFlowConfig
    | CaloFlowStudentConfig
    | CouplingFlowConfig
    | FastArConfig
    | Gan3DConfig
    | VAEConfig
    | WGANConfig,
    Field(discriminator="kind"),
]  # fmt: skip

MODELS: dict[str, Callable[[Any, Detector, Domain], Model]] = {
    "caloflow": CaloFlowTeacher,
    "caloflow-student": CaloFlowStudent,
    "coupling-flow": CouplingFlowModel,
    "fast-ar": FastArModel,
    "gan-3d": Gan3DModel,
    "vae": VAEModel,
    "wgan-gp": WGANModel,
}
CONFIGS: dict[str, type[Strict]] = {
    config.model_fields["kind"].default: config for config in get_args(get_args(ModelConfig)[0])
}


def build(config: ModelConfig, detector: Detector, domain: Domain) -> Model:
    """The model of a config, untrained; its weights come from torch's generator."""
    return MODELS[config.kind](config, detector, domain)
