"""The config of a named run."""

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from caloforge.config import PositiveEnergy, Strict
from caloforge.limits import MAX_SHOWERS
from caloforge.production import SourceConfig
from caloforge.search.config import SearchConfig
from caloforge.seeds import SEED_LIMIT
from caloforge.simulators.geant4 import Physics

if TYPE_CHECKING:
    from caloforge.training import TrainingConfig

Count = Annotated[int, Field(ge=1, le=MAX_SHOWERS)]
File = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
NAMES = ("train", "select", "test")


class ShowerCounts(Strict):
    """Sizes of the training, validation and test samples, made by Geant4; or files that hold them.

    The test sample is split into reference and floor.

    Attributes:
        train, select, test: numbers of showers; or files of showers in any layout; or `train` alone, one file that is
            split by a hash of its shower ids.
        shares: parts of one file for training, validation and test.
        particle, format: particle and layout of files that do not tell them.
        folder: folder of the showers, the run's own by default; runs of equal incidents, counts and seed, or of
            the same files, share it.
    """

    train: Count | File
    select: Count | File | None = None
    test: Annotated[int, Field(ge=400, le=MAX_SHOWERS)] | File | None = None
    shares: tuple[Share, Share, Share] = (0.8, 0.1, 0.1)
    particle: str | None = None
    format: str | None = None
    folder: str | None = None

    @property
    def from_files(self) -> bool:
        """Whether the showers come from files."""
        return isinstance(self.train, str)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Numbers of showers for training, validation and test, if Geant4 makes them."""
        train, select, test = (getattr(self, name) for name in NAMES)
        return int(train), int(select), int(test)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        others = (self.select, self.test)
        if not self.from_files:
            if not all(isinstance(value, int) for value in others):
                raise ValueError("train, select and test are three numbers of showers, or files")
            if self.particle or self.format:
                raise ValueError("particle and format are of files; Geant4's showers have theirs in [incidents]")
            return self
        if not (all(isinstance(value, str) for value in others) or others == (None, None)):
            raise ValueError("select and test are files, as train is; or left out, where one file is split")
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"shares must sum to 1, they sum to {sum(self.shares):g}")
        return self


class ValidationConfig(Strict):
    """Validation of the exported model.

    Attributes:
        competitors: simulators judged beside the model: gflash, frozen (a library of the training showers), files.
        recipe, seeds: recipe and number of seeds of the classifiers.
    """

    competitors: tuple[str, ...] = ()
    recipe: str = "default"
    seeds: Count = 3


class InsideConfig(Strict):
    """The model inside Geant4.

    Attributes:
        n: events.
        energy: kinetic energy of the incident particles.
        threshold: kinetic energy above which the model gets particles.
    """

    n: Count = 100
    energy: PositiveEnergy = "10 GeV"
    threshold: PositiveEnergy = "1 GeV"


class BenchConfig(Strict):
    """Timing of the model and of Geant4.

    Attributes:
        energies: kinetic energies; the model is timed at the first, Geant4 at all.
    """

    energies: Annotated[tuple[PositiveEnergy, ...], Field(min_length=1)] = ("10 GeV",)


class RunConfig(Strict):
    """A complete named run; `model` and `training` are checked by the model they name.

    Attributes:
        name: name of the run, its default folder and its model.
        seed: seed of every random number.
        detector: a preset or a TOML file.
        incidents: incidents of training, validation and test.
        physics: physics list and cuts of Geant4.
        showers: numbers of Geant4 showers, or files.
        model: kind and sizes of the model.
        training: schedule of the training.
        validation: validation of the exported model.
        inside: the model inside Geant4.
        bench: timing.
        search: what `caloforge search` varies; a run does not read it.
        teacher: run directory of the trained model that a student learns from.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    seed: Annotated[int, Field(ge=0, lt=SEED_LIMIT)] = 1
    detector: str
    incidents: SourceConfig | None = None
    physics: Physics = Physics()
    showers: ShowerCounts
    model: dict[str, Any]
    training: dict[str, Any] = Field(default_factory=dict)
    teacher: str | None = None
    validation: ValidationConfig = ValidationConfig()
    inside: InsideConfig = InsideConfig()
    bench: BenchConfig = BenchConfig()
    search: SearchConfig | None = None

    @model_validator(mode="after")
    def _incidents_are_known(self) -> Self:
        if (self.incidents is None) != self.showers.from_files:
            word = "leave out [incidents], the files tell them" if self.incidents else "[incidents] is missing"
            raise ValueError(word)
        return self

    @property
    def beam(self) -> SourceConfig:
        """The incidents; a run from files knows them once it has read the files."""
        assert self.incidents is not None
        return self.incidents

    def learning(self) -> "TrainingConfig":
        """Model and schedule with all defaults.

        Raises:
            InputError: a table `[model]` or `[training]` that does not fit.
        """
        from caloforge.training import TrainingConfig

        tables = {"model": self.model, "training": {"seed": self.seed, **self.training}, "teacher": self.teacher}
        return TrainingConfig.build(tables, self.name)
