"""Types of the judge's results in metrics.json."""

from pydantic import Field

from caloforge.validation.schema_base import Closed, Number


class Member(Closed):
    """AUC of one member of the judge."""

    mean: Number
    error: Number
    n: int
    strength: Number
    label: str


class ParticleArea(Closed):
    """AUC among the showers of one particle."""

    mean: Number
    error: Number
    n: int


class Headline(Closed):
    """AUC of the strongest member, which is chosen without the showers on which it is tested."""

    mean: Number
    error: Number
    member: str
    n: int
    chosen: list[str]
    curve: list[tuple[int, Number, Number]]
    told_apart_at: int | None
    members: list[str]
    particles: dict[str, ParticleArea] = Field(default_factory=dict)


class Column(Closed):
    """A feature of the judge."""

    name: str
    family: str
    share: Number
    reference: Number
    candidate: Number
    shift: Number


class Family(Closed):
    """A kind of features, and the loss of AUC without them."""

    name: str
    drop: Number


class Where(Closed):
    """Features that the strongest trees use."""

    member: str
    families: list[Family]
    columns: list[Column]
    cells: list[Number] | None
    sentence: str
