"""Config of the 3D GAN."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from caloforge.config import Strict
from caloforge.models.config_types import Channels, Defaults, Sizes


class UpBlockConfig(Strict):
    """A convolution of the generator.

    Attributes:
        channels: channels of the output.
        kernel: size of the kernel in depth, x, y [cells].
        up: up-sampling before the convolution in depth, x, y.
    """

    channels: Channels
    kernel: Sizes
    up: Sizes = (1, 1, 1)


class LastConfig(Strict):
    """The generator's last convolution, to the image.

    Attributes:
        kernel: size of the kernel in depth, x, y [cells].
        up: up-sampling before the convolution in depth, x, y.
    """

    kernel: Sizes = (2, 2, 2)
    up: Sizes = (1, 1, 1)


class DownBlockConfig(Strict):
    """A convolution of the discriminator.

    The convolution first joins neighbouring cells, which become channels. With cells joined by s, a kernel of k sees
    k s cells.

    Attributes:
        channels: channels of the output.
        kernel: size of the kernel in depth, x, y [joined cells].
        join: cells that are joined in depth, x, y.
    """

    channels: Channels
    kernel: Sizes
    join: Sizes = (1, 1, 1)


class GeneratorConfig(Strict):
    """Size of the generator.

    Attributes:
        start: channels of the coarse grid; the paper has 8.
        blocks: convolutions; the paper's have 64, 6 and 6 channels.
        last: last convolution.
    """

    start: Channels = 8
    blocks: Annotated[tuple[UpBlockConfig, ...], Field(min_length=1, max_length=16)] = (
        UpBlockConfig(channels=64, kernel=(8, 6, 6)),
        UpBlockConfig(channels=6, kernel=(8, 6, 5), up=(2, 2, 2)),
        UpBlockConfig(channels=6, kernel=(8, 3, 3), up=(3, 2, 2)),
    )
    last: LastConfig = LastConfig()


class DiscriminatorConfig(Strict):
    """Size of the discriminator.

    Attributes:
        blocks: convolutions; the paper's have 32, 8, 8 and 8 channels.
        dropout: share of the values left out after each convolution in a training step.
    """

    blocks: Annotated[tuple[DownBlockConfig, ...], Field(min_length=1, max_length=16)] = (
        DownBlockConfig(channels=32, kernel=(5, 5, 5)),
        *(DownBlockConfig(channels=8, kernel=(5, 5, 5)),) * 3,
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2


class LossWeights(Strict):
    """Weights of the parts of the loss.

    Attributes:
        adversarial: weight of the cross entropy of the discriminator's verdict.
        energy, total: weights of the errors of reconstructed and total energy [%].
        moments: weight of the mismatch of the profiles' moments, which the published network does not have.
    """

    adversarial: Annotated[float, Field(gt=0)] = 3.0
    energy: Annotated[float, Field(gt=0)] = 0.1
    total: Annotated[float, Field(ge=0)] = 0.1
    moments: Annotated[float, Field(ge=0)] = 0.0


class Gan3DConfig(Strict):
    """Config of the 3D GAN.

    Attributes:
        noise: random numbers per shower.
        grain: whether noise is added to every cell (arXiv:1812.04948), with a width that the generator computes.
        power: cells enter the networks as (energy / incident energy) ** power, which narrows their range.
        generator, discriminator: sizes of the networks.
        weights: weights of the parts of the loss.
        bfloat16: whether to train in bfloat16, which is three times as fast on processors that support it.
    """

    training: ClassVar[Defaults] = {"batch": 32, "learning_rate": 5e-4, "average": 0.99}

    kind: Literal["gan-3d"] = "gan-3d"
    network: ClassVar[str] = "caloforge.models.gan_3d.model:Gan3DModel"
    noise: Annotated[int, Field(ge=1, le=100_000)] = 254
    grain: bool = False
    power: Annotated[float, Field(gt=0, le=1)] = 0.85
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    weights: LossWeights = LossWeights()
    bfloat16: bool = False
