"""Configs of the models, kept apart from their networks so that they are listed and checked without PyTorch."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from caloforge.config import PositiveEnergy, Strict
from caloforge.plugins import working

Weight = Annotated[float, Field(ge=0)]
Blocks = Annotated[int, Field(ge=1, le=64)]
Width = Annotated[int, Field(ge=1, le=8192)]
Bins = Annotated[int, Field(ge=2, le=64)]
Depth = Annotated[int, Field(ge=0, le=16)]
Widths = Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], Field(min_length=1, max_length=64)]
Size = Annotated[int, Field(ge=1, le=64)]
Sizes = tuple[Size, Size, Size]
Channels = Annotated[int, Field(ge=1, le=4096)]
Defaults = dict[str, float]
"""What `[training]` of a kind is where it says nothing, as in the kind's small configs."""


def is_config(config: Any, kind: str) -> bool:
    """Whether an object of another package is the config of a model of a kind."""
    if not (isinstance(config, type) and issubclass(config, Strict) and hasattr(config, "network")):
        return False
    return "kind" in config.model_fields and config.model_fields["kind"].default == kind


class FlowConfig(Strict):
    """Size of one flow.

    Attributes:
        blocks: coupling blocks.
        hidden: width of the hidden layers of each network.
        depth: hidden layers of each network.
        bins: of each rational-quadratic spline.
    """

    blocks: Blocks
    hidden: Width
    depth: Annotated[int, Field(ge=1, le=16)] = 2
    bins: Bins = 6


class CouplingFlowConfig(Strict):
    """Config of the coupling flow.

    Attributes:
        layers: flow I, the layer energies and shapes given the incident.
        layer_updates: updates of flow I per step; more than one overfit a few thousand showers.
        cells: flow II, the cells given the layers.
        local: width of the networks that see the cells around each one, shared by all cells; 0 for none.
    """

    kind: Literal["coupling-flow"] = "coupling-flow"
    network: ClassVar[str] = "caloforge.models.coupling_flow.model:CouplingFlowModel"
    layers: FlowConfig = FlowConfig(blocks=6, hidden=64)
    layer_updates: Annotated[int, Field(ge=1, le=100)] = 1
    cells: FlowConfig = FlowConfig(blocks=4, hidden=128)
    local: Annotated[int, Field(ge=0, le=1024)] = 0


class DistilledConfig(Strict):
    """Config of the student of a coupling flow.

    Attributes:
        layers: size of flow I, as its teacher's.
        hidden: width of the residual blocks.
        blocks: number of residual blocks.
        local: width of the network that sees the noise of the cells around each one; 0 for none.
        score: weight of the energy score on Geant4's showers beside the pairs' mean squared error.
    """

    learns_from: ClassVar[str] = "coupling-flow"

    kind: Literal["distilled"] = "distilled"
    network: ClassVar[str] = "caloforge.models.coupling_flow.student:PairStudent"
    layers: FlowConfig = FlowConfig(blocks=6, hidden=64)
    hidden: Width = 512
    blocks: Annotated[int, Field(ge=1, le=32)] = 4
    local: Annotated[int, Field(ge=0, le=1024)] = 0
    score: Annotated[float, Field(ge=0)] = 0.0


class MaskedFlowConfig(Strict):
    """Size of one masked flow.

    Attributes:
        blocks: masked blocks.
        hidden: units of the hidden layers of each network.
        bins: of each rational-quadratic spline.
        dropout: share of the hidden units left out in a training step.
    """

    blocks: Blocks
    hidden: Width
    bins: Bins = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Logits(Strict):
    """Flow II sees logits of the cells' shares of their layer; as published.

    Attributes:
        noise: largest uniform noise on each cell.
    """

    kind: Literal["logits"] = "logits"
    noise: PositiveEnergy = "1 keV"


class Scores(Strict):
    """Flow II sees the cells' normal scores, with noise below the threshold in place of empty cells."""

    kind: Literal["scores"] = "scores"


class CaloFlowConfig(Strict):
    """Config of the teacher.

    Attributes:
        layers: flow I, the layer energies given the incident.
        cells: flow II, the cells given the layer energies and the incident.
        columns: what flow II sees of the cells.
    """

    training: ClassVar[Defaults] = {"batch": 128, "learning_rate": 1e-3, "average": 0.99}

    kind: Literal["caloflow"] = "caloflow"
    network: ClassVar[str] = "caloforge.models.caloflow.model:CaloFlowTeacher"
    layers: MaskedFlowConfig = MaskedFlowConfig(blocks=6, hidden=64)
    cells: MaskedFlowConfig = MaskedFlowConfig(blocks=8, hidden=378)
    columns: Annotated[Logits | Scores, Field(discriminator="kind")] = Logits()


class CaloFlowStudentConfig(Strict):
    """Config of the student.

    Attributes:
        layers: flow I, as its teacher's.
        cells: flow II, as its teacher's but for hidden units and dropout.
        columns: what flow II sees of the cells, as its teacher's.
    """

    learns_from: ClassVar[str] = "caloflow"
    training: ClassVar[Defaults] = {"batch": 64, "learning_rate": 5e-4, "average": 0.99}

    kind: Literal["caloflow-student"] = "caloflow-student"
    network: ClassVar[str] = "caloforge.models.caloflow.model:CaloFlowStudent"
    layers: MaskedFlowConfig = MaskedFlowConfig(blocks=6, hidden=64)
    cells: MaskedFlowConfig = MaskedFlowConfig(blocks=8, hidden=504)
    columns: Annotated[Logits | Scores, Field(discriminator="kind")] = Logits()


class FastArConfig(Strict):
    """Config of the autoregressive mixture network.

    Attributes:
        layers: flow I, the layer energies and shapes given the incident.
        layer_updates: updates of flow I per step; it is small and has as much to learn.
        widths: channels at each resolution of the network, the finest first.
        blocks: residual blocks at each resolution; all but the finest and coarsest have them on both ways.
        embedding: width of the network that turns the conditions of a layer into scales and shifts.
        mixtures: components of each cell's mixture, besides the empty one.
    """

    training: ClassVar[Defaults] = {"batch": 16, "average": 0.995}

    kind: Literal["fast-ar"] = "fast-ar"
    network: ClassVar[str] = "caloforge.models.fast_ar.model:FastArModel"
    layers: FlowConfig = FlowConfig(blocks=6, hidden=64)
    layer_updates: Annotated[int, Field(ge=1, le=100)] = 4
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=6)] = (16, 32, 48)
    blocks: Annotated[tuple[Depth, ...], Field(min_length=1, max_length=6)] = (0, 1, 1)
    embedding: Width = 64
    mixtures: Annotated[int, Field(ge=1, le=32)] = 4

    @model_validator(mode="after")
    def _same_resolutions(self) -> Self:
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"{len(self.widths)} widths and {len(self.blocks)} numbers of blocks do not go together")
        return self


class UpBlockConfig(Strict):
    """A convolution of the generator.

    Attributes:
        channels: of its output.
        kernel: cells that it joins in depth, x, y.
        up: up-sampling before it in depth, x, y.
    """

    channels: Channels
    kernel: Sizes
    up: Sizes = (1, 1, 1)


class LastConfig(Strict):
    """The generator's last convolution, to the image.

    Attributes:
        kernel: cells that it joins in depth, x, y.
        up: up-sampling before it in depth, x, y.
    """

    kernel: Sizes = (2, 2, 2)
    up: Sizes = (1, 1, 1)


class DownBlockConfig(Strict):
    """A convolution of the discriminator.

    Joined cells become channels, so that a kernel of k cells that were joined by s sees k s cells.

    Attributes:
        channels: of its output.
        kernel: cells that it joins in depth, x, y.
        join: cells that become channels first, in depth, x, y.
    """

    channels: Channels
    kernel: Sizes
    join: Sizes = (1, 1, 1)


class GeneratorConfig(Strict):
    """Size of the generator.

    Attributes:
        start: channels of the coarse grid; 8 as published.
        blocks: its convolutions; published are 64, 6 and 6 channels.
        last: its last convolution.
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
        blocks: its convolutions; published are 32, 8, 8 and 8 channels.
        dropout: share of the values left out after each in a training step.
    """

    blocks: Annotated[tuple[DownBlockConfig, ...], Field(min_length=1, max_length=16)] = (
        DownBlockConfig(channels=32, kernel=(5, 5, 5)),
        *(DownBlockConfig(channels=8, kernel=(5, 5, 5)),) * 3,
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2


class LossWeights(Strict):
    """Weights of the parts of the loss.

    Attributes:
        adversarial: of the verdict's cross entropy.
        energy, total: of the errors of reconstructed and total energy [%].
        moments: of the mismatch of the profiles' moments, which the published network does not have.
    """

    adversarial: Annotated[float, Field(gt=0)] = 3.0
    energy: Annotated[float, Field(gt=0)] = 0.1
    total: Annotated[float, Field(ge=0)] = 0.1
    moments: Annotated[float, Field(ge=0)] = 0.0


class Gan3DConfig(Strict):
    """Config of the 3D GAN.

    Attributes:
        noise: random numbers per shower.
        grain: add a random number of its own to every cell (arXiv:1812.04948), its width drawn by the generator.
        power: cells enter the networks as (energy / incident energy) ** power, which narrows their range.
        generator, discriminator: sizes of the networks.
        weights: of the parts of the loss.
        bfloat16: train with numbers of 16 bits, three times as fast where the processor has them.
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

    training: ClassVar[Defaults] = {"batch": 100, "clip": 10.0, "average": 0.995}

    kind: Literal["vae"] = "vae"
    network: ClassVar[str] = "caloforge.models.vae:VAEModel"
    latent: Annotated[int, Field(ge=1, le=4096)] = 10
    hidden: Widths = (200, 150, 100, 50)
    weights: VAEWeights = VAEWeights()


class WGANConfig(Strict):
    """Config of the Wasserstein GAN; the defaults are the published ones.

    Attributes:
        latent: normal numbers per shower.
        hidden: widths of the hidden layers of generator and critic.
        critic_steps: steps of the critic per step of the generator.
        gradient_penalty: weight of the penalty on the critic's gradient.
        activity: weight of the generator's outputs (L1 activity regularisation).
    """

    training: ClassVar[Defaults] = {"batch": 64, "learning_rate": 5e-4, "clip": 1000.0, "average": 0.998}

    kind: Literal["wgan-gp"] = "wgan-gp"
    network: ClassVar[str] = "caloforge.models.wgan:WGANModel"
    latent: Annotated[int, Field(ge=1, le=65536)] = 128
    hidden: Widths = (128, 128, 128)
    critic_steps: Annotated[int, Field(ge=1, le=1000)] = 5
    gradient_penalty: Weight = 10.0
    activity: Weight = 1e-5


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
"""One line per model; the config names the class of its network."""
CONFIGS: dict[str, type[Strict]] = {config.model_fields["kind"].default: config for config in OWN}
"""Configs by kind, those of other packages (entry points `caloforge.models`) included."""
ORIGINS = dict.fromkeys(CONFIGS, "caloforge")
for plugin, config in working("models"):
    if plugin.name not in CONFIGS and is_config(config, plugin.name):
        CONFIGS[plugin.name], ORIGINS[plugin.name] = config, plugin.origin


def training_defaults(kind: object) -> Defaults:
    """Values of `[training]` that a kind of model sets where a config does not; empty for an unknown kind."""
    found: Defaults = getattr(CONFIGS.get(str(kind)), "training", {})
    return dict(found)
