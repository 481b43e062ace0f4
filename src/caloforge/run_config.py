"""The config of a named run."""

from typing import Annotated, Any

from pydantic import Field

from caloforge.config import PositiveEnergy, Strict
from caloforge.limits import MAX_SHOWERS
from caloforge.production import SourceConfig
from caloforge.seeds import SEED_LIMIT
from caloforge.simulators.geant4 import Physics

Count = Annotated[int, Field(ge=1, le=MAX_SHOWERS)]


class ShowerCounts(Strict):
    """Geant4 showers that training learns from, selects weights with, and never sees (a reference and a floor half).

    Attributes:
        folder: where they are kept, the run's own by default; runs of the same incidents, counts and seed can share it.
    """

    train: Count
    select: Count
    test: Annotated[int, Field(ge=400, le=MAX_SHOWERS)]
    folder: str | None = None


class ValidationConfig(Strict):
    """Validation of the exported model.

    Attributes:
        competitors: simulators judged beside the model: gflash, frozen (a library of the training showers), files.
        recipe, seeds: of the classifiers.
    """

    competitors: tuple[str, ...] = ()
    recipe: str = "default"
    seeds: Count = 3


class InsideConfig(Strict):
    """The model inside Geant4: events of one energy, particles above `threshold` handed to the model."""

    n: Count = 100
    energy: PositiveEnergy = "10 GeV"
    threshold: PositiveEnergy = "1 GeV"


class BenchConfig(Strict):
    """Energies at which model and Geant4 are timed."""

    energies: Annotated[tuple[PositiveEnergy, ...], Field(min_length=1)] = ("10 GeV",)


class RunConfig(Strict):
    """A complete named run; `model` and `training` are checked by the model they name.

    Attributes:
        name: of the run, its default folder and its model.
        seed: of every random number.
        detector: a preset or a TOML file.
        incidents: what the model learns and is judged on.
        physics: what Geant4 tracks with.
        showers: numbers of Geant4 showers.
        model: kind and sizes of the model.
        training: schedule of the training.
        validation: of the exported model.
        inside: the model inside Geant4.
        bench: timing.
        teacher: run directory of the trained model that a student learns from.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    seed: Annotated[int, Field(ge=0, lt=SEED_LIMIT)] = 1
    detector: str
    incidents: SourceConfig
    physics: Physics = Physics()
    showers: ShowerCounts
    model: dict[str, Any]
    training: dict[str, Any] = Field(default_factory=dict)
    teacher: str | None = None
    validation: ValidationConfig = ValidationConfig()
    inside: InsideConfig = InsideConfig()
    bench: BenchConfig = BenchConfig()
