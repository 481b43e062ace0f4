"""Types and sizes that configs of several models share; no PyTorch."""

from typing import Annotated

from pydantic import Field

from caloforge.config import Strict

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
"""Values of `[training]` that a kind of model uses if a config sets none."""


class FlowConfig(Strict):
    """Size of one flow.

    Attributes:
        blocks: coupling blocks.
        hidden: width of the hidden layers of each network.
        depth: hidden layers of each network.
        bins: bins of each rational-quadratic spline.
    """

    blocks: Blocks
    hidden: Width
    depth: Annotated[int, Field(ge=1, le=16)] = 2
    bins: Bins = 6
