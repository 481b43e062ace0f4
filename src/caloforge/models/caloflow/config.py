"""Configs of CaloFlow's teacher and student."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from caloforge.config import PositiveEnergy, Strict
from caloforge.models.config_types import Bins, Blocks, Defaults, Width


class MaskedFlowConfig(Strict):
    """Size of one masked flow.

    Attributes:
        blocks: masked blocks.
        hidden: units of each hidden layer of a network.
        depth: hidden layers of each network.
        bins: bins of each rational-quadratic spline.
        dropout: share of the hidden units left out in a training step.
    """

    blocks: Blocks
    hidden: Width
    depth: Annotated[int, Field(ge=1, le=16)] = 1
    bins: Bins = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Logits(Strict):
    """Flow II sees logits of the cells' shares of their layer energy, as in the paper.

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
        columns: features of the cells that flow II sees.
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
        layers: flow I, which must be the teacher's.
        cells: flow II, which may differ from the teacher's in hidden layers and dropout only.
        columns: features of the cells that flow II sees, which must be the teacher's.
    """

    learns_from: ClassVar[str] = "caloflow"
    training: ClassVar[Defaults] = {"batch": 64, "learning_rate": 5e-4, "average": 0.99}

    kind: Literal["caloflow-student"] = "caloflow-student"
    network: ClassVar[str] = "caloforge.models.caloflow.model:CaloFlowStudent"
    layers: MaskedFlowConfig = MaskedFlowConfig(blocks=6, hidden=64)
    cells: MaskedFlowConfig = MaskedFlowConfig(blocks=8, hidden=504)
    columns: Annotated[Logits | Scores, Field(discriminator="kind")] = Logits()
