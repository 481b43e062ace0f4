"""Configs of the coupling flow and of its student."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from caloforge.config import Strict
from caloforge.models.config_types import FlowConfig, Width


def _needs_local(value: str | None, info: ValidationInfo) -> str | None:
    if value and not info.data.get("local"):
        raise ValueError(f"neighbourhood = '{value}' needs local, the width of the network that sees it")
    return value


def _shared_needs_local(value: str, info: ValidationInfo) -> str:
    if value == "shared" and not info.data.get("local"):
        raise ValueError("heads = 'shared' needs local, the width of the network that cells share")
    return value


def _seen_by_blocks(value: int | None, info: ValidationInfo) -> int | None:
    cells, heads = info.data.get("cells"), info.data.get("heads")
    if value is None or cells is None:
        return value
    if heads == "shared":
        raise ValueError("seeing goes with heads = 'own'; with shared heads, all blocks see the cells around a cell")
    if not info.data.get("local"):
        raise ValueError(f"seeing = {value} needs local, the width of the networks that see the cells around a cell")
    if value > cells.blocks:
        raise ValueError(f"seeing = {value} is more than the {cells.blocks} blocks of flow II")
    return value


def _slim_needs_local(value: bool, info: ValidationInfo) -> bool:
    if value and not info.data.get("local"):
        raise ValueError("slim needs local, the width of the networks that are slim")
    return value


def _ascend_from_one(value: tuple[float, ...]) -> tuple[float, ...]:
    if value[0] != 1 or list(value) != sorted(set(value)):
        raise ValueError(f"edges = {list(value)} must ascend from 1, the threshold")
    return value


Local = Annotated[int, Field(ge=0, le=1024)]
Heads = Annotated[Literal["own", "shared"], AfterValidator(_shared_needs_local)]
Seeing = Annotated[Annotated[int, Field(ge=1)] | None, AfterValidator(_seen_by_blocks)]
Slim = Annotated[bool, AfterValidator(_slim_needs_local)]
Edges = Annotated[tuple[float, ...], Field(min_length=1, max_length=16), AfterValidator(_ascend_from_one)]
Neighbourhood = Annotated[Literal["directions", "graph"] | None, AfterValidator(_needs_local)]


class CouplingFlowConfig(Strict):
    """Config of the coupling flow.

    Attributes:
        layers: flow I, the layer energies and shapes given the incident.
        layer_updates: updates of flow I per training step; more than one overfits a few thousand showers.
        cells: flow II, the cells given the layers.
        local: width of the networks that see the cells around each cell, with weights shared by all cells; 0 for none.
        neighbourhood: "directions": 14 cells in fixed directions around a cell; "graph": all cells in contact and
            overlap with it; by default directions where cells have rows and columns.
        heads: "own": each cell has weights of its own in the last layers of flow II; "shared": it has biases alone, and
            all that depends on the shower comes from the network that cells share (`local`), which then also sees the
            numbers of the cell's layer. It is meant for thousands of cells.
        seeing: blocks of flow II, those next to the data, that see the cells around each cell; by default those with
            splines, at least two, and all if heads are shared.
        slim: whether the networks that see the cells around a cell have one number per place, the score plus a learned
            multiple of the hit indicator, and one hidden layer.
        edges: energies, in thresholds, between which flow II has ranges.
    """

    kind: Literal["coupling-flow"] = "coupling-flow"
    network: ClassVar[str] = "caloforge.models.coupling_flow.model:CouplingFlowModel"
    layers: FlowConfig = FlowConfig(blocks=6, hidden=64)
    layer_updates: Annotated[int, Field(ge=1, le=100)] = 1
    cells: FlowConfig = FlowConfig(blocks=4, hidden=128)
    local: Local = 0
    neighbourhood: Neighbourhood = None
    heads: Heads = "own"
    seeing: Seeing = None
    slim: Slim = False
    edges: Edges = (1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)


class DistilledConfig(Strict):
    """Config of the student of a coupling flow.

    Attributes:
        layers: size of flow I, which must be the teacher's.
        hidden: width of the residual blocks.
        blocks: number of residual blocks.
        local: width of the network that sees the noise of the cells around each cell; 0 for none.
        neighbourhood: the cells around a cell, as in the coupling flow.
        score: weight of the energy score on Geant4's showers, added to the mean squared error of the pairs.
    """

    learns_from: ClassVar[str] = "coupling-flow"

    kind: Literal["distilled"] = "distilled"
    network: ClassVar[str] = "caloforge.models.coupling_flow.student:PairStudent"
    layers: FlowConfig = FlowConfig(blocks=6, hidden=64)
    hidden: Width = 512
    blocks: Annotated[int, Field(ge=1, le=32)] = 4
    local: Local = 0
    neighbourhood: Neighbourhood = None
    score: Annotated[float, Field(ge=0)] = 0.0
