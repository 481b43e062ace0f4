"""Config of the Wasserstein GAN."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from caloforge.config import Strict
from caloforge.models.config_types import Defaults, Weight, Widths


class WGANConfig(Strict):
    """Config of the Wasserstein GAN; the defaults are the published values.

    Attributes:
        latent: normal numbers per shower.
        hidden: widths of the hidden layers of generator and critic.
        critic_steps: steps of the critic per step of the generator.
        gradient_penalty: weight of the penalty on the critic's gradient.
        activity: weight of the L1 activity regularisation of the generator's outputs.
    """

    training: ClassVar[Defaults] = {"batch": 64, "learning_rate": 5e-4, "clip": 1000.0, "average": 0.998}

    kind: Literal["wgan-gp"] = "wgan-gp"
    network: ClassVar[str] = "caloforge.models.wgan.model:WGANModel"
    latent: Annotated[int, Field(ge=1, le=65536)] = 128
    hidden: Widths = (128, 128, 128)
    critic_steps: Annotated[int, Field(ge=1, le=1000)] = 5
    gradient_penalty: Weight = 10.0
    activity: Weight = 1e-5
