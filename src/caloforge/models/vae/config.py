"""Config of the variational autoencoder."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from caloforge.config import Strict
from caloforge.models.config_types import Defaults, Weight, Widths


class VAEWeights(Strict):
    """Weights of the four terms.

    Attributes:
        reconstruction: of the negative log likelihood of a shower's numbers [10 000 nats].
        kl: of the Kullback-Leibler divergence of the latent numbers from normal ones.
        total: of the squared logarithm of decoded over true total energy.
        fractions: of the squared errors of the last layers' energy fractions; the layers before have what is left.
    """

    reconstruction: Weight = 1.0
    kl: Weight = 1e-4
    total: Weight = 1e-2
    fractions: Annotated[tuple[Weight, ...], Field(min_length=1)] = (8e-2, 6e-1, 2e-1)


class VAEConfig(Strict):
    """Config of the variational autoencoder; the defaults are the published ones.

    Attributes:
        latent: latent numbers.
        hidden: widths of the encoder's hidden layers; the decoder's are the same backwards.
        weights: of the terms of the loss.
    """

    training: ClassVar[Defaults] = {"batch": 100, "clip": 1e-3, "average": 0.995}

    kind: Literal["vae"] = "vae"
    network: ClassVar[str] = "caloforge.models.vae.model:VAEModel"
    latent: Annotated[int, Field(ge=1, le=4096)] = 10
    hidden: Widths = (200, 150, 100, 50)
    weights: VAEWeights = VAEWeights()
