"""Config of FAST.AR."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from caloforge.config import Strict
from caloforge.models.config_types import Defaults, Depth, FlowConfig, Width


class FastArConfig(Strict):
    """Config of the autoregressive mixture network.

    Attributes:
        layers: flow I, the layer energies and shapes given the incident.
        layer_updates: updates of flow I per training step; flow I is small, but has as much to learn as the cells.
        widths: channels at each resolution of the network, the finest first.
        blocks: residual blocks at each resolution; resolutions between the finest and the coarsest have them twice, on
            the way down and on the way up.
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
