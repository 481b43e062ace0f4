"""Types and sizes that configs of several models share; no PyTorch."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

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


def _at_most_blocks(value: int, info: ValidationInfo) -> int:
    blocks = info.data.get("blocks", value)
    if value > blocks:
        raise ValueError(f"plain = {value} is more than the {blocks} blocks")
    return value


class FlowConfig(Strict):
    """Size of one flow.

    Attributes:
        blocks: coupling blocks.
        hidden: width of the hidden layers of each network.
        depth: hidden layers of each network.
        bins: bins of each rational-quadratic spline.
        plain: blocks, those next to the latent numbers, that shift and stretch in place of splines; the two next to the
            data keep their edges.
    """

    blocks: Blocks
    hidden: Width
    depth: Annotated[int, Field(ge=1, le=16)] = 2
    bins: Bins = 6
    plain: Annotated[int, Field(ge=0), AfterValidator(_at_most_blocks)] = 0
