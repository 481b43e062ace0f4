"""Configs of all kinds of models, which can be listed and checked without PyTorch."""

from typing import Any

from caloforge.config import Strict
from caloforge.models.caloflow.config import CaloFlowConfig, CaloFlowStudentConfig
from caloforge.models.config_types import Defaults
from caloforge.models.coupling_flow.config import CouplingFlowConfig, DistilledConfig
from caloforge.models.fast_ar.config import FastArConfig
from caloforge.models.gan_3d.config import Gan3DConfig
from caloforge.models.vae.config import VAEConfig
from caloforge.models.wgan.config import WGANConfig
from caloforge.plugins import working


def is_config(config: Any, kind: str) -> bool:
    """Whether an object from another package is a config of the given kind of model."""
    if not (isinstance(config, type) and issubclass(config, Strict) and hasattr(config, "network")):
        return False
    return "kind" in config.model_fields and config.model_fields["kind"].default == kind


OWN: tuple[type[Strict], ...] = (
    CaloFlowConfig,
    CaloFlowStudentConfig,
    CouplingFlowConfig,
    DistilledConfig,
    FastArConfig,
    Gan3DConfig,
    VAEConfig,
    WGANConfig,
)
"""The package's own configs; each names the class of its network."""
CONFIGS: dict[str, type[Strict]] = {config.model_fields["kind"].default: config for config in OWN}
"""Configs by kind, including those of other packages (entry points `caloforge.models`)."""
ORIGINS = dict.fromkeys(CONFIGS, "caloforge")
for plugin, config in working("models"):
    if plugin.name not in CONFIGS and is_config(config, plugin.name):
        CONFIGS[plugin.name], ORIGINS[plugin.name] = config, plugin.origin


def training_defaults(kind: object) -> Defaults:
    """Values of `[training]` that a kind of model sets if a config does not; empty for an unknown kind."""
    found: Defaults = getattr(CONFIGS.get(str(kind)), "training", {})
    return dict(found)
