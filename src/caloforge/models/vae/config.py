"""Config of the variational autoencoder."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from caloforge.config import Strict
from caloforge.models.config_types import Defaults, Weight, Widths


class VAEWeights(Strict):
    """Weights of the four terms of the loss.

    Attributes:
        reconstruction: weight of the negative log likelihood of a shower's features, in units of 10 000 nats.
        kl: weight of the Kullback-Leibler divergence of the latent numbers from a standard normal.
        total: weight of the squared logarithm of decoded over true total energy.
        fractions: weights of the squared errors of the energy fractions of the last layers; earlier layers have none.
    """

    reconstruction: Weight = 1.0
    kl: Weight = 1e-4
    total: Weight = 1e-2
    fractions: Annotated[tuple[Weight, ...], Field(min_length=1)] = (8e-2, 6e-1, 2e-1)


class VAEConfig(Strict):
    """Config of the variational autoencoder; the defaults are the published values.

    Attributes:
        latent: latent numbers per shower.
        hidden: widths of the encoder's hidden layers; the decoder's are the same in reverse order.
        weights: weights of the terms of the loss.
    """

    training: ClassVar[Defaults] = {"batch": 100, "clip": 1e-3, "average": 0.995}

    kind: Literal["vae"] = "vae"
    network: ClassVar[str] = "caloforge.models.vae.model:VAEModel"
    latent: Annotated[int, Field(ge=1, le=4096)] = 10
    hidden: Widths = (200, 150, 100, 50)
    weights: VAEWeights = VAEWeights()
